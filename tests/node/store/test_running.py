"""The running digest is that of the stored references after every change, or not known."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, update

from benchmarks.galleries import Draw, draw_reference
from interfaces.eurodac.categories import Category
from matcher import templates
from matcher.digest import digest_entries
from node import schema
from node.access import PARTITIONS
from node.loading import load_gallery
from node.store import Store, biometrics, running

NOW = datetime(2026, 9, 1, tzinfo=UTC)
SHORT = Draw(minutiae=12)


class Models:
    """An engine's models, without the nets behind them."""

    def __init__(self, store: Store) -> None:
        with store.read() as transaction:
            found = [one.reference for one in biometrics.all_references(transaction)]
        self.models = sorted(set().union(*(templates.models_of(one) for one in found)))

    def is_current(self, _: object) -> bool:
        return True


def add(store: Store, number: str, seed: int, category: str = "APPLICANT_REG") -> int:
    with store.write() as transaction:
        transaction.add_owner(number)
        values = {
            "reference_number": number,
            "category": category,
            "unit": "",
            "delivery": "QUEUED",
            "refusal": "",
            "revision": 1,
            "enrolled_at": NOW + timedelta(seconds=seed),
        }
        transaction.connection.execute(insert(schema.data_sets).values(values))
        return biometrics.put_reference(transaction, number, draw_reference(seed, SHORT))


def known(store: Store) -> bytes | None:
    with store.read() as transaction:
        return running.read(transaction)


def summed(store: Store) -> bytes:
    with store.read() as transaction:
        return digest_entries(
            (one.template_id, PARTITIONS[one.category], one.encoded)
            for one in biometrics.all_references(transaction)
        )


def test_every_change_of_a_reference_changes_the_digest_with_it(store: Store) -> None:
    assert known(store) == summed(store) == bytes(32)
    first = add(store, "DK1", 1)
    add(store, "DK2", 2, "SAR")
    assert known(store) == summed(store) != bytes(32)
    with store.write() as transaction:
        biometrics.replace_reference(transaction, first, draw_reference(3, SHORT))
    assert known(store) == summed(store)
    with store.write() as transaction:
        biometrics.drop_reference(transaction, "DK1")
    assert known(store) == summed(store) != bytes(32)
    with store.write() as transaction:
        biometrics.drop_reference(transaction, "DK2")
    assert known(store) == bytes(32)


def test_a_change_that_is_rolled_back_is_in_no_digest(store: Store) -> None:
    add(store, "DK1", 1)
    before = known(store)

    def fail() -> None:
        with store.write() as transaction:
            biometrics.drop_reference(transaction, "DK1")
            assert running.read(transaction) != before
            raise MemoryError

    with pytest.raises(MemoryError):
        fail()
    assert known(store) == before == summed(store)


def test_numbers_are_not_given_twice(store: Store) -> None:
    given = add(store, "DK1", 1)
    with store.write() as transaction:
        biometrics.drop_reference(transaction, "DK1")
    assert add(store, "DK2", 2) > given


def test_a_damaged_hash_does_not_keep_a_reference_from_being_erased(store: Store) -> None:
    for number, seed in (("DK1", 1), ("DK2", 2)):
        add(store, number, seed)
    with store.write() as transaction:
        transaction.connection.execute(update(schema.templates).values(digest=b"\x01damaged"))
        biometrics.drop_reference(transaction, "DK1")
    assert known(store) is None
    add(store, "DK3", 3)
    assert known(store) is None
    load_gallery(store, Models(store))  # type: ignore[arg-type]
    assert known(store) == summed(store)


def test_a_wrong_digest_is_put_right_by_a_full_load(store: Store) -> None:
    add(store, "DK1", 1)
    with store.write() as transaction:
        running.put(transaction, bytes([7]) * 32)
    gallery = load_gallery(store, Models(store))  # type: ignore[arg-type]
    assert known(store) == summed(store) == gallery.digest()


def test_a_store_of_an_earlier_program_is_summed_by_the_next_start(store: Store) -> None:
    numbers = [add(store, f"DK{seed}", seed) for seed in range(1, 4)]
    with store.write() as transaction:
        running.forget(transaction)
        transaction.connection.execute(update(schema.templates).values(digest=None))
        biometrics.drop_reference(transaction, "DK1")
    assert known(store) is None
    load_gallery(store, Models(store))  # type: ignore[arg-type]
    assert known(store) == summed(store)
    with store.write() as transaction:
        assert running.list_unnoted(transaction) == ()
        biometrics.drop_reference(transaction, "DK2")
    assert known(store) == summed(store)
    with store.read() as transaction:
        ids, partitions = biometrics.list_partitions(transaction)
    assert ids.tolist() == numbers[2:]
    assert partitions.tolist() == [PARTITIONS[Category.APPLICANT_REG]]
