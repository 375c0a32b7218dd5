"""What says that two holders of references hold the same: a sum that knows no order.

The sum of one SHA-256 per entry modulo 2^256, so that an entry can be counted in and out again
without the others. It finds faults; it is no seal against forgery.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from hashlib import sha256

MODULUS = 2**256
"""Sums are taken modulo this: one SHA-256 fits, and a sum is as long as a summand."""

DIGEST_BYTES = 32
"""Bytes of a digest."""


def hash_entry(reference_id: int, partition: int, content: bytes) -> int:
    """One summand of a digest. content: SHA-256 of the encoded reference."""
    entry = struct.pack("<qq", reference_id, partition) + content
    return int.from_bytes(sha256(entry).digest(), "little")


def write_sum(total: int) -> bytes:
    """A sum of summands, of either sign, as the digest it stands for."""
    return (total % MODULUS).to_bytes(DIGEST_BYTES, "little")


def read_sum(digest: bytes) -> int:
    """The sum that a digest stands for."""
    return int.from_bytes(digest, "little")


def digest_entries(entries: Iterable[tuple[int, int, bytes]]) -> bytes:
    """The digest of a gallery that holds these: reference id, partition, encoded reference."""
    return write_sum(sum(hash_entry(i, p, sha256(encoded).digest()) for i, p, encoded in entries))
