"""The register of a gallery: who sits in which row, with gaps between the rows."""

from hashlib import sha256

import numpy as np
import pytest

from matcher.memory import ABSENT
from matcher.register import FREE, SLAB_ROWS, Handles, Register

ROWS = [0, 5, SLAB_ROWS - 1, SLAB_ROWS, 9 * SLAB_ROWS + 17]


def content(number: int) -> bytes:
    return sha256(bytes([number])).digest()


def enter(register: Register, number: int) -> None:
    face = ABSENT if number == 2 else 70 + number
    register.enter(
        ROWS[number], 1000 - number, minutiae=50 + number, face=face, content=content(number)
    )


def full() -> Register:
    register = Register()
    for number in range(len(ROWS)):
        enter(register, number)
    return register


def test_persons_are_found_by_id_and_read_by_row() -> None:
    register = full()
    rows = np.array([*reversed(ROWS), 6, 4 * SLAB_ROWS])
    assert register.ids(rows).tolist() == [996, 997, 998, 999, 1000, FREE, FREE]
    handles = register.handles(rows)
    assert handles.minutiae.tolist() == [54, 53, 52, 51, 50, ABSENT, ABSENT]
    assert handles.faces.tolist() == [74, 73, ABSENT, 71, 70, ABSENT, ABSENT]
    assert [register.find(1000 - number) for number in range(5)] == ROWS
    assert register.entry(ROWS[4]) == (996, content(4))
    assert len(register) == 5
    assert 998 in register
    assert 5 not in register


def test_a_removed_person_leaves_nothing_behind() -> None:
    register = full()
    register.remove(ROWS[3])
    assert 997 not in register
    assert len(register) == 4
    with pytest.raises(KeyError):
        register.find(997)
    assert register.ids(np.array(ROWS)).tolist() == [1000, 999, 998, FREE, 996]
    assert register.entry(ROWS[3]) == (FREE, bytes(32))
    assert register.handles(np.array(ROWS[3:4])).minutiae.tolist() == [ABSENT]
    with pytest.raises(KeyError):
        register.remove(ROWS[3])
    register.enter(ROWS[3], 3, minutiae=1, face=2, content=content(9))
    assert register.find(3) == ROWS[3]


def test_nobody_is_entered_twice_or_over_another() -> None:
    register = full()
    for row, reference_id in ((ROWS[0], 7), (8, 1000)):
        with pytest.raises(ValueError, match="twice"):
            register.enter(row, reference_id, minutiae=1, face=1, content=content(0))
    one, two = np.array([7]), np.array([7, 8])
    for rows, ids in (
        (np.array([ROWS[0]]), one),
        (one, np.array([999])),
        (two, two * 0),
        (two * 0 + 9, two),
    ):
        with pytest.raises(ValueError, match="twice"):
            register.enter_many(rows, ids, Handles(rows, rows), np.zeros((len(rows), 32), np.uint8))
    assert len(register) == 5
    assert 7 not in register


def test_entering_many_is_entering_each() -> None:
    one, many = full(), Register()
    contents = np.array([np.frombuffer(content(number), np.uint8) for number in range(5)])
    rows, ids = np.array(ROWS), 1000 - np.arange(5)
    handles = one.handles(rows)
    many.enter_many(
        rows[:2], ids[:2], Handles(handles.minutiae[:2], handles.faces[:2]), contents[:2]
    )
    many.enter_many(
        rows[2:], ids[2:], Handles(handles.minutiae[2:], handles.faces[2:]), contents[2:]
    )
    assert [many.entry(row) for row in ROWS] == [one.entry(row) for row in ROWS]
    assert many.handles(rows).minutiae.tolist() == handles.minutiae.tolist()
    assert many.handles(rows).faces.tolist() == handles.faces.tolist()
    assert [many.find(int(reference_id)) for reference_id in ids] == ROWS


def test_a_row_costs_what_the_page_says() -> None:
    register, count = Register(), 3 * SLAB_ROWS
    rows = np.arange(count)
    handles = Handles(rows, rows)
    register.enter_many(rows, rows, handles, np.zeros((count, 32), np.uint8))
    assert register.nbytes <= (56 + 30) * count
