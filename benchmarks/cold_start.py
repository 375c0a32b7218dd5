"""How long a start takes that finds a snapshot: read, unsealed, held against the store, proved.

    python -m benchmarks.cold_start --persons 1000000

The persons are those of `benchmarks.population`, ten vectors and minutiae each. Snapshot and store
lie on the disk; the snapshot's pages are dropped from memory before each start, which has a process
of its own, as a node's start has. The store's rows hold no sealed templates, which such a start
does not open; a real store is larger to walk through. Loading nets and modules is not part of it.
Beside it stands what opening a reference from the store costs, which every start did before there
were snapshots.

Minutiae stay on the disk at first. Searches are timed that read those of their short lists there,
from pages that are not in memory either, and then, where all have room, with all in memory.
"""

from __future__ import annotations

import gc
import mmap
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import NoReturn

import click
import numpy as np

from benchmarks.population import Population, fill, make_population
from benchmarks.results import Measure, report
from benchmarks.search import Stage, make_stage, name_size, search
from matcher import templates
from matcher.digest import write_sum
from matcher.gallery import Gallery
from matcher.segments import SEGMENT_ROWS, Mark
from node import schema
from node.loading import load_gallery
from node.snapshot import SEGMENTS_AT_ONCE, Snapshot
from node.store import Store, open_store, running
from node.vault import Vault

SNAPSHOT, STORE = "snapshot", "store.sqlite"
"""Where they lie in the folder of a run."""

TARGETS_S = {1_000_000: 5.0, 10_000_000: 30.0}
"""By persons."""

STARTS = 3
"""Each from the disk, in a process of its own; the median counts."""

ROWS_AT_ONCE = 50_000
"""Of the store, in one statement."""

HITS, PASSES = 24, 8
"""Searches that end at a hit, and of everyone's fine codes."""

BYTES_AWAKE, MEMORY_SHARE = 6_000, 0.75
"""Of a person with minutiae in memory, and what part of it all may take."""

OPENED = 2_000
"""References opened to know what one costs."""


@dataclass(frozen=True, slots=True)
class Models:
    """An engine's models, without the nets behind them."""

    models: tuple[str, ...]

    def is_current(self, _: object) -> bool:
        """Nothing here is outdated."""
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """A snapshot as it was written. ids: of all persons; seconds: of the writing."""

    models: Models
    ids: list[int]
    digest: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class Start:
    """One start. seconds: until everybody could be searched; grown_bytes: of the process."""

    seconds: float
    grown_bytes: int


def ask_nobody(_: list[int]) -> NoReturn:
    """The store of a snapshot of which nothing is damaged."""
    raise AssertionError("a snapshot that was written a moment ago is damaged")


