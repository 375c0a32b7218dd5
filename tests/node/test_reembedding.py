"""New models: every template is made anew from its capture, however often the run is cut off."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from matcher import embedding, templates
from matcher.engine import Engine, Extraction
from matcher.vocabulary import NO_VECTOR, Reference, Sample
from node import assembly, enrolment, reembedding, schema
from node.access import Act, Actor
from node.assembly import Node, gallery_agrees
from node.audit import Entry, Outcome
from node.cli import main
from node.enrolment import Enrolment
from node.errors import NotReady
from node.loading import load_gallery
from node.reembedding import re_embed
from node.store import biometrics, records, tasks
from node.vocabulary import TaskKind

OLDER = "eurodac-minutiae-0"
PERSONS = (1, 2, 3)


class InterruptedEngine(Engine):
    """The matcher of which an impatient operator asks no more than so many extractions."""

    def __init__(self, engine: Engine, patience: int) -> None:
        self._engine, self._patience = engine, patience
        self.models = engine.models

    def extract(self, samples: Sequence[Sample]) -> Extraction:
        if not self._patience:
            raise KeyboardInterrupt
        self._patience -= 1
        return self._engine.extract(samples)


@pytest.fixture
def numbers(node: Node, station: Actor, enrolment_of: Callable[..., Enrolment]) -> tuple[str, ...]:
    """Reference numbers of three persons enrolled at the node."""
    return tuple(
        enrolment.enrol(node, station, enrolment_of(person)).reference_number for person in PERSONS
    )


def find_all(node: Node) -> dict[str, biometrics.StoredReference]:
    with node.store.read() as transaction:
        return {one.reference_number: one for one in biometrics.all_references(transaction)}


def age(node: Node, *, model: str = OLDER, vectors: bool = True) -> None:
    """Make all stored templates look as an older matcher made them, of other minutiae."""
    for stored in find_all(node).values():
        fingers = tuple(
            replace(finger, model=model, minutiae=finger.minutiae[:20])
            if vectors
            else replace(finger, vector=NO_VECTOR, reliability=0, vector_model="")
            for finger in stored.reference.fingers
        )
        with node.store.write() as transaction:
            reference = replace(stored.reference, fingers=fingers)
            biometrics.replace_reference(transaction, stored.template_id, reference)


def spoil_capture(node: Node, number: str) -> None:
    """Turn the sealed capture of a data set into what no key opens."""
    table = schema.captures
    with node.store.write() as transaction:
        transaction.connection.execute(
            update(table).where(table.c.reference_number == number).values(content=bytes(64))
        )


def read_records(node: Node) -> list[Entry]:
    with node.store.read() as transaction:
        return [e for e in records.walk(transaction) if e.record.act is Act.RE_EMBED]


def reopen(node: Node, engine: Engine, *, searchable: bool = True) -> Node:
    """The same folder under another engine, after the first let go of it."""
    assembly.close(node)
    return assembly.open_node(node.settings, engine=engine, now=node.now, searchable=searchable)


def test_enrolled_references_carry_vectors(node: Node, numbers: tuple[str, ...]) -> None:
    for stored in find_all(node).values():
        assert stored.encoded.startswith(templates.MAGIC_VECTORS)
        assert all(len(finger.vector) == 128 for finger in stored.reference.fingers)
        assert node.engine.is_current(stored.reference)
    assert len(numbers) == len(PERSONS)


def test_a_start_with_older_templates_says_what_to_run(
    node: Node, numbers: tuple[str, ...]
) -> None:
    age(node)
    with pytest.raises(NotReady, match=f"{OLDER}.*eurodac-node models re-embed"):
        load_gallery(node.store, node.engine)
    assert numbers


def test_references_from_before_there_were_vectors_are_searched_and_counted(
    node: Node, numbers: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    probe = find_all(node)[numbers[0]].reference
    age(node, vectors=False)
    assert all(one.encoded.startswith(templates.MAGIC) for one in find_all(node).values())
    with caplog.at_level(logging.WARNING):
        gallery = load_gallery(node.store, node.engine)
    assert "3 references have no vectors" in caplog.text
    assert "re-embed" in caplog.text
    best = gallery.search(probe, threshold=60.0)[0]
    assert best.reference_id == find_all(node)[numbers[0]].template_id
    assert re_embed(node).recomputed == len(PERSONS)


def test_a_run_that_was_cut_off_goes_on_and_gallery_and_store_agree(
    node: Node,
    numbers: tuple[str, ...],
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reembedding, "AT_ONCE", 1)
    before = {number: one.encoded for number, one in find_all(node).items()}
    age(node)
    cut_off = reopen(node, InterruptedEngine(engine, 2), searchable=False)
    with pytest.raises(KeyboardInterrupt):
        re_embed(cut_off)
    done = {number: one.encoded == before[number] for number, one in find_all(cut_off).items()}
    assert [done[number] for number in numbers] == [True, True, False]

    rest = reopen(cut_off, engine, searchable=False)
    seen: list[tuple[int, int]] = []
    made = re_embed(rest, progress=lambda n, of: seen.append((n, of)))
    assert (made.recomputed, made.current, made.unreadable) == (1, 2, ())
    assert seen == [(0, 1), (1, 1)]
    assert {number: one.encoded for number, one in find_all(rest).items()} == before
    assert [entry.record.reference_number for entry in read_records(rest)] == list(numbers)
    assert {entry.record.outcome for entry in read_records(rest)} == {Outcome.DONE}

    started = reopen(rest, engine)
    assert len(started.gallery) == len(PERSONS)
    assert gallery_agrees(started)
    found = started.gallery.search(find_all(started)[numbers[2]].reference, threshold=60.0)
    assert found[0].reference_id == find_all(started)[numbers[2]].template_id
    assert re_embed(started).recomputed == 0
    assembly.close(started)


def test_an_unreadable_capture_is_named_and_left_as_it_is(
    node: Node, numbers: tuple[str, ...]
) -> None:
    age(node)
    spoil_capture(node, numbers[1])
    made = re_embed(node)
    assert (made.recomputed, made.unreadable, made.left_out) == (2, (numbers[1],), False)
    assert find_all(node)[numbers[1]].reference.fingers[0].model == OLDER
    with pytest.raises(NotReady):
        load_gallery(node.store, node.engine)
    refused = [e.record for e in read_records(node) if e.record.outcome is Outcome.REFUSED]
    assert [record.reference_number for record in refused] == [numbers[1]]


def test_left_out_it_is_in_no_search_and_a_task_asks_for_a_retake(
    node: Node, numbers: tuple[str, ...]
) -> None:
    age(node)
    spoil_capture(node, numbers[1])
    made = re_embed(node, leave_out=True)
    assert (made.recomputed, made.unreadable, made.left_out) == (2, (numbers[1],), True)
    assert set(find_all(node)) == {numbers[0], numbers[2]}
    assert len(load_gallery(node.store, node.engine)) == 2
    with node.store.read() as transaction:
        waiting = tasks.find_open(transaction, numbers[1])
    (retake,) = [task for task in waiting if task.kind is TaskKind.RETAKE]
    assert retake.what == reembedding.RETAKE
    assert re_embed(node, leave_out=True).unreadable == ()


def test_what_makes_a_reference_current(engine: Engine, node: Node, numbers: object) -> None:
    reference = next(iter(find_all(node).values())).reference
    finger = reference.fingers[0]
    bare = replace(finger, vector=NO_VECTOR, reliability=0, vector_model="")
    blank = replace(bare, minutiae=bare.minutiae[:0])

    def current(*fingers: object) -> bool:
        return engine.is_current(Reference(fingers, reference.face))  # type: ignore[arg-type]

    assert current(finger)
    assert current(blank)
    assert current()
    assert not current(bare)
    assert not current(replace(finger, model=OLDER))
    assert not current(replace(finger, vector_model="finger-vector-0"))
    assert Engine().is_current(Reference((bare,)))
    assert embedding.MODEL in engine.models
    assert numbers


def test_the_command_says_what_it_did_and_what_to_do_next(
    node: Node, numbers: tuple[str, ...], tmp_path: Path
) -> None:
    age(node)
    spoil_capture(node, numbers[0])
    assembly.close(node)
    settings = tmp_path / "node.toml"
    settings.write_text(
        f'member_state = "DK"\ndata_folder = "{node.settings.data_folder}"\n'
        "unsafe_plaintext = true\n"
    )
    line = ["models", "re-embed", "--settings", str(settings)]
    first = CliRunner().invoke(main, line)
    assert first.exit_code == 1
    assert "2 templates made anew, 0 were current" in first.output
    assert numbers[0] in first.output
    assert "--leave-out" in first.output
    second = CliRunner().invoke(main, [*line, "--leave-out"])
    assert second.exit_code == 0
    assert "0 templates made anew, 2 were current" in second.output
    assert "tasks ask for new biometrics" in second.output
