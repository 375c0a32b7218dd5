"""The order of the outbox, against two plain lists."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from node.store import Store, Transaction, dossiers, open_store, parcels
from node.store.dossiers import Dossier
from node.store.parcels import Parcel
from node.vault import Vault
from node.vocabulary import Delivery, Lane

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
NUMBERS = ["DK11", "DK12", "DK13"]

steps = st.one_of(
    st.tuples(st.just("queue"), st.sampled_from(NUMBERS), st.sampled_from(Lane)),
    st.tuples(st.just("deliver")),
    st.tuples(st.just("set aside")),
    st.tuples(st.just("hour passes")),
)


class Model:
    """Two lists. An urgent request takes along what waits about its number, in its order."""

    def __init__(self) -> None:
        self.urgent: list[tuple[str, str]] = []
        self.normal: list[tuple[str, str]] = []
        self.aside: set[str] = set()

    def queue(self, number: str, lane: Lane, name: str) -> None:
        if lane is Lane.NORMAL:
            self.normal.append((number, name))
            return
        moving = [one for one in self.normal if one[0] == number]
        self.normal = [one for one in self.normal if one[0] != number]
        self.urgent += [*moving, (number, name)]

    def next(self) -> tuple[str, str] | None:
        waiting = [one for one in self.urgent + self.normal if one[0] not in self.aside]
        return waiting[0] if waiting else None

    def remove(self, one: tuple[str, str]) -> None:
        (self.urgent if one in self.urgent else self.normal).remove(one)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all examples; each runs in a transaction that is rolled back."""
    url = f"sqlite:///{tmp_path_factory.mktemp('parcels') / 's.sqlite'}"
    opened = open_store(url, Vault(bytes(32)), member_state="DK")
    with opened.write() as transaction:
        for number in NUMBERS:
            data_set = DataSet(Category.APPLICANT_REG, "DK", number)
            kind, state = Category.APPLICANT_REG, Delivery.QUEUED
            dossiers.add(transaction, Dossier(number, kind, "Unit 1", state, NOW, data_set))
    yield opened
    opened.close()


class RolledBack(Exception):
    """Ends an example without a trace."""


@contextmanager
def example(store: Store) -> Iterator[Transaction]:
    with suppress(RolledBack), store.write() as transaction:
        yield transaction
        raise RolledBack


@given(script=st.lists(steps, max_size=25))
def test_parcels_leave_as_from_two_plain_lists(store: Store, script: list[tuple[str, ...]]) -> None:
    model, clock = Model(), NOW
    with example(store) as transaction:
        for count, (step, *rest) in enumerate(script):
            if step == "queue":
                number, lane = rest[0], Lane(rest[1])
                parcels.add(transaction, Parcel(f"p{count}", number, "SetMark", b"", lane, clock))
                model.queue(number, lane, f"p{count}")
                continue
            if step == "hour passes":
                clock += timedelta(hours=1)
                model.aside.clear()
            found, expected = parcels.find_next(transaction, clock), model.next()
            assert (found and (found.reference_number, found.parcel_id)) == expected
            if found is None or expected is None:
                continue
            if step == "deliver":
                parcels.remove(transaction, found.parcel_id)
                model.remove(expected)
            elif step == "set aside":
                until = clock + timedelta(minutes=59)
                parcels.put_off(transaction, found.parcel_id, until, aside=True)
                model.aside.add(expected[0])


@given(queued=st.lists(st.tuples(st.sampled_from(NUMBERS), st.sampled_from(Lane)), max_size=12))
def test_requests_about_one_number_never_overtake_each_other(
    store: Store, queued: list[tuple[str, Lane]]
) -> None:
    left: list[tuple[str, int]] = []
    with example(store) as transaction:
        for count, (number, lane) in enumerate(queued):
            parcels.add(transaction, Parcel(str(count), number, "SetMark", b"", lane, NOW))
        assert sum(parcels.count(transaction).values()) == len(queued)
        while (found := parcels.find_next(transaction, NOW)) is not None:
            left.append((found.reference_number, int(found.parcel_id)))
            parcels.remove(transaction, found.parcel_id)
    for number in NUMBERS:
        mine = [count for about, count in left if about == number]
        assert mine == sorted(mine)
    assert len(left) == len(queued)
