"""The order of the outbox, against two plain lists."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from node.store import Store, dossiers, open_store, parcels
from node.store.dossiers import Dossier
from node.store.parcels import Parcel
from node.vault import Vault
from node.vocabulary import Delivery, Lane

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
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


def open_in(folder: str) -> Store:
    store = open_store(
        f"sqlite:///{Path(folder) / 's.sqlite'}", Vault(bytes(32)), member_state="DK"
    )
    with store.write() as transaction:
        for number in NUMBERS:
            data_set = DataSet(Category.APPLICANT_REG, "DK", number)
            dossiers.add(
                transaction,
                Dossier(number, Category.APPLICANT_REG, "Unit 1", Delivery.QUEUED, NOW, data_set),
            )
    return store


@given(st.lists(steps, max_size=25))
@settings(max_examples=40)
def test_parcels_leave_as_from_two_plain_lists(script: list[tuple[str, ...]]) -> None:
    with TemporaryDirectory() as folder:
        store, model, clock = open_in(folder), Model(), NOW
        for count, (step, *rest) in enumerate(script):
            with store.write() as transaction:
                if step == "queue":
                    number, lane = rest[0], Lane(rest[1])
                    parcel = Parcel(f"p{count}", number, "SetMark", b"", lane, clock)
                    parcels.add(transaction, parcel)
                    model.queue(number, lane, f"p{count}")
                    continue
                if step == "hour passes":
                    clock += timedelta(hours=1)
                    model.aside.clear()
                found = parcels.find_next(transaction, clock)
                expected = model.next()
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
        store.close()


@given(st.lists(st.tuples(st.sampled_from(NUMBERS), st.sampled_from(Lane)), max_size=12))
@settings(max_examples=40)
def test_requests_about_one_number_never_overtake_each_other(
    queued: list[tuple[str, Lane]],
) -> None:
    with TemporaryDirectory() as folder:
        store = open_in(folder)
        left: list[tuple[str, int]] = []
        with store.write() as transaction:
            for count, (number, lane) in enumerate(queued):
                parcel = Parcel(str(count), number, "SetMark", b"", lane, NOW)
                parcels.add(transaction, parcel)
            assert sum(parcels.count(transaction).values()) == len(queued)
            while (found := parcels.find_next(transaction, NOW)) is not None:
                left.append((found.reference_number, int(found.parcel_id)))
                parcels.remove(transaction, found.parcel_id)
        store.close()
    for number in NUMBERS:
        mine = [count for about, count in left if about == number]
        assert mine == sorted(mine)
    assert len(left) == len(queued)
