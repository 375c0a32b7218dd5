"""Frames that only the two ends of a line can make and read.

    length | sealed(ticket, payload)

Each direction numbers its frames from zero, and the number is the nonce of AES-256-GCM: a frame
that was altered, left out, repeated or sent back opens no more, and the line ends. The key serves
one line, so no number is used twice.
"""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from matcher.errors import Malformed

KEY_BYTES = 32
"""Of AES-256."""

MOST_BYTES = 64 * 2**20
"""The longest frame: a hundred times the longest question, a thousand references of prints."""

GREETING = 0
"""The ticket of the first frame of either side, which carries nothing; questions begin with 1."""

GREETING_BYTES = 4 + 8 + 16
"""Of length, ticket and tag."""

_LENGTH, _TICKET, _NONCE = struct.Struct("<I"), struct.Struct("<Q"), struct.Struct("<IQ")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a replica listens, and the key of its one line, which no text of this shows."""

    host: str
    port: int
    key: bytes = field(repr=False)


def draw_key() -> bytes:
    """A key for one line."""
    return secrets.token_bytes(KEY_BYTES)


class Seal:
    """One end of a line. key: of both ends. asking: which end; each side's frames are its own."""

    def __init__(self, key: bytes, *, asking: bool) -> None:
        self._cipher = AESGCM(key)
        self._side = int(asking)
        self._sent = self._seen = 0

    def close(self, ticket: int, payload: bytes) -> bytes:
        """The next frame to send; ValueError for one that is too long. Its caller sees to it that
        frames leave in the order in which they were closed."""
        nonce = _NONCE.pack(self._side, self._sent)
        sealed = self._cipher.encrypt(nonce, _TICKET.pack(ticket) + payload, None)
        if len(sealed) > MOST_BYTES:
            raise ValueError(f"a frame of a line is {MOST_BYTES} bytes long at most")
        self._sent += 1
        return _LENGTH.pack(len(sealed)) + sealed

    def open(self, sealed: bytes) -> tuple[int, bytes]:
        """Ticket and payload of the next frame; Malformed where it is not the other end's."""
        try:
            plain = self._cipher.decrypt(_NONCE.pack(1 - self._side, self._seen), sealed, None)
            (ticket,) = _TICKET.unpack_from(plain)
        except (InvalidTag, struct.error) as error:
            raise Malformed("a frame is not the next of the other end of its line") from error
        self._seen += 1
        return ticket, plain[_TICKET.size :]


class Inbox:
    """Cuts what comes over a line into sealed frames."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, piece: bytes) -> list[bytes]:
        """The frames that are complete with this; Malformed for one that is too long."""
        self._held += piece
        found = []
        while len(self._held) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._held)
            if length > MOST_BYTES:
                raise Malformed(f"a frame of a line is {MOST_BYTES} bytes long at most")
            end = _LENGTH.size + length
            if len(self._held) < end:
                break
            found.append(bytes(self._held[_LENGTH.size : end]))
            del self._held[:end]
        return found
