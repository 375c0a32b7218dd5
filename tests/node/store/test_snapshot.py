"""A start from a snapshot holds what the store holds, whatever happened to either since."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from benchmarks.galleries import Draw, draw_capture, draw_reference
from matcher.digest import digest_entries
from matcher.gallery import Gallery
from matcher.segments import Outline, Segment
from node import files, loading, snapshot
from node.access import PARTITIONS
from node.errors import SealBroken, StoreUnusable
from node.loading import load_gallery, open_snapshot
from node.settings import GallerySettings
from node.snapshot import MANIFEST, Snapshot
from node.store import Store, biometrics, running
from node.vault import Place, seal, unseal
from tests.node.store.test_running import SHORT, Models, add, summed

KEY = bytes(range(32))


def ask_nobody(_: list[int]) -> NoReturn:
    """The store of those tests in which nothing is damaged."""
    raise AssertionError("the store was asked for minutiae")


def flip(file: Path, at: int) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])


def shorten(file: Path, at: int) -> None:
    file.write_bytes(file.read_bytes()[:at])


def remove(file: Path, _: int) -> None:
    file.unlink()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "snapshot"


@pytest.fixture
def ids(store: Store) -> list[int]:
    return [add(store, f"DK{seed}", seed) for seed in range(1, 5)]


@pytest.fixture
def gallery(store: Store, ids: list[int]) -> Gallery:
    assert ids
    return load(store)


def load(store: Store, kept: Snapshot | None = None) -> Gallery:
    return load_gallery(store, Models(store), kept)  # type: ignore[arg-type]


def write(folder: Path, gallery: Gallery) -> Snapshot:
    kept = Snapshot(folder, KEY, ask_nobody)
    kept.write(gallery, kept.list_dirty(gallery))
    return kept


def drop(store: Store, number: str) -> None:
    with store.write() as transaction:
        biometrics.drop_reference(transaction, number)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Gallery numbers of the references that a start opens from the store."""
    seen: list[int] = []

    def noting(read: Callable[..., object]) -> Callable[..., object]:
        def read_(*given: object) -> object:
            for stored in read(*given):  # type: ignore[attr-defined]
                seen.append(stored.template_id)
                yield stored

        return read_

    for name in ("all_references", "some_references"):
        monkeypatch.setattr(biometrics, name, noting(getattr(biometrics, name)))
    return seen


def start(store: Store, folder: Path, opened: list[int]) -> tuple[Gallery, list[int]]:
    """The gallery of a start, which must be the store's, and what was opened for it."""
    models = Models(store)
    opened.clear()
    gallery = load_gallery(store, models, Snapshot(folder, KEY, ask_nobody))  # type: ignore[arg-type]
    read = list(opened)
    assert gallery.digest() == summed(store)
    return gallery, read


def test_a_start_from_a_snapshot_opens_no_reference(
    store: Store, folder: Path, gallery: Gallery, opened: list[int]
) -> None:
    write(folder, gallery)
    again, read = start(store, folder, opened)
    assert read == []
    assert len(again) == len(gallery) == 4


def test_after_an_orderly_stop_the_stored_references_are_not_even_listed(
    store: Store, folder: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, gallery)
    monkeypatch.delattr(biometrics, "list_partitions")
    assert len(load(store, Snapshot(folder, KEY, ask_nobody))) == len(gallery)


