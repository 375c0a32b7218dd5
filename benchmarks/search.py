"""Measures the complete search: persons per second, by probe and size, and beside changes.

    python -m benchmarks.search [--persons 4000] [--seconds 5]

Galleries are synthetic (benchmarks.galleries) and every person is compared by the minutiae
kernel. Faces are compared by the same search and, in the same run, by faiss Flat. What lasts
milliseconds depends on the machine and its other work; persons/s are of all threads together.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import faiss
import numpy as np

from benchmarks.galleries import draw_capture, draw_gallery, draw_reference
from benchmarks.results import Measure, write
from matcher.fusion import find_threshold
from matcher.gallery import SEARCH_THREADS, Gallery
from matcher.vocabulary import FingerPosition, Reference

THRESHOLD = find_threshold(0.01, 10_000)
"""A usual operating point; the search compares everyone at any threshold."""

MATES = 40
"""Persons with fingers of their own in every gallery, of whom other captures are the probes."""

CHANGES_PER_S = 50
"""Enrolments and erasures each per second beside the searches: Eurodac has one every 4 seconds."""

LEAST_SEARCHES = 5
"""Searches of one kind, however long they last, so that a median means something."""

PROBES: dict[str, Callable[[Reference], Reference]] = {
    "10 fingers": lambda whole: replace(whole, face=None),
    "4 fingers": lambda whole: Reference(whole.fingers[1:5]),
    "2 fingers": lambda whole: Reference(whole.fingers[1:3]),
    "1 finger": lambda whole: Reference(whole.fingers[1:2]),
    "1 finger of unknown position": lambda whole: Reference(
        (replace(whole.fingers[1], position=FingerPosition.UNKNOWN),)
    ),
    "10 fingers and face": lambda whole: whole,
    "face": lambda whole: Reference((), whole.face),
}


@dataclass(slots=True)
class Timings:
    """Durations of searches in seconds, and how many found their mate first."""

    seconds: list[float] = field(default_factory=list)
    found: int = 0
    erased_returned: int = 0

    @property
    def p50_ms(self) -> float:
        """Median in milliseconds."""
        return 1000 * float(np.percentile(self.seconds, 50))

    @property
    def p99_ms(self) -> float:
        """99th percentile in milliseconds; of few searches, near their maximum."""
        return 1000 * float(np.percentile(self.seconds, 99))

    @property
    def found_percent(self) -> float:
        """Share of searches whose first candidate was the mate."""
        return 100 * self.found / len(self.seconds)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and write its result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--persons", type=int, default=4000, help="size of the largest gallery")
    parser.add_argument("--seconds", type=float, default=5.0, help="time for each kind of search")
    chosen = parser.parse_args(arguments)
    measures: list[Measure] = []
    for persons in (chosen.persons // 16, chosen.persons // 4, chosen.persons):
        before = read_resident_bytes()
        gallery, seconds = fill(persons)
        grown = read_resident_bytes() - before
        measures.append(Measure(f"enrolled per s, {persons} persons", persons / seconds, "1/s"))
        measures += search_all_kinds(gallery, chosen.seconds)
    measures.append(Measure(f"bytes per person, {chosen.persons} persons", grown / persons, "B"))
    measures += search_beside_changes(gallery, chosen.seconds)
    measures += race_faces(gallery, chosen.seconds)
    for one in measures:
        print(f"{one.measure:58} {one.value:12.1f} {one.unit}", flush=True)
    write(
        "search",
        measures,
        command=f"python -m benchmarks.search --persons {chosen.persons}",
        data=f"synthetic galleries of ten fingers and a face, {SEARCH_THREADS} threads",
    )


def fill(persons: int) -> tuple[Gallery, float]:
    """A gallery whose first MATES persons are real ones; and the seconds spent enrolling."""
    gallery, seconds = Gallery(), 0.0
    crowd = draw_gallery(1_000_000, persons - MATES)
    for number in range(persons):
        reference = draw_reference(number) if number < MATES else next(crowd)
        start = time.perf_counter()
        gallery.enrol(number, reference)
        seconds += time.perf_counter() - start
    return gallery, seconds


def search_all_kinds(gallery: Gallery, seconds: float) -> Iterator[Measure]:
    """Persons per second and share of mates found for every kind of probe."""
    for kind, cut in PROBES.items():
        timings = repeat_search(gallery, cut, seconds)
        label = f"{kind}, {len(gallery)} persons"
        yield Measure(f"{label}: p50", timings.p50_ms, "ms")
        yield Measure(f"{label}: speed", 1000 * len(gallery) / timings.p50_ms, "persons/s")
        yield Measure(f"{label}: mate first", timings.found_percent, "%")


def repeat_search(
    gallery: Gallery,
    cut: Callable[[Reference], Reference],
    seconds: float,
    erased: Callable[[], frozenset[int]] = frozenset,
) -> Timings:
    """Search the mates one after another until the time is over."""
    probes = [cut(draw_capture(draw_reference(mate), mate)) for mate in range(MATES)]
    gallery.search(probes[0], threshold=THRESHOLD)
    timings, end = Timings(), time.perf_counter() + seconds
    while time.perf_counter() < end or len(timings.seconds) < LEAST_SEARCHES:
        mate = len(timings.seconds) % MATES
        gone, start = erased(), time.perf_counter()
        candidates = gallery.search(probes[mate], threshold=THRESHOLD)
        timings.seconds.append(time.perf_counter() - start)
        timings.found += bool(candidates) and candidates[0].reference_id == mate
        timings.erased_returned += any(one.reference_id in gone for one in candidates)
    return timings


def search_beside_changes(gallery: Gallery, seconds: float) -> Iterator[Measure]:
    """Ten-finger searches while others enrol and erase, against the same searches alone."""
    cut = PROBES["10 fingers"]
    alone = repeat_search(gallery, cut, seconds)
    with changes(gallery) as erased:
        beside = repeat_search(gallery, cut, seconds, erased)
    label = f"10 fingers beside {CHANGES_PER_S} enrolments and erasures/s"
    yield Measure(f"{label}: p50", beside.p50_ms, "ms")
    yield Measure(f"{label}: p50 against alone", 100 * beside.p50_ms / alone.p50_ms, "%")
    yield Measure(f"{label}: p99 against alone", 100 * beside.p99_ms / alone.p99_ms, "%")
    yield Measure(f"{label}: mate first", beside.found_percent, "%")
    yield Measure("erased persons returned", beside.erased_returned, "", 0.0)


@contextmanager
def changes(gallery: Gallery) -> Iterator[Callable[[], frozenset[int]]]:
    """Enrol other captures of the mates and erase them again at a steady rate meanwhile.

    The captures are those the searches would find first, so that one that came back shows.
    Gives a function that tells who is erased by now.
    """
    done, gone = threading.Event(), set[int]()
    captures = [draw_capture(draw_reference(mate), mate + MATES) for mate in range(MATES)]

    def change() -> None:
        number = first = 10**9
        while not done.wait(1 / CHANGES_PER_S):
            gallery.enrol(number, captures[number % MATES], partition=1)
            if number > first:
                gallery.erase(number - 1)
                gone.add(number - 1)
            number += 1
        gallery.erase(number - 1)

    writer = threading.Thread(target=change)
    writer.start()
    try:
        yield lambda: frozenset(gone.copy())
    finally:
        done.set()
        writer.join()


def race_faces(gallery: Gallery, seconds: float) -> Iterator[Measure]:
    """The search by face alone against a bare product in faiss, which fuses and ranks nothing."""
    ours = repeat_search(gallery, PROBES["face"], seconds)
    faces = [reference.face for reference in draw_gallery(1_000_000, len(gallery))]
    matrix = np.array([face.vector for face in faces if face is not None])
    index = faiss.IndexFlatIP(matrix.shape[1])
    index.add(matrix)
    laps = []
    for row in range(200):
        start = time.perf_counter()
        index.search(matrix[row : row + 1], 20)
        laps.append(time.perf_counter() - start)
    ratio = 1000 * float(np.median(laps)) / ours.p50_ms
    yield Measure("face search, speed over faiss Flat", ratio, "x", None, True)


def read_resident_bytes() -> int:
    """Memory of this process that is really there."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return os.sysconf("SC_PAGE_SIZE") * pages


if __name__ == "__main__":
    main()
