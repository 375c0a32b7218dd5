"""Reads the primitive values of dlib's serialization format from untrusted bytes.

The format has no schema: a reader must know what comes next. Integers have a variable length,
floating point numbers of records are an integer mantissa and a binary exponent, tensors are
raw little-endian float32. Every read is bounded by the bytes that are there and by a limit.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from matcher.errors import Malformed

MAX_INTEGER_BYTES = 8
"""dlib writes no integer wider than 64 bits."""

MAX_TENSOR_ELEMENTS = 4_000_000
"""Largest tensor of the three models is 590,080 elements; room for a wider net, no more."""

MAX_STRING_BYTES = 64
"""Strings are layer names of at most 23 characters."""

MAX_COUNT = 10_000
"""Longest sequence in the three models: 500 trees, 500 features, 150 layers."""

_INFINITE_EXPONENT = 32_000
"""Exponents from here on mark infinities and not-a-number, which no sane weight is."""

_TENSOR_VERSION = 2
_ALIAS_VERSION = 1


class Reader:
    """A position in a serialized blob; each method reads one value and moves on.

    Raises Malformed when the blob ends early or a value breaks its limit.
    """

    def __init__(self, blob: bytes) -> None:
        self._blob = blob
        self._at = 0

    @property
    def finished(self) -> bool:
        """Whether every byte has been read."""
        return self._at == len(self._blob)

    def _take(self, length: int) -> bytes:
        end = self._at + length
        if end > len(self._blob):
            raise Malformed(f"model blob ends inside a value at byte {self._at}")
        taken = self._blob[self._at : end]
        self._at = end
        return taken

    def integer(self) -> int:
        """One integer: a control byte (sign, length), then that many bytes, low byte first."""
        control = self._take(1)[0]
        length = control & 0x0F
        if control & 0x70 or not 1 <= length <= MAX_INTEGER_BYTES:
            raise Malformed(f"bad integer control byte before byte {self._at}")
        magnitude = int.from_bytes(self._take(length), "little")
        return -magnitude if control & 0x80 else magnitude

    def count(self, limit: int = MAX_COUNT) -> int:
        """An integer that is a length: not negative and not above the limit."""
        value = self.integer()
        if not 0 <= value <= limit:
            raise Malformed(f"a count before byte {self._at} is outside 0..{limit}")
        return value

    def expect(self, *values: int, what: str) -> int:
        """An integer that must be one of the given values, such as a version."""
        value = self.integer()
        if value not in values:
            raise Malformed(f"{what} before byte {self._at} is not one of {values}")
        return value

    def number(self) -> float:
        """One floating point number as mantissa and binary exponent; always finite."""
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) >= _INFINITE_EXPONENT:
            raise Malformed(f"a number before byte {self._at} is not finite")
        try:
            return math.ldexp(mantissa, exponent)
        except OverflowError:
            raise Malformed(f"a number before byte {self._at} is too large") from None

    def boolean(self) -> bool:
        """One truth value, the character 1 or 0."""
        character = self._take(1)
        if character not in (b"0", b"1"):
            raise Malformed(f"bad truth value before byte {self._at}")
        return character == b"1"

    def string(self) -> str:
        """One ASCII string with its length in front."""
        text = self._take(self.count(MAX_STRING_BYTES))
        if not text.isascii():
            raise Malformed(f"a name before byte {self._at} is not ASCII")
        return text.decode("ascii")

    def tensor(self) -> NDArray[np.float32]:
        """One tensor, shape (samples, channels, rows, columns); all elements finite."""
        self.expect(_TENSOR_VERSION, what="tensor version")
        shape = tuple(self.count(MAX_TENSOR_ELEMENTS) for _ in range(4))
        elements = math.prod(shape)
        if elements > MAX_TENSOR_ELEMENTS:
            raise Malformed(f"a tensor before byte {self._at} has too many elements")
        values = np.frombuffer(self._take(4 * elements), dtype="<f4")
        if not np.isfinite(values).all():
            raise Malformed(f"a tensor before byte {self._at} holds values that are not finite")
        return values.reshape(shape).astype(np.float32)

    def alias(self) -> tuple[int, int, int, int]:
        """The shape of a window into a parameter tensor."""
        self.expect(_ALIAS_VERSION, what="alias version")
        samples, channels, rows, columns = (self.count(MAX_TENSOR_ELEMENTS) for _ in range(4))
        return samples, channels, rows, columns

    def column(self) -> NDArray[np.float32]:
        """One column matrix of numbers; dlib writes both extents negated, shape (rows,)."""
        rows, columns = -self.integer(), -self.integer()
        if columns != 1 or not 0 < rows <= MAX_COUNT:
            raise Malformed(f"a matrix before byte {self._at} is not a short column")
        return np.array([self.number() for _ in range(rows)], dtype=np.float32)
