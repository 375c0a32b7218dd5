"""The inbox: notices of the centre, each in one commit with its cursor, so each once in effect.

Results come to the case. What another State did becomes, in the same commit, the change of own
data that the law makes of it and the request that tells the centre (Arts 16(4), 17(4), 30, 31).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from interfaces import wire
from interfaces.central.client import Notices
from interfaces.central.errors import CentralRefused, CentralUnavailable
from interfaces.eurodac import reference
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.flags import MARK_NOTICES, Notice, check_mark, obliged
from interfaces.eurodac.retention import ErasureGround, retention_rule
from interfaces.eurodac.terms import Mark
from interfaces.formats import FormatRefused
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from node import acts, changes, dispatch, results, searches
from node.access import Act, Purpose, node_itself
from node.acts import Deed
from node.assembly import Node, publish
from node.audit import Outcome
from node.errors import NodeError, NotFound, SealBroken
from node.store import Transaction, counters, dossiers, tasks, unread
from node.store.dossiers import Dossier
from node.vocabulary import Delivery, Finding, TaskKind

CURSOR = "notices"
"""Counter that holds the cursor of the last notice whose effects are durable."""

UNREADABLE = (RuleBroken, FormatRefused, NotFound, SealBroken)
"""What a notice that is not of our profile raises, or one about a data set that lies damaged on
the disk; it is laid aside for a person."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Received:
    """One notice with the data set that it is about."""

    notice: central_pb2.Notice
    dossier: Dossier


def receive(node: Node, notice: central_pb2.Notice) -> bool:
    """Carry out one notice; False if it has been before. Raises NodeError only for the store."""
    try:
        return _carry_out(node, notice)
    except UNREADABLE as error:
        log.warning("notice %d is laid aside: %s", notice.cursor, type(error).__name__)
        return _lay_aside(node, notice)


def follow(node: Node, watch: Callable[[Notices], None]) -> None:
    """Receive and acknowledge notices until the line breaks, which raises CentralUnavailable.

    watch: is given the open stream, so that another thread can end it.
    """
    with node.store.read() as transaction:
        after = counters.read(transaction, CURSOR)
    notices = node.client.notices(after)
    watch(notices)
    for notice in notices:
        node.line.note_answer(node.now())
        receive(node, notice)
        node.client.send(
            "AcknowledgeNotices", central_pb2.AcknowledgeNoticesRequest(up_to=notice.cursor)
        )


def _carry_out(node: Node, notice: central_pb2.Notice) -> bool:
    with node.store.write() as transaction:
        if notice.cursor <= counters.read(transaction, CURSOR):
            return False
        outcome = Outcome.DONE
        removed: tuple[int, ...] = ()
        dossier = dossiers.find(transaction, notice.reference_number)
        if dossier.data_set is None:
            # Erased here meanwhile: what was to be done is done, and nothing may come back.
            outcome = Outcome.REFUSED
        else:
            removed = _find_handler(notice)(node, transaction, _Received(notice, dossier))
        _finish(node, transaction, notice, outcome)
    publish(node, removed=removed)
    return True


def _find_handler(notice: central_pb2.Notice) -> Handler:
    kind = notice.WhichOneof("content")
    if kind is None:
        remedy = "send a kind of the profile"
        raise FormatRefused("W02 ABSENT", "content", "is of no known kind", remedy)
    return HANDLERS[kind]


def _lay_aside(node: Node, notice: central_pb2.Notice) -> bool:
    with node.store.write() as transaction:
        number = notice.reference_number
        if dossiers.is_kept(transaction, number):
            _keep(transaction, notice)
            what = f"Read notice {notice.cursor} of the central system: the node could not."
            task = acts.open_task(node, TaskKind.READ_NOTICE, number, what, article="37(1)")
            tasks.add(transaction, task)
        _finish(node, transaction, notice, Outcome.REFUSED)
    return True


def _keep(transaction: Transaction, notice: central_pb2.Notice) -> None:
    try:
        content = notice.SerializeToString()
        unread.add(transaction, notice.cursor, notice.reference_number, content)
    except SealBroken:
        # Its key is damaged, and with it all else of the data set; the task still tells.
        log.warning("notice %d cannot be kept; restore the store from a backup", notice.cursor)


def _finish(
    node: Node, transaction: Transaction, notice: central_pb2.Notice, outcome: Outcome
) -> None:
    counters.put(transaction, CURSOR, notice.cursor)
    number = notice.reference_number
    deed = Deed(node_itself(node.member_state), Act.RECEIVE_NOTICE, Purpose.OPERATION, number)
    kind = notice.WhichOneof("content") or "unknown"
    acts.append(node, transaction, deed, outcome, detail=f"{kind} {notice.cursor}")


def _take_result(node: Node, transaction: Transaction, got: _Received) -> tuple[int, ...]:
    return results.take(node, transaction, got.dossier, got.notice.comparison_result)