def test_a_file_system_without_direct_reads_serves_as_well(
    store: Store,
    folder: Path,
    gallery: Gallery,
    opened: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(folder, gallery)
    refused = []

    def open_(path: Path, flags: int, *rest: int) -> int:
        if flags & os.O_DIRECT:
            refused.append(path)
            raise OSError(errno.EINVAL, "no direct reads here")
        return really(path, flags, *rest)

    really = os.open
    monkeypatch.setattr(os, "open", open_)
    assert start(store, folder, opened)[1] == []
    assert refused


def test_only_what_came_since_is_opened_and_who_is_gone_is_gone(
    store: Store, folder: Path, gallery: Gallery, ids: list[int], opened: list[int]
) -> None:
    write(folder, gallery)
    drop(store, "DK2")
    come = add(store, "DK9", 9)
    again, read = start(store, folder, opened)
    assert read == [come]
    assert ids[1] not in again
    assert come in again


def test_who_is_in_another_partition_since_is_moved(
    store: Store, folder: Path, ids: list[int], opened: list[int]
) -> None:
    moved = Gallery()
    with store.read() as transaction:
        for stored in biometrics.all_references(transaction):
            moved.enrol(stored.template_id, stored.reference, partition=99)
    assert len(moved) == len(ids)
    write(folder, moved)
    again, read = start(store, folder, opened)
    assert read == []
    assert set(again.list_held()[1].tolist()) <= set(PARTITIONS.values())


@pytest.mark.parametrize("damage", ["shorter", "longer", "flipped", "empty", "absent"])
@pytest.mark.parametrize("which", ["manifest", "segment"])
def test_damage_costs_time_and_nothing_else(
    which: str, damage: str, store: Store, folder: Path, gallery: Gallery, opened: list[int]
) -> None:
    write(folder, gallery)
    (segment,) = [file for file in folder.iterdir() if file.name != MANIFEST]
    file = folder / MANIFEST if which == "manifest" else segment
    content = file.read_bytes()
    if damage == "absent":
        file.unlink()
    else:
        half = len(content) // 2
        flipped = content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]
        damaged = {"shorter": content[:-1], "longer": content + b"\0", "flipped": flipped}
        file.write_bytes(damaged.get(damage, b""))
    again, read = start(store, folder, opened)
    assert len(again) == len(read) == 4


def test_wherever_a_segment_is_torn_the_start_holds_the_store(
    store: Store, folder: Path, gallery: Gallery, opened: list[int]
) -> None:
    write(folder, gallery)
    (segment,) = [file for file in folder.iterdir() if file.name != MANIFEST]
    whole = segment.read_bytes()
    step = len(whole) // 40
    for end in range(0, len(whole), step):
        segment.write_bytes(whole[:end])
        manifest = (folder / MANIFEST).read_bytes()
        again, read = start(store, folder, opened)
        assert len(again) == len(read) == 4
        (folder / MANIFEST).write_bytes(manifest)


