"""Blocks of memory that never move, as compiled code reaches them: by their addresses.

A column has hundreds of blocks; a kernel that is handed their addresses walks through all of
them in one call, without the interpreter in between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numba import carray, types  # type: ignore[attr-defined]
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

ABSENT = -1
"""Handle of a code that a person does not have."""

DEPOSITED = -2
"""Handle of minutiae that are on disk: see `deposit`. No compiled code may meet it."""

FIRST_BLOCKS = 16
"""Addresses reserved at first; the list doubles when full."""


@intrinsic
def _point_to(_typing, _address):  # type: ignore[no-untyped-def]
    """Compile to nothing: a number becomes a pointer."""

    def emit(_context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), emit


point_to = cast(Callable[[np.int64], Any], _point_to)
"""The pointer to an address, for lay_over(); for compiled functions only."""


@intrinsic
def _claim(_typing, counter):  # type: ignore[no-untyped-def]
    """Add one to a number that other threads add to as well."""

    def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        array = context.make_array(signature.args[0])(context, builder, value=arguments[0])
        one = context.get_constant(types.int64, 1)
        return builder.atomic_rmw("add", array.data, one, "monotonic")

    return types.int64(counter), emit


claim = cast(Callable[[NDArray[np.int64]], int], _claim)
"""The first number of an array as it was, raised by one in the same instant; for compiled functions
only. Of all threads that call it no two get the same."""

lay_over = carray
"""An array over memory: pointer, shape and type; for compiled functions only."""


class Blocks:
    """Equal arrays that are added one by one and stay where they are. Readers need no lock.

    A reader takes `addresses` once; it names every block that any handle known to it points to.
    """

    def __init__(self) -> None:
        self._blocks: list[NDArray[Any]] = []
        self.addresses: NDArray[np.int64] = np.zeros(FIRST_BLOCKS, np.int64)

    def __len__(self) -> int:
        return len(self._blocks)

    def __getitem__(self, number: int) -> NDArray[Any]:
        return self._blocks[number]

    def append(self, block: NDArray[Any]) -> None:
        """Add a block."""
        if len(self._blocks) == len(self.addresses):
            # A copy, not in place: a reader may hold the old list.
            self.addresses = np.concatenate([self.addresses, np.zeros_like(self.addresses)])
        self.addresses[len(self._blocks)] = block.ctypes.data
        self._blocks.append(block)