def _take_quality_refusal(node: Node, transaction: Transaction, got: _Received) -> tuple[int, ...]:
    """Art. 38(1): take again, and send under the same number."""
    number = got.dossier.reference_number
    if dispatch.has_better_biometrics(transaction, number):
        return ()  # better ones are on their way already
    samples = "; ".join(_name_sample(sample) for sample in got.notice.quality_refusal.samples)
    if searches.is_search(got.dossier.category):
        finding = Finding.NOT_COMPARABLE
        searches.take_answer(node, transaction, got.dossier, finding, refusal=samples)
        return ()
    tasks.close(transaction, number, node.now(), kinds=results.WAITED_FOR)
    dossiers.change(transaction, number, delivery=Delivery.RECAPTURE_WANTED, refusal=samples)
    what = f"Take the biometrics again under the same number: {samples}"
    task = acts.open_task(node, TaskKind.RECAPTURE, number, what, article="38(1)")
    tasks.add(transaction, task)
    return ()


def _name_sample(sample: central_pb2.SampleRefusal) -> str:
    if sample.face:
        what = "face"
    elif sample.position == terms_pb2.FINGER_POSITION_UNSPECIFIED:
        what = "capture"
    else:
        what = wire.position_from(sample.position).name.lower().replace("_", " ")
    return f"{sample.code} {what}: {sample.hint}"


def _take_responsibility(node: Node, transaction: Transaction, got: _Received) -> tuple[int, ...]:
    """Art. 16(4): update the responsible State in own data of Art. 15(1)."""
    responsible = got.notice.responsibility_changed.responsible_state
    wanted = obliged(Notice.RESPONSIBILITY_CHANGED, got.dossier.category)
    if wanted and got.dossier.content.responsible_state != responsible:
        told = {"responsible_state": responsible}
        changes.update(node, transaction, got.dossier, told, follow_up=True)
    return ()


def _take_flag_deletion(node: Node, transaction: Transaction, got: _Received) -> tuple[int, ...]:
    """Art. 17(4): who is told of a deleted flag deletes its own."""
    wanted = obliged(Notice.FLAG_DELETED, got.dossier.category)
    if wanted and got.dossier.content.security_flag:
        changes.delete_flag(node, transaction, got.dossier, follow_up=True)
    return ()


def _take_erasure(node: Node, transaction: Transaction, got: _Received) -> tuple[int, ...]:
    """Art. 30(1), (2): the notice makes us aware of the citizenship, which erases own data too,
    except those of refused or discontinued admissions (Art. 29(4))."""
    ground = wire.ground_from(got.notice.data_erased.ground)
    rule = retention_rule(got.dossier.content)
    if ground is ErasureGround.CITIZENSHIP and rule is not None and rule.citizenship_erases:
        return changes.erase(node, transaction, got.dossier, ground).template_ids
    return ()


def _take_mark(node: Node, transaction: Transaction, got: _Received) -> tuple[int, ...]:
    """Art. 31(1), (4): who is told of a mark marks its own data."""
    marked = got.notice.data_marked
    kind = wire.mark_type_from(marked.type)
    if obliged(MARK_NOTICES[kind], got.dossier.category):
        acts.insist(*check_mark(got.dossier.category, kind, follow_up=True))
        set_by = reference.parse(marked.source_reference_number).state
        mark = Mark(kind, set_by=set_by, set_at=node.now(), follow_up=True)
        changes.set_mark(node, transaction, got.dossier, mark)
    return ()


Handler = Callable[[Node, Transaction, _Received], tuple[int, ...]]

HANDLERS: Mapping[str, Handler] = {
    "comparison_result": _take_result,
    "quality_refusal": _take_quality_refusal,
    "responsibility_changed": _take_responsibility,
    "flag_deleted": _take_flag_deletion,
    "data_erased": _take_erasure,
    "data_marked": _take_mark,
}
"""Complete for the kinds of the protocol; a newer centre's kinds are laid aside."""

if HANDLERS.keys() != {
    field.name for field in central_pb2.Notice.DESCRIPTOR.oneofs_by_name["content"].fields
}:
    raise AssertionError("every kind of notice has its handler")


class Follower:
    """A thread that follows the notices until it is stopped, and reconnects with backoff."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._stopping = threading.Event()
        self._notices: Notices | None = None
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the notice under way and end."""
        self._stopping.set()
        if self._notices is not None:
            self._notices.cancel()
        self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether the thread runs; one that died of an unforeseen error is no healthy node."""
        return self._thread.is_alive()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            before = self._node.line.answered_at
            try:
                follow(self._node, self._watch)
            except CentralUnavailable:
                log.debug("the stream of notices ended")
            except (CentralRefused, NodeError) as error:
                log.warning("notices cannot be followed: %s", type(error).__name__)
            failures = 0 if self._node.line.answered_at != before else failures + 1
            self._stopping.wait(self._backoff(failures).total_seconds())

    def _watch(self, notices: Notices) -> None:
        self._notices = notices
        # Stopped between the last look and the opening of the stream.
        if self._stopping.is_set():
            notices.cancel()

    def _backoff(self, failures: int) -> timedelta:
        central = self._node.settings.central
        doubled = central.retry_first_seconds * 2 ** min(failures, 20)
        wait = min(doubled, central.retry_most_seconds) * self._node.jitter.uniform(0.5, 1.0)
        return timedelta(seconds=wait)