def test_a_power_cut_before_the_manifest_leaves_the_older_snapshot(
    store: Store,
    folder: Path,
    gallery: Gallery,
    opened: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = write(folder, gallery)
    come = add(store, "DK9", 9)
    with store.read() as transaction:
        stored = biometrics.find_reference(transaction, come)
    assert stored is not None
    gallery.enrol(come, stored.reference, partition=PARTITIONS[stored.category])

    def cut(self: Path, target: Path) -> Path:
        raise OSError(5, "power cut", str(self), None, str(target))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", cut)
        with pytest.raises(OSError, match="power cut"):
            kept.write(gallery, kept.list_dirty(gallery))
    assert start(store, folder, opened)[1] == [come]


def test_the_snapshot_of_another_store_is_not_believed(
    store: Store, folder: Path, gallery: Gallery, ids: list[int], opened: list[int]
) -> None:
    write(folder, gallery)
    with store.write() as transaction:
        running.put(transaction, bytes([7]) * 32)
    _, read = start(store, folder, opened)
    assert read == ids
    assert list(folder.iterdir()) == []


def test_a_snapshot_of_other_models_is_not_used(
    store: Store, folder: Path, ids: list[int], opened: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, load(store))
    models = Models(store)
    monkeypatch.setattr(Outline, "models", ("finger-vector-0",))
    opened.clear()
    gallery = load_gallery(store, models, Snapshot(folder, KEY, ask_nobody))  # type: ignore[arg-type]
    assert opened == ids
    assert gallery.digest() == summed(store)


def test_a_snapshot_of_another_layout_is_left_with_one_warning(
    store: Store,
    folder: Path,
    gallery: Gallery,
    ids: list[int],
    opened: list[int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write(folder, gallery)
    monkeypatch.setattr(snapshot, "LAYOUT", bytes(32))
    assert start(store, folder, opened)[1] == ids
    assert [one.message for one in caplog.records] == ["the snapshot cannot be used: Malformed"]


def test_nothing_of_a_person_lies_there_in_the_clear(
    folder: Path, store: Store, gallery: Gallery
) -> None:
    write(folder, gallery)
    with store.read() as transaction:
        encoded = [one.encoded for one in biometrics.all_references(transaction)]
    (number,) = gallery.marks()
    segment = gallery.copy_segment(number)[0]
    # Minutiae as the gallery keeps them, and the templates of the store.
    secrets = [segment.words.tobytes()[at : at + 16] for at in range(16, 2000, 64)]
    secrets += [one[at : at + 16] for one in encoded for at in range(64, len(one) - 16, 64)]
    for file in folder.iterdir():
        content = file.read_bytes()
        assert not any(secret in content for secret in secrets if any(secret))


def test_an_erasure_destroys_the_key_of_the_segment_at_once(
    folder: Path, store: Store, gallery: Gallery, ids: list[int]
) -> None:
    kept = write(folder, gallery)
    before = list_keys(folder)
    assert len(before) == 1
    assert gallery.erase(ids[0])
    kept.expire(gallery)
    assert list_keys(folder) == []
    assert [file.name for file in folder.iterdir()] == [MANIFEST]
    drop(store, "DK1")
    kept.write(gallery, kept.list_dirty(gallery))
    assert not set(list_keys(folder)) & set(before)
    assert len(Snapshot(folder, KEY, ask_nobody).open()) == 3


def test_an_enrolment_destroys_no_key(
    folder: Path, store: Store, gallery: Gallery, ids: list[int]
) -> None:
    kept = write(folder, gallery)
    before = list_keys(folder)
    with store.read() as transaction:
        stored = biometrics.find_reference(transaction, ids[0])
    assert stored is not None
    gallery.enrol(77, stored.reference)
    kept.expire(gallery)
    assert list_keys(folder) == before
    assert kept.list_dirty(gallery) == list(gallery.marks())


def test_who_is_erased_while_a_segment_is_written_is_not_in_it(
    folder: Path, gallery: Gallery, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Snapshot(folder, KEY, ask_nobody)
    encode = Segment.encode

    def erasing(segment: Segment) -> bytes:
        gallery.erase(ids[0])
        kept.expire(gallery)
        return encode(segment)

    monkeypatch.setattr(Segment, "encode", erasing)
    kept.write(gallery, kept.list_dirty(gallery))
    assert list_keys(folder) == []
    assert [file.name for file in folder.iterdir()] == [MANIFEST]


def test_a_segment_that_cannot_be_read_loses_its_key_and_the_others_keep_theirs(
    folder: Path,
) -> None:
    gallery = Gallery()
    for number, vectors in enumerate((False, True)):
        gallery.enrol(number, draw_reference(number, Draw(minutiae=12, vectors=vectors)))
    write(folder, gallery)
    assert len(list_keys(folder)) == 2
    segment = next(file for file in folder.iterdir() if file.name != MANIFEST)
    content = segment.read_bytes()
    segment.write_bytes(content[:99] + bytes([content[99] ^ 1]) + content[100:])
    assert len(Snapshot(folder, KEY, ask_nobody).open()) == 1
    assert len(list_keys(folder)) == 1
    assert not segment.exists()


def test_where_no_manifest_can_be_written_an_erasure_takes_the_old_one_too(
    folder: Path, gallery: Gallery, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = write(folder, gallery)
    gallery.erase(ids[0])
    with monkeypatch.context() as patched:
        patched.setattr(snapshot, "write_file", fail)
        kept.expire(gallery)
    assert list(folder.iterdir()) == []
    kept.write(gallery, kept.list_dirty(gallery))
    assert len(Snapshot(folder, KEY, ask_nobody).open()) == 3


def test_a_torn_segment_does_not_stay_on_a_full_disk(
    folder: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Snapshot(folder, KEY, ask_nobody)

    def tear(path: Path, content: bytes) -> None:
        path.write_bytes(content[:10])
        fail(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(snapshot, "write_file", tear)
        with pytest.raises(OSError, match="no space"):
            kept.write(gallery, kept.list_dirty(gallery))
    assert list(folder.iterdir()) == []


def test_after_a_snapshot_of_nobody_an_erasure_finds_its_way(
    store: Store, folder: Path, gallery: Gallery, ids: list[int]
) -> None:
    for template_id in ids:
        gallery.erase(template_id)
    write(folder, gallery)
    kept = Snapshot(folder, KEY, ask_nobody)
    again = load(store, kept)
    assert list(folder.iterdir()) == []
    assert again.erase(ids[0])
    kept.expire(again)


def test_after_a_start_searches_read_minutiae_from_the_snapshot_until_they_are_woken(
    folder: Path, gallery: Gallery
) -> None:
    write(folder, gallery)
    again = Snapshot(folder, KEY, ask_nobody).open()
    assert again.asleep() == list(again.marks()) != []
    assert answers(again) == answers(gallery)
    for number in again.asleep():
        again.wake(number)
    shutil.rmtree(folder)
    assert again.asleep() == []
    assert answers(again) == answers(gallery)


@pytest.mark.parametrize("damage", [flip, shorten, remove])
def test_damaged_minutiae_are_read_from_the_store_and_written_anew(
    damage: Callable[[Path, int], object],
    store: Store,
    folder: Path,
    gallery: Gallery,
    opened: list[int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    write(folder, gallery)
    kept = open_snapshot(store, Models(store), (folder, KEY), GallerySettings())  # type: ignore[arg-type]
    again = load(store, kept)
    (segment,) = [file for file in folder.iterdir() if file.name != MANIFEST]
    # Within the first page, that of those who are there.
    damage(segment, list_segments(folder)[0][3] + 50)
    opened.clear()
    assert answers(again) == answers(gallery)
    assert opened
    assert "minutiae of segment 0 are damaged" in caplog.text
    assert kept.list_dirty(again) == [0]
    kept.write(again, [0])
    assert kept.list_dirty(again) == []
    assert answers(Snapshot(folder, KEY, ask_nobody).open()) == answers(gallery)


def test_minutiae_of_those_who_stay_outlive_the_key_that_an_erasure_destroys(
    folder: Path, gallery: Gallery, ids: list[int]
) -> None:
    write(folder, gallery)
    kept = Snapshot(folder, KEY, ask_nobody)
    again = kept.open()
    for one in (again, gallery):
        one.erase(ids[0])
    kept.expire(again)
    assert [file.name for file in folder.iterdir()] == [MANIFEST]
    assert answers(again) == answers(gallery)


def test_an_erasure_destroys_the_key_even_where_neither_disk_nor_store_can_be_read(
    folder: Path, gallery: Gallery, ids: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: list[int]) -> NoReturn:
        raise StoreUnusable("the store is busy")

    write(folder, gallery)
    kept = Snapshot(folder, KEY, refuse)
    again = kept.open()
    (segment,) = [file for file in folder.iterdir() if file.name != MANIFEST]
    segment.unlink()
    again.erase(ids[0])
    kept.expire(again)
    assert list_keys(folder) == []
    assert "segment 0 could not be read: StoreUnusable" in caplog.text


def test_a_segment_that_was_busy_is_laid_down_later(folder: Path, gallery: Gallery) -> None:
    write(folder, gallery)
    kept = Snapshot(folder, KEY, ask_nobody, dozing=True)
    again = kept.open()
    again.wake(0)
    assert kept.list_dirty(again) == []
    watch = again._watches.begin()
    watch.touched.add(0)
    kept.lay_down(again)
    assert again.asleep() == []
    again._end_watch(watch)
    kept.lay_down(again)
    assert again.asleep() == [0]


def test_who_came_since_is_laid_down_as_he_is_read(
    store: Store, folder: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "LAID_DOWN_AT_ONCE", 1)
    write(folder, gallery)
    add(store, "DK9", 9)
    again = load(store, Snapshot(folder, KEY, ask_nobody, dozing=True))
    assert len(again) == len(gallery) + 1
    assert again._holdings._minutiae.nbytes == 0


def test_a_manifest_that_was_not_written_whole_does_not_stay(
    folder: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Snapshot(folder, KEY, ask_nobody)
    really = files.write_file

    def tear(path: Path, content: bytes) -> None:
        if path.name.startswith(MANIFEST):
            path.write_bytes(content[: len(content) // 2])
            fail(path, content)
        really(path, content)

    monkeypatch.setattr(snapshot, "write_file", tear)
    with pytest.raises(OSError, match="no space"):
        kept.write(gallery, kept.list_dirty(gallery))
    assert not [file for file in folder.iterdir() if file.name.startswith(MANIFEST)]


def test_where_minutiae_stay_on_disk_memory_holds_none_that_is_written(
    store: Store, folder: Path, gallery: Gallery, ids: list[int]
) -> None:
    kept = Snapshot(folder, KEY, ask_nobody, dozing=True)
    kept.open()
    again = load(store, kept)
    kept.write(again, kept.list_dirty(again))
    minutiae = again._holdings._minutiae
    assert minutiae.nbytes == 0
    assert answers(again) == answers(gallery)
    again.erase(ids[1])
    gallery.erase(ids[1])
    kept.expire(again)
    assert minutiae.nbytes > 0
    kept.write(again, kept.list_dirty(again))
    assert minutiae.nbytes == 0
    assert not any(block.any() for block in minutiae.blocks)
    assert answers(again) == answers(gallery)


def test_a_start_without_a_snapshot_lays_minutiae_on_disk_as_it_reads_them(
    store: Store, folder: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "LAID_DOWN_AT_ONCE", 2)
    again = load(store, Snapshot(folder, KEY, ask_nobody, dozing=True))
    assert again._holdings._minutiae.nbytes == 0
    assert answers(again) == answers(gallery)


def test_a_segment_that_is_written_anew_while_it_is_read_is_read_anew(
    folder: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, gallery)
    kept = Snapshot(folder, KEY, ask_nobody, dozing=True)
    again = kept.open()
    names: list[Path] = []

    def write_meanwhile(key: bytes, sealed: bytes, place: Place) -> bytes:
        if not names:
            names.extend(folder.iterdir())
            kept.write(again, list(again.marks()))
            assert set(folder.iterdir()) != set(names)
            raise SealBroken("the file is another")
        return unseal(key, sealed, place)

    monkeypatch.setattr(snapshot, "unseal", write_meanwhile)
    assert answers(again) == answers(gallery)
    assert names


def answers(gallery: Gallery) -> list[str]:
    """What two searches find, to the last digit."""
    captures = [draw_capture(draw_reference(seed, SHORT), seed) for seed in (1, 3)]
    return [repr(gallery.search(one, threshold=0.0)) for one in captures]


def fail(path: Path, _: bytes) -> None:
    raise OSError(28, "no space", str(path))


@pytest.mark.parametrize("told", [[], {}, {"outline": [[0]], "segments": [[1, "x"]]}, {"a": 1}])
def test_a_manifest_of_another_program_is_an_empty_gallery(folder: Path, told: object) -> None:
    kept = Snapshot(folder, KEY, ask_nobody)
    sealed = seal(KEY, json.dumps(told).encode(), snapshot._place(MANIFEST))
    (folder / MANIFEST).write_bytes(sealed)
    assert len(kept.open()) == 0
    assert list(folder.iterdir()) == []


def test_an_empty_folder_is_an_empty_gallery(folder: Path) -> None:
    gallery = Snapshot(folder, KEY, ask_nobody).open()
    assert len(gallery) == 0
    assert gallery.digest() == digest_entries([])


def list_keys(folder: Path) -> list[str]:
    """The keys that whoever has the vault's key can read from the folder."""
    return [key for _, _, key, _ in list_segments(folder)]


def list_segments(folder: Path) -> list[tuple[int, str, str, int]]:
    """Number, file, key and bytes before the pages of each segment, as the manifest has them."""
    place = snapshot._place(MANIFEST)
    told = json.loads(unseal(KEY, (folder / MANIFEST).read_bytes(), place))
    return [tuple(one) for one in told["segments"]]