def write_snapshot(folder: Path, key: bytes, population: Population, persons: int) -> Written:
    """Write a gallery of so many persons."""
    gallery = Gallery()
    fill(gallery, population, persons)
    rows = gallery._holdings.planes.select()
    numbers = np.unique(rows // SEGMENT_ROWS).tolist()
    # fill() goes past enrol(), which would have marked them.
    gallery._marks.update({number: Mark() for number in numbers})
    kept = Snapshot(folder, key, ask_nobody)
    began = time.perf_counter()
    with click.progressbar(range(0, len(numbers), SEGMENTS_AT_ONCE), label="snapshot") as bar:
        for first in bar:
            kept.write(gallery, numbers[first : first + SEGMENTS_AT_ONCE])
    seconds = time.perf_counter() - began
    # fill() goes past the digest as well.
    entries = sum(gallery.copy_segment(number)[0].sum_entries() for number in numbers)
    ids = gallery.list_held()[0].tolist()
    return Written(Models(gallery.outline().models), ids, write_sum(entries), seconds)


def fill_store(store: Store, ids: list[int]) -> None:
    """Rows of data sets and templates under the gallery's numbers."""
    now = datetime(2026, 9, 1, tzinfo=UTC)
    with click.progressbar(range(0, len(ids), ROWS_AT_ONCE), label="store") as bar:
        for first in bar:
            some = ids[first : first + ROWS_AT_ONCE]
            with store.write() as transaction:
                data_sets = [
                    {
                        "reference_number": f"DK{one}",
                        "category": "APPLICANT_REG",
                        "unit": "",
                        "delivery": "QUEUED",
                        "refusal": "",
                        "revision": 1,
                        "enrolled_at": now,
                    }
                    for one in some
                ]
                held = [
                    {"template_id": one, "reference_number": f"DK{one}", "content": b""}
                    for one in some
                ]
                transaction.connection.execute(schema.data_sets.insert(), data_sets)
                transaction.connection.execute(schema.templates.insert(), held)


def drop_pages(folder: Path) -> None:
    """Let the system forget what it holds of the files in memory."""
    for file in folder.iterdir():
        descriptor = os.open(file, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def start(folder: Path, key: bytes, models: Models, persons: int) -> tuple[Gallery, Start]:
    """Load the gallery as a node does, from a snapshot of which nothing is in memory."""
    store = open_store(f"sqlite:///{folder / STORE}", Vault(key), member_state="DK")
    drop_pages(folder / SNAPSHOT)
    before, began = measure_memory(), time.perf_counter()
    kept = Snapshot(folder / SNAPSHOT, key, ask_nobody)
    gallery = load_gallery(store, models, kept)  # type: ignore[arg-type]
    seconds, grown = time.perf_counter() - began, measure_memory() - before
    assert len(gallery) >= persons, "the start did not believe the snapshot"
    store.close()
    return gallery, Start(seconds, grown)


def start_elsewhere(folder: Path, key: bytes, models: Models, persons: int) -> Start:
    """The same in a process of its own, with which the gallery goes."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_start_alone, folder, key, models, persons).result()


def _start_alone(folder: Path, key: bytes, models: Models, persons: int) -> Start:
    return start(folder, key, models, persons)[1]


def measure(folder: Path, persons: int) -> Iterator[Measure]:
    """Write snapshot and store, start from them, search, and open some references one by one."""
    key, snapshot, population = os.urandom(32), folder / SNAPSHOT, make_population(1)
    written = write_snapshot(snapshot, key, population, persons)
    gc.collect()
    size = sum(file.stat().st_size for file in snapshot.iterdir())
    store = open_store(f"sqlite:///{folder / STORE}", Vault(key), member_state="DK")
    fill_store(store, written.ids)
    with store.write() as transaction:
        running.put(transaction, written.digest)
    store.close()
    starts = [start_elsewhere(folder, key, written.models, persons) for _ in range(STARTS)]
    taken = float(np.median([one.seconds for one in starts]))
    yield Measure(f"cold_start_{name_size(persons)}_s", taken, "s", TARGETS_S.get(persons))
    yield Measure("cold_start_longest_s", max(one.seconds for one in starts), "s")
    grown = float(np.median([one.grown_bytes for one in starts]))
    yield Measure("memory_minutiae_on_disk_gb", grown / 1e9, "GB")
    yield Measure("snapshot_write_s", written.seconds, "s")
    yield Measure("snapshot_bytes_per_person", size / persons, "B")
    gallery = start(folder, key, written.models, persons)[0]
    stage = make_stage(gallery, population, persons)
    yield from measure_searches(stage, "on_disk", lambda: drop_pages(snapshot))
    if persons * BYTES_AWAKE < MEMORY_SHARE * os.sysconf("SC_PHYS_PAGES") * mmap.PAGESIZE:
        yield from measure_waking(stage)
    yield Measure("open_one_reference_ms", 1000 * open_references() / OPENED, "ms")


def measure_memory() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


def measure_searches(stage: Stage, place: str, prepare: Callable[[], None]) -> Iterator[Measure]:
    """Searches of ten fingers, one at a time. prepare: called before each."""
    # Compiles what is left to compile.
    search(stage, 0, everyone=True)
    for name, everyone, rounds in (("hit", False, HITS), ("everyone", True, PASSES)):
        taken = []
        for number in range(1, rounds + 1):
            prepare()
            began = time.perf_counter()
            assert search(stage, number, everyone=everyone), "a mate was not found"
            taken.append(1000 * (time.perf_counter() - began))
        yield Measure(f"{name}_minutiae_{place}_p50_ms", float(np.median(taken)), "ms")
        yield Measure(f"{name}_minutiae_{place}_longest_ms", max(taken), "ms")


def measure_waking(stage: Stage) -> Iterator[Measure]:
    """Take all minutiae into memory, and search again."""
    gallery, began = stage.gallery, time.perf_counter()
    for number in gallery.asleep():
        gallery.wake(number)
    yield Measure("waking_s", time.perf_counter() - began, "s")
    yield from measure_searches(stage, "in_memory", lambda: None)


def open_references() -> float:
    """Seconds to decode and enrol OPENED references, without reading and unsealing them."""
    dealt = make_population(1).dealt
    encoded = [templates.encode(one) for one in dealt]
    gallery = Gallery()
    began = time.perf_counter()
    for number in range(OPENED):
        gallery.enrol(number, templates.decode(encoded[number % len(encoded)]))
    return time.perf_counter() - began


@click.command()
@click.option("--persons", default=1_000_000, show_default=True)
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), default=None)
def main(persons: int, folder: Path | None) -> None:
    """Measure a start from a snapshot; needs 1 kB of memory and 5 kB of disk per person."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        found = list(measure(Path(place), persons))
    report(
        f"cold_start_{name_size(persons)}",
        found,
        command=f"python -m benchmarks.cold_start --persons {persons}",
        data=f"{persons} synthetic persons, ten vectors and minutiae each",
    )


if __name__ == "__main__":
    main()
