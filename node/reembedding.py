"""Templates anew from the stored captures, after the matcher got other models.

Captures are kept as they were received, sealed, for as long as the data set; they go only with
it. So nearly every template can be made again. Each data set is one commit, with its audit
record, and what is current already is passed over: a run that was cut off is simply run again.

A capture that can no longer be read is named and its old template stays, which no probe of the
new models may be compared with: the node does not start until the operator decides. Left out,
its template is erased, the person is in no search of this node, and a task asks the desk to take
the biometrics again. The data set itself and what the centre has stay as they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from interfaces import wire
from interfaces.formats import FormatRefused
from interfaces.pb.eurodac.central.v1 import terms_pb2
from matcher.errors import MatcherError
from matcher.vocabulary import Reference
from node import acts, captures, intake
from node.access import Act, Purpose, node_itself
from node.acts import Deed
from node.assembly import Node
from node.audit import Outcome
from node.errors import NotFound, SealBroken
from node.store import biometrics, dossiers, tasks
from node.vocabulary import TaskKind

AT_ONCE = 32
"""Data sets between two looks at an interruption: about ten seconds of two cores."""

Progress = Callable[[int, int], None]
"""Told how many data sets are dealt with and how many there are to deal with."""


@dataclass(frozen=True, slots=True)
class Stale:
    """A stored template that the node's engine would make otherwise."""

    template_id: int
    reference_number: str


@dataclass(frozen=True, slots=True)
class Reembedded:
    """Outcome of a run. current: were so before. unreadable: numbers whose capture does not open;
    left_out: whether their templates were erased for that."""

    recomputed: int
    current: int
    unreadable: tuple[str, ...]
    left_out: bool


def re_embed(
    node: Node, *, leave_out: bool = False, progress: Progress = lambda *_: None
) -> Reembedded:
    """Make every template anew that the node's engine did not make; the node must not be serving.

    leave_out: take the unreadable ones out of all searches and ask for new biometrics. An
    exception leaves what is done durable, and the next run goes on from there.
    """
    stale, current = find_stale(node)
    unreadable: list[str] = []
    progress(0, len(stale))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(stale), AT_ONCE):
            some = stale[start : start + AT_ONCE]
            made = pool.map(lambda one: recompute(node, one.reference_number), some)
            for done, (one, reference) in enumerate(zip(some, made, strict=True), start + 1):
                if reference is not None:
                    _keep(node, one, reference)
                else:
                    unreadable.append(one.reference_number)
                    _set_aside(node, one, leave_out=leave_out)
                progress(done, len(stale))
    recomputed = len(stale) - len(unreadable)
    return Reembedded(recomputed, current, tuple(unreadable), leave_out)


def find_stale(node: Node) -> tuple[tuple[Stale, ...], int]:
    """The templates to make anew, in the order of their numbers, and how many are current."""
    with node.store.read() as transaction:
        stale, current = [], 0
        for stored in biometrics.all_references(transaction):
            if node.engine.is_current(stored.reference):
                current += 1
            else:
                stale.append(Stale(stored.template_id, stored.reference_number))
    return tuple(stale), current


def recompute(node: Node, reference_number: str) -> Reference | None:
    """The template of a stored capture; None where the capture does not open or is no capture."""
    try:
        with node.store.read() as transaction:
            content = biometrics.get_capture(transaction, reference_number)
        message = terms_pb2.Capture.FromString(content)
        return captures.examine(node, wire.capture_from(message)).reference
    except (NotFound, SealBroken, FormatRefused, MatcherError):
        return None


def _deed(node: Node, one: Stale) -> Deed:
    actor = node_itself(node.member_state)
    return Deed(actor, Act.RE_EMBED, Purpose.OPERATION, one.reference_number)


def _keep(node: Node, one: Stale, reference: Reference) -> None:
    """One commit: the new template under the old number, and the record."""
    deed = _deed(node, one)
    with acts.conduct(node, deed), node.store.write() as transaction:
        biometrics.replace_reference(transaction, one.template_id, reference)
        detail = " ".join(node.engine.models)
        acts.append(node, transaction, deed, Outcome.DONE, detail=detail)


def _set_aside(node: Node, one: Stale, *, leave_out: bool) -> None:
    """One commit: the record and, if wanted, the template erased and new biometrics asked for."""
    deed, number = _deed(node, one), one.reference_number
    with acts.conduct(node, deed), node.store.write() as transaction:
        if leave_out:
            biometrics.drop_reference(transaction, number)
            waiting = {task.kind for task in tasks.find_open(transaction, number)}
            if TaskKind.RETAKE not in waiting:
                data_set = dossiers.find(transaction, number).content
                tasks.add(transaction, intake.open_retake(node, data_set, RETAKE))
        detail = "capture unreadable, template erased" if leave_out else "capture unreadable"
        acts.append(node, transaction, deed, Outcome.REFUSED, detail=detail)


RETAKE = (
    "Take the biometrics again: the stored capture can no longer be read,"
    " and the person is in no search of this node until then."
)
"""What the desk is asked to do."""
