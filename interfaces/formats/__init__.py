"""Untrusted bytes -> samples.

`read` takes a single image or an ANSI/NIST-ITL transaction and returns a Capture. Limits
come before every decoder, decoders run in a process of their own, and FormatRefused is the
only exception: it names the rule, the field, the reason and the remedy.
"""

from __future__ import annotations

from interfaces.formats import images, limits, nist
from interfaces.formats.capture import Capture, MissingReason
from interfaces.formats.errors import FormatRefused, Rule
from interfaces.formats.images import read_face, read_finger
from matcher.vocabulary import FingerPosition, Impression

__all__ = [
    "Capture",
    "FormatRefused",
    "MissingReason",
    "Rule",
    "read",
    "read_face",
    "read_finger",
]


def read(
    data: bytes,
    *,
    position: FingerPosition | None = None,
    impression: Impression | None = None,
    dpi: float | None = None,
) -> Capture:
    """The samples in a fingerprint image or in a transaction.

    position, impression, dpi: what the sender states beside a single image; a transaction
    states its own and takes none. A single photograph goes to read_face. Raises FormatRefused.
    """
    limits.check_bytes(data, limits.TRANSACTION_BYTES, "data")
    if nist.is_transaction(data):
        if (position, impression, dpi) != (None, None, None):
            reason = "are stated beside a transaction, which states its own"
            raise FormatRefused(Rule.FORMAT, "position, impression, dpi", reason, "leave them out")
        return nist.read(data)
    if position is None:
        images.inspect(data)
        remedy = "state the position code; send a photograph as a face"
        raise FormatRefused(Rule.POSITION, "position", "is not stated", remedy)
    return Capture(fingers=read_finger(data, position=position, impression=impression, dpi=dpi))
