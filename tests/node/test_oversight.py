"""Oversight and assembly: auditors read all acts; a folder belongs to one process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from node import assembly, casework, enrolment, oversight, vault
from node.access import Actor, Role
from node.assembly import Node
from node.enrolment import Enrolment
from node.errors import AccessDenied, NotReady, StoreUnusable


@pytest.fixture
def auditor() -> Actor:
    return Actor("DK", "Audit", "dora", Role.AUDITOR)


def test_an_auditor_reads_who_did_what_and_the_chain_holds(
    *,
    node: Node,
    auditor: Actor,
    station: Actor,
    desk: Actor,
    enrolment_of: Callable[..., Enrolment],
) -> None:
    number = enrolment.enrol(node, station, enrolment_of(1)).reference_number
    casework.get_case(node, desk, number)
    found = oversight.read(node, auditor, number)
    assert [(entry.record.actor.user, entry.record.act.value) for entry in found] == [
        ("station-7", "ENROL"),
        ("anna", "READ_CASE"),
    ]
    verdict = oversight.verify(node, auditor)
    assert (verdict.entries, verdict.broken_at) == (3, None)


def test_nobody_else_reads_the_audit_and_the_attempt_is_recorded(
    node: Node, auditor: Actor, supervisor: Actor
) -> None:
    with pytest.raises(AccessDenied):
        oversight.verify(node, supervisor)
    assert oversight.verify(node, auditor).entries == 1


def test_no_record_holds_a_name_or_an_image(
    *, node: Node, auditor: Actor, station: Actor, enrolment_of: Callable[..., Enrolment]
) -> None:
    number = enrolment.enrol(node, station, enrolment_of(1)).reference_number
    for entry in oversight.read(node, auditor, number):
        assert b"Qwertz" not in entry.record.canonical()
        assert len(entry.record.canonical()) < 1000


def test_two_processes_cannot_work_on_one_folder(node: Node, open_at: Callable[..., Node]) -> None:
    with pytest.raises(NotReady, match="another process"):
        open_at(node.settings.data_folder)
    assembly.close(node)
    assert assembly.gallery_agrees(open_at(node.settings.data_folder))


def test_a_folder_that_failed_to_open_is_free_again(
    open_at: Callable[..., Node], tmp_path: Path
) -> None:
    first = open_at(tmp_path / "dk")
    assembly.close(first)
    with pytest.raises(StoreUnusable):
        open_at(tmp_path / "dk", state="IT")
    assert open_at(tmp_path / "dk").member_state == "DK"


def test_a_store_does_not_open_under_another_key(
    node: Node, open_at: Callable[..., Node], tmp_path: Path
) -> None:
    assembly.close(node)
    vault.create_key_file(tmp_path / "other.key")
    with pytest.raises(StoreUnusable, match="another key"):
        open_at(node.settings.data_folder, key_file=tmp_path / "other.key")
    assert replace(node.settings, key_file=None).vault_key.name == "vault.key"
