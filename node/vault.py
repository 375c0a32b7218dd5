"""Keys and seals: what is personal lies in the store only as AES-256-GCM under a data key.

Plan of this module, in the order of trust:

1. One key-encryption key (KEK) lies in a file that only the node's user can read.
2. From it two keys are derived (HKDF) that never touch personal data: one authenticates the audit
   chain, one turns the content of a request into a digest that tells nothing without the key.
3. Every data set has a data key of its own, drawn at random and kept only wrapped under the KEK.
4. Every sealed value is bound to its place (owner, table, column, row): moved anywhere else it
   does not open.
5. Deleting the wrapped data key erases everything sealed under it, wherever copies lie.

Sealed form: version byte 1, nonce of 12 bytes, ciphertext with a tag of 16 bytes. Keys and nonces
come from the operating system's generator; this is the one place below the doors that draws
randomness, because no caller may ever choose it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.errors import SealBroken, VaultUnusable

KEY_BYTES = 32
"""AES-256."""

NONCE_BYTES = 12
"""The length for which GCM is defined without hashing (NIST SP 800-38D, 5.2.1.1). Random nonces
are safe for 2^32 seals under one key (8.3): a data key makes a few hundred, the KEK one per data
set."""

TAG_BYTES = 16
"""The full length of a tag of GCM."""

SEAL_VERSION = b"\x01"

SEAL_BYTES = len(SEAL_VERSION) + NONCE_BYTES + TAG_BYTES
"""How much longer a sealed value is."""

KEY_FILE_MAGIC = b"eurodac-kek-1\n"
FILE_MODE = 0o600


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value lies; part of what its tag authenticates."""

    owner: str
    table: str
    column: str
    row: str = ""

    def bind(self) -> bytes:
        """The place as unambiguous bytes: every part carries its length."""
        parts = [part.encode() for part in (self.owner, self.table, self.column, self.row)]
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


class Vault:
    """The KEK and what is done with it. Thread-safe; hold one for the life of the process."""

    def __init__(self, kek: bytes) -> None:
        if len(kek) != KEY_BYTES:
            raise VaultUnusable(f"the key has not {KEY_BYTES} bytes")
        self._kek = AESGCM(kek)
        self._audit = _derive(kek, b"audit chain")
        self._requests = _derive(kek, b"request digests")
        self._node = _derive(kek, b"values that outlive a data set")
        self._snapshot = _derive(kek, b"snapshots of the gallery")

    def __repr__(self) -> str:
        return "Vault(…)"

    @property
    def audit_key(self) -> bytes:
        """Authenticates the audit chain; gives no access to any sealed value."""
        return self._audit

    @property
    def node_key(self) -> bytes:
        """Seals what must outlive a data set and holds no personal data, erasures for instance."""
        return self._node

    @property
    def snapshot_key(self) -> bytes:
        """Seals the list of the keys of a snapshot of the gallery."""
        return self._snapshot

    def new_data_key(self) -> bytes:
        """A fresh key for one data set."""
        return os.urandom(KEY_BYTES)

    def wrap(self, owner: str, data_key: bytes) -> bytes:
        """The data key as it may lie in the store, bound to its owner."""
        return _seal(self._kek, data_key, Place(owner, "data_keys", "wrapped"))

    def unwrap(self, owner: str, wrapped: bytes) -> bytes:
        """The data key back; SealBroken if it belongs to another owner or KEK."""
        return _unseal(self._kek, wrapped, Place(owner, "data_keys", "wrapped"))

    def digest(self, content: bytes) -> bytes:
        """32 bytes that tell equal request contents from different ones, and nothing else."""
        return hmac.new(self._requests, content, hashlib.sha256).digest()


def seal(key: bytes, plain: bytes, place: Place) -> bytes:
    """Encrypt a value for one place in the store."""
    return _seal(AESGCM(key), plain, place)


def unseal(key: bytes, sealed: bytes, place: Place) -> bytes:
    """Decrypt a value that lies at this place; SealBroken if it was altered, moved or re-keyed."""
    return _unseal(AESGCM(key), sealed, place)


def unseal_into(key: bytes, sealed: memoryview, place: Place, room: memoryview) -> memoryview:
    """Decrypt a value into room as long as its seal, or longer; the part of it that was filled.

    Claiming fresh memory for every large value takes longer than decrypting it.
    """
    length = len(sealed) - SEAL_BYTES
    if length < 0 or sealed[:1] != SEAL_VERSION:
        raise _broken(place, "not a seal of this version")
    plain, body = room[:length], sealed[len(SEAL_VERSION) + NONCE_BYTES :]
    try:
        AESGCM(key).decrypt_into(bytes(sealed[1 : 1 + NONCE_BYTES]), body, place.bind(), plain)
    except (InvalidTag, ValueError) as error:
        raise _broken(place, "altered, moved or re-keyed") from error
    return plain.toreadonly()


def create_key_file(path: Path) -> None:
    """Draw a new KEK into a new file that only its owner can read; never overwrites one."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    except FileExistsError:
        raise VaultUnusable(f"{path} exists; a key is never overwritten") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(KEY_FILE_MAGIC + os.urandom(KEY_BYTES).hex().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def open_vault(path: Path) -> Vault:
    """The vault of a key file; VaultUnusable if it is missing, readable by others or no key."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(len(KEY_FILE_MAGIC) + 2 * KEY_BYTES + 2)
    except OSError as error:
        raise VaultUnusable(
            f"cannot read the key file {path} ({error.strerror}): `eurodac-node vault init`"
        ) from error
    if stat.S_IMODE(mode) & 0o077:
        raise VaultUnusable(f"others can read the key file {path}: chmod 600 it")
    return Vault(_read_key(content, path))


def _read_key(content: bytes, path: Path) -> bytes:
    body = content.removeprefix(KEY_FILE_MAGIC)
    try:
        key = bytes.fromhex(body.decode("ascii").strip())
    except ValueError:
        key = b""
    if body == content or len(key) != KEY_BYTES:
        raise VaultUnusable(f"{path} is not a key file of this program")
    return key


def _derive(kek: bytes, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=b"eurodac-node " + purpose).derive(kek)


def _seal(cipher: AESGCM, plain: bytes, place: Place) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return SEAL_VERSION + nonce + cipher.encrypt(nonce, plain, place.bind())


def _unseal(cipher: AESGCM, sealed: bytes, place: Place) -> bytes:
    if sealed[:1] != SEAL_VERSION:
        raise _broken(place, "not a seal of this version")
    nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        return cipher.decrypt(nonce, body, place.bind())
    except (InvalidTag, ValueError) as error:
        raise _broken(place, "altered, moved or re-keyed") from error


def _broken(place: Place, why: str) -> SealBroken:
    return SealBroken(f"{place.table}.{place.column}: {why}", row=place.row)
