"""Where a served node has its gallery: minutiae in memory or on disk, fine codes likewise."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from interfaces.pb.eurodac.central.v1 import terms_pb2
from matcher.gallery import Gallery
from node import assembly, enrolment, identification, server
from node.access import Actor
from node.assembly import Node
from node.enrolment import Enrolment
from node.errors import NotReady, SettingsWrong, StoreUnusable
from node.settings import GallerySettings

WAKING_SECONDS = 20.0
"""One segment takes some milliseconds."""

OPEN_DOOR = {"unsafe_plaintext": True, "listen": "127.0.0.1:0"}
ON_DISK = GallerySettings(minutiae_on_disk=True)


def bytes_awake(node: Node) -> int:
    assert isinstance(node.gallery, Gallery)
    return node.gallery._holdings._minutiae.nbytes


def find_file(node: Node) -> str:
    """The file that is mapped where the fine codes of a node lie, empty for memory."""
    assert isinstance(node.gallery, Gallery)
    (codes, *_) = (slab.fine for slab in node.gallery._holdings.planes.slabs if slab.used)
    assert codes is not None
    for line in Path("/proc/self/maps").read_text().splitlines():
        first, last = (int(end, 16) for end in line.split()[0].split("-"))
        if first <= codes.ctypes.data < last:
            return line.partition("/")[1] + line.partition("/")[2]
    raise AssertionError("the codes lie nowhere")


@pytest.mark.parametrize("where", [GallerySettings(), ON_DISK], ids=["in memory", "on disk"])
def test_after_a_restart_the_person_is_found_wherever_minutiae_are(
    where: GallerySettings,
    open_at: Callable[..., Node],
    tmp_path: Path,
    station: Actor,
    desk: Actor,
    enrolment_of: Callable[..., Enrolment],
    capture_of: Callable[..., terms_pb2.Capture],
) -> None:
    first = open_at(tmp_path / "dk", gallery=where, **OPEN_DOOR)
    with server.serve(first):
        numbers = [
            enrolment.enrol(first, station, enrolment_of(one)).reference_number for one in (1, 2)
        ]
        assert bytes_awake(first) > 0
    assert (bytes_awake(first) > 0) is (where is not ON_DISK)
    node = open_at(tmp_path / "dk", gallery=where, **OPEN_DOOR)
    assert node.gallery.asleep() != []
    assert bytes_awake(node) == 0
    with server.serve(node):
        end = time.monotonic() + WAKING_SECONDS
        while where is not ON_DISK and node.gallery.asleep() and time.monotonic() < end:
            time.sleep(0.02)
        assert (node.gallery.asleep() == []) is (where is not ON_DISK)
        for person, number in enumerate(numbers, 1):
            found = identification.identify(node, desk, capture_of(person, 1))
            assert [one.reference_number for one in found.candidates] == [number]
        assert (bytes_awake(node) > 0) is (where is not ON_DISK)


def test_a_store_that_cannot_be_read_stops_neither_the_keeper_nor_the_waker(
    node: Node, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise StoreUnusable("the store is busy")

    monkeypatch.setattr(node.snapshot, "write", refuse)
    assert server._write_some(node, [0, 1]) == []
    monkeypatch.setattr(node.gallery, "asleep", lambda: [4, 5])
    monkeypatch.setattr(node.gallery, "wake", refuse)
    server._wake(node, threading.Event())
    told = [one.getMessage() for one in caplog.records]
    assert told == [
        "the snapshot cannot be written, starts will be slow: the store is busy",
        "minutiae of segment 4 stay on disk: the store is busy",
        "minutiae of segment 5 stay on disk: the store is busy",
    ]


def test_fine_codes_lie_in_files_where_that_is_wanted_and_searches_find_as_before(
    open_at: Callable[..., Node],
    tmp_path: Path,
    station: Actor,
    desk: Actor,
    enrolment_of: Callable[..., Enrolment],
    capture_of: Callable[..., terms_pb2.Capture],
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    where = GallerySettings(scratch=scratch, minutiae_on_disk=True)
    first = open_at(tmp_path / "dk", gallery=where, **OPEN_DOOR)
    with server.serve(first):
        number = enrolment.enrol(first, station, enrolment_of(1)).reference_number
        assert find_file(first).startswith(str(scratch))
    # Once from the store, and once from the snapshot that the first start has left.
    node = open_at(tmp_path / "dk", gallery=where, **OPEN_DOOR)
    assert node.gallery.asleep() != []
    with server.serve(node):
        found = identification.identify(node, desk, capture_of(1, 1))
        assert [one.reference_number for one in found.candidates] == [number]
        assert find_file(node).startswith(str(scratch))
    assert list(scratch.iterdir()) == []


def fill_disk(patched: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "no space left on device")

    patched.setattr("os.posix_fallocate", refuse)


def test_a_full_disk_for_fine_codes_stops_a_start_and_leaves_the_snapshot(
    open_at: Callable[..., Node],
    tmp_path: Path,
    station: Actor,
    enrolment_of: Callable[..., Enrolment],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = open_at(tmp_path / "dk", **OPEN_DOOR)
    with server.serve(first):
        enrolment.enrol(first, station, enrolment_of(1))
    where = GallerySettings(scratch=tmp_path)
    with monkeypatch.context() as patched:
        fill_disk(patched)
        with pytest.raises(NotReady, match=r"gallery\.scratch: fine codes find no room"):
            open_at(tmp_path / "dk", gallery=where, **OPEN_DOOR)
    node = open_at(tmp_path / "dk", gallery=where, **OPEN_DOOR)
    assert node.gallery.asleep() != []


def test_a_full_disk_beside_an_enrolment_is_told_and_the_person_found_after_the_next_start(
    open_at: Callable[..., Node],
    tmp_path: Path,
    station: Actor,
    desk: Actor,
    enrolment_of: Callable[..., Enrolment],
    capture_of: Callable[..., terms_pb2.Capture],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where = GallerySettings(scratch=tmp_path)
    node = open_at(tmp_path / "dk", gallery=where, **OPEN_DOOR)
    with monkeypatch.context() as patched:
        fill_disk(patched)
        with pytest.raises(NotReady, match="make room"):
            enrolment.enrol(node, station, enrolment_of(1))
    assert not assembly.gallery_agrees(node)
    assembly.close(node)
    again = open_at(tmp_path / "dk", gallery=where, **OPEN_DOOR)
    assert assembly.gallery_agrees(again)
    assert len(identification.identify(again, desk, capture_of(1, 1)).candidates) == 1


@pytest.mark.parametrize("what", ["nothing", "a file"])
def test_a_folder_for_fine_codes_must_be_there(
    open_at: Callable[..., Node], tmp_path: Path, what: str
) -> None:
    place = tmp_path / "scratch"
    if what == "a file":
        place.touch(mode=0o700)
    with pytest.raises(SettingsWrong, match=r"gallery\.scratch: must be a folder"):
        open_at(tmp_path / "dk", gallery=GallerySettings(scratch=place))


@pytest.mark.parametrize("also", [{"minutiae_on_disk": True}, {"scratch": Path("/")}], ids=str)
def test_several_machines_and_this_disk_exclude_each_other(
    open_at: Callable[..., Node],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    also: dict[str, Any],
) -> None:
    def join(*_: object) -> NoReturn:
        raise AssertionError("it would have looked for machines, which takes minutes")

    monkeypatch.setattr(assembly, "spread_gallery", join)
    both = GallerySettings(cluster="head.example:6379", **also)
    with pytest.raises(SettingsWrong, match=f"choose between cluster and {next(iter(also))}"):
        open_at(tmp_path / "dk", gallery=both)
