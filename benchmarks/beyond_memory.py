"""What it costs to lay the fine codes into files where memory is short: `Gallery(scratch=)`.

    python -m benchmarks.beyond_memory [--persons 1000000] [--folder FOLDER]

The same persons are searched twice: with all codes in memory, and with 640 of 760 bytes per person
in mapped files, of which no page is in memory when a search begins, as where a gallery is several
times as large as the memory. A hit reads the codes of a hundred persons, an exhaustive pass those
of everybody; what the disk gives to a plain reader is measured beside them.
"""

from __future__ import annotations

import mmap
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.cold_start import drop_pages
from benchmarks.population import fill, make_population
from benchmarks.results import Measure, report
from benchmarks.search import FINE_BYTES, WHOLE, Stage, make_stage, name_size, search
from matcher.codes import FINGERS
from matcher.gallery import Gallery

MADV_PAGEOUT = 21
"""Advice of Linux 5.4 and later: write these pages where they belong and let go of them."""

HITS = 24
"""Searches that end at a hit, each with no page in memory."""

PASSES = 3
"""Exhaustive passes; the median counts."""

READ_BYTES = 1 << 30
"""What a plain reader reads from the disk."""


def find_maps(gallery: Gallery) -> list[mmap.mmap]:
    """The mappings behind a gallery's fine codes."""
    return [
        found
        for slab in gallery._holdings.planes.slabs
        if slab.fine is not None and (found := _find_map(slab.fine)) is not None
    ]


def _find_map(array: NDArray[Any]) -> mmap.mmap | None:
    base: Any = array
    while base is not None and not isinstance(base, mmap.mmap):
        base = getattr(base, "base", None)
    return base


def page_out(maps: list[mmap.mmap]) -> None:
    """Leave no page of the mappings in memory."""
    for one in maps:
        one.flush()
        one.madvise(MADV_PAGEOUT)


def time_cold(act: Callable[[int], object], laps: int, maps: list[mmap.mmap]) -> float:
    """Median milliseconds of something that finds no page in memory."""
    taken = []
    for number in range(laps):
        page_out(maps)
        began = time.perf_counter()
        act(number)
        taken.append(time.perf_counter() - began)
    return 1000 * float(np.median(taken))


def read_speed(folder: Path) -> float:
    """Bytes per second of a plain reader of one large file that is not in memory."""
    path = folder / "plain" / "bytes"
    path.parent.mkdir()
    block = np.random.default_rng(1).bytes(READ_BYTES // 64)
    with path.open("wb", buffering=0) as file:
        for _ in range(64):
            file.write(block)
    drop_pages(path.parent)
    began = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 22):
            pass
    return READ_BYTES / (time.perf_counter() - began)


def measure(folder: Path, persons: int) -> Iterator[Measure]:
    """Search with codes in memory and with codes in files."""
    population = make_population(1)
    for place, scratch in (("memory", None), ("files", folder)):
        gallery = Gallery(scratch=scratch)
        fill(gallery, population, persons)
        stage, maps = make_stage(gallery, population, persons), find_maps(gallery)
        assert bool(maps) == (scratch is not None)
        yield from _measure_stage(stage, place, maps)
    speed = read_speed(folder)
    yield Measure("disk_read_mb_per_s", speed / 1e6, "MB/s", None, True)
    everything = persons * FINGERS * FINE_BYTES
    yield Measure("pass_at_disk_speed_ms", 1000 * everything / speed, "ms")


def _measure_stage(stage: Stage, place: str, maps: list[mmap.mmap]) -> Iterator[Measure]:
    def look(number: int) -> None:
        assert search(stage, number, everyone=False), "a mate was not found"

    planes = stage.gallery._holdings.planes
    queries = [one.named[0] for one in stage.readings(WHOLE)]

    def walk(number: int) -> None:
        planes.scan_fine([queries[number]], 20)

    look(0)  # Compiles what is left to compile.
    yield Measure(f"hit_codes_in_{place}_ms", time_cold(look, HITS, maps), "ms")
    yield Measure(f"pass_codes_in_{place}_ms", time_cold(walk, PASSES, maps), "ms")


@click.command()
@click.option("--persons", default=1_000_000, show_default=True)
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), default=None)
def main(persons: int, folder: Path | None) -> None:
    """Measure searches whose fine codes lie in files; needs 1.6 kB of disk per person."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        found = list(measure(Path(place), persons))
    report(
        "beyond_memory",
        found,
        command=f"python -m benchmarks.beyond_memory --persons {persons}",
        data=f"{name_size(persons)} synthetic persons of ten vectors (benchmarks.population)",
    )


if __name__ == "__main__":
    main()
