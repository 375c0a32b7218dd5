"""The clock of a case: what was recorded and what limits run, and the tasks that follow from them.

events are recorded -> the clock is played at every reading -> tasks are opened and closed

A limit that passes changes a case while nobody acts. `refresh` therefore brings the tasks of all
cases whose clock has moved up to date before any list of them is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from interfaces.eurodac import caseclock, casework, duties, limits, progress
from interfaces.eurodac.caseclock import CaseClock
from interfaces.eurodac.casework import Step
from interfaces.eurodac.categories import is_applicant
from interfaces.eurodac.duties import Duty
from interfaces.eurodac.outcome import HitState
from interfaces.eurodac.periods import utc
from interfaces.eurodac.progress import Facts, KnownHit, Told
from node import acts
from node.access import Act, Actor, Purpose, purpose_of_number
from node.acts import Deed, Written
from node.assembly import Node
from node.audit import Outcome
from node.errors import NotFound
from node.store import Transaction, declared, dossiers, events, hits, tasks
from node.store.events import CaseEvent
from node.store.hits import StoredHit
from node.vocabulary import Task, TaskKind

STALE_AT_ONCE = 200
"""Cases looked up in one go by a refresh; each is brought up to date in a commit of its own."""

TICK = timedelta(seconds=1)
"""Limits are kept in whole seconds: one second after its end a limit has passed."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """What a desk records."""

    request_id: str
    reference_number: str
    told: Told


@dataclass(frozen=True, slots=True)
class Reading:
    """The clock of one case at one moment. under_old_rules: Regulation 604/2013 applies."""

    reference_number: str
    at: datetime
    clock: CaseClock
    events: tuple[CaseEvent, ...]
    duties: tuple[Duty, ...]
    under_old_rules: bool

    @property
    def proposal(self) -> Duty | None:
        """The next step: the most urgent duty."""
        return self.duties[0] if self.duties else None


def record_event(node: Node, actor: Actor, new: NewEvent) -> str:
    """Take down what happened in a case; returns the event's number. RuleBroken: what forbids it.

    Tasks that it ends are closed and those that it starts are opened in the same commit.
    """
    number = new.reference_number
    deed = Deed(actor, Act.RECORD_EVENT, purpose_of_number(number), number)

    def write(transaction: Transaction) -> Written:
        facts = _facts(node, transaction, number)
        policy = node.settings.policy
        acts.insist(*progress.check_told(new.told, facts, node.now(), policy))
        event = CaseEvent(node.new_id(), number, new.told, actor.user, node.now())
        events.add(transaction, event)
        dossiers.change(transaction, number)
        events.start_clock(transaction, number)
        follow(node, transaction, number)
        return Written(event.event_id.encode(), number, detail=event.event_id)

    with acts.conduct(node, deed):
        request = acts.name_request(deed, new.request_id, number, repr(new.told))
        answer = acts.find_answer(node, deed, request)
        if answer is None:
            answer = acts.carry_out(node, deed, request, write)
        return answer.decode()


def withdraw_event(node: Node, actor: Actor, request_id: str, event_id: str) -> None:
    """Take back an event recorded by mistake; the clock runs as if it had never been told."""
    deed = _deed_of_event(node, actor, event_id)

    def write(transaction: Transaction) -> Written:
        number = events.find(transaction, event_id).reference_number
        events.drop(transaction, event_id)
        dossiers.change(transaction, number)
        follow(node, transaction, number)
        return Written(b"", number, detail=f"withdrew {event_id}")

    with acts.conduct(node, deed):
        request = acts.name_request(deed, request_id, event_id)
        if acts.find_answer(node, deed, request) is None:
            acts.carry_out(node, deed, request, write)


def get_clock(node: Node, actor: Actor, reference_number: str) -> Reading:
    """Everything that runs in one case now; NotFound for an unknown or erased one."""
    deed = Deed(actor, Act.READ_CASE, purpose_of_number(reference_number), reference_number)
    with acts.conduct(node, deed):
        refresh(node, reference_number)
        with node.store.read() as transaction:
            reading = read(node, transaction, reference_number)
        acts.record(node, deed, Outcome.DONE, detail="clock")
        return reading


def list_tasks(node: Node, actor: Actor, at_most: int) -> tuple[tuple[Task, ...], bool]:
    """Open tasks soonest first, at most so many, and whether there are more."""
    deed = Deed(actor, Act.LIST_DUE, Purpose.RESPONSIBILITY)
    with acts.conduct(node, deed):
        refresh(node)
        with node.store.read() as transaction:
            page = tasks.list_due(transaction, before=None, at_most=at_most)
        acts.record(node, deed, Outcome.DONE, detail=f"{len(page.tasks)} tasks exported")
        return page.tasks, bool(page.next_token)


def check_window(node: Node, actor: Actor, window: str, *, since: date, on: date) -> bool:
    """Whether a fact of one day still counts on another; window: key of limits.WINDOWS."""
    deed = Deed(actor, Act.READ_CASE, Purpose.RESPONSIBILITY)
    with acts.conduct(node, deed):
        counts = limits.counts(window, since, on)
        acts.record(node, deed, Outcome.DONE, detail=f"window {window}")
        return counts


def refresh(node: Node, only: str = "") -> None:
    """Let the tasks of every case, or of one, follow its clock, where the clock has moved."""
    while True:
        with node.store.read() as transaction:
            stale = events.find_stale(transaction, node.now(), STALE_AT_ONCE, only=only)
        for number in stale:
            with node.store.write() as transaction:
                follow(node, transaction, number)
        if len(stale) < STALE_AT_ONCE:
            return


def read(node: Node, transaction: Transaction, reference_number: str) -> Reading:
    """Play the clock of a case up to now."""
    facts = _facts(node, transaction, reference_number)
    policy, now = node.settings.policy, node.now()
    clock = caseclock.play(
        progress.occurred(facts, policy),
        now,
        node.member_state,
        declared.find_holding(transaction),
        policy=policy,
    )
    return Reading(
        reference_number=reference_number,
        at=now,
        clock=clock,
        events=events.find_all(transaction, reference_number),
        duties=duties.duties(facts, clock),
        under_old_rules=progress.is_under_old_rules(facts, policy),
    )


def follow(node: Node, transaction: Transaction, reference_number: str) -> None:
    """Open the tasks that the clock asks for and close those that it has overtaken."""
    if dossiers.find(transaction, reference_number).data_set is None:
        return
    reading = read(node, transaction, reference_number)
    known = tasks.find_of_clock(transaction, reference_number)
    changed = _close(node, transaction, reading)
    changed |= _move(node, transaction, reading)
    changed |= _open(node, transaction, reading, known)
    if changed:
        dossiers.change(transaction, reference_number)
    revision = dossiers.find_revision(transaction, reference_number)
    events.note_reading(transaction, reference_number, revision, _changes_at(reading))


def _facts(node: Node, transaction: Transaction, reference_number: str) -> Facts:
    dossier = dossiers.find(transaction, reference_number)
    confirmed = [
        stored.hit
        for stored in hits.find_all(transaction, reference_number)
        if stored.hit.state is HitState.CONFIRMED
    ]
    return Facts(
        category=dossier.category,
        data_set=dossier.content,
        state=node.member_state,
        hits=tuple(
            KnownHit(hit.data_set, hit.received_at) for hit in confirmed if hit.data_set is not None
        ),
        told=tuple(event.told for event in events.find_all(transaction, reference_number)),
    )


def _close(node: Node, transaction: Transaction, reading: Reading) -> bool:
    """Close what an event or a passed limit has ended; says whether there was anything."""
    wanted = {(duty.rule, duty.starts_at) for duty in reading.duties}
    ended = duties.closed_by(reading.clock)
    over = [
        task
        for task in tasks.find_open(transaction, reading.reference_number)
        if task.rule and _is_over(task, wanted, ended)
    ]
    for task in over:
        tasks.supersede(transaction, task.task_id, node.now())
    return bool(over)


def find_step(node: Node, transaction: Transaction, stored: StoredHit) -> Step:
    """What follows from a confirmed hit under what is on record now."""
    dossier = dossiers.find(transaction, stored.reference_number)
    event = dossier.content.event
    assert stored.hit.data_set is not None, "a hit that can be confirmed has its content"
    return casework.next_step(
        dossier.category,
        stored.hit.data_set,
        state=node.member_state,
        received_at=stored.hit.received_at,
        registered_at=event.occurred_at if event and is_applicant(dossier.category) else None,
        declared=declared.find_holding(transaction),
        policy=node.settings.policy,
    )


def _move(node: Node, transaction: Transaction, reading: Reading) -> bool:
    """Move the ends that a declaration has lengthened, or whose declaration was replaced."""
    duties_now = {(duty.rule, duty.starts_at): duty for duty in reading.duties}
    moved = False
    for task in tasks.find_open(transaction, reading.reference_number):
        wanted = task
        duty = duties_now.get((task.rule, task.starts_at)) if task.starts_at else None
        if duty is not None:
            wanted = replace(task, what=duty.what, article=duty.article, due=duty.due_at)
        elif task.hit_id and task.rule:
            step = find_step(node, transaction, hits.find(transaction, task.hit_id))
            if step.limit == task.rule:
                wanted = replace(task, due=step.due_at)
        if wanted != task:
            tasks.move(transaction, wanted)
            moved = True
    return moved


def _is_over(task: Task, wanted: set[tuple[str, datetime]], ended: frozenset[str]) -> bool:
    # The task of a hit has a limit of its own, which ends with that of its kind.
    if task.starts_at is None:
        return task.rule in ended
    return (task.rule, task.starts_at) not in wanted


def _open(node: Node, transaction: Transaction, reading: Reading, known: Iterable[Task]) -> bool:
    """Open what was never opened; a task that an official closed stays closed."""
    of_hits = {task.rule for task in known if task.starts_at is None}
    there = {(task.rule, task.starts_at) for task in known}
    new = [
        duty
        for duty in reading.duties
        if duty.rule not in of_hits and (duty.rule, duty.starts_at) not in there
    ]
    tasks.add(transaction, *(_task(node, reading.reference_number, duty) for duty in new))
    return bool(new)


def _task(node: Node, reference_number: str, duty: Duty) -> Task:
    kind = TaskKind(duty.kind)
    task = acts.open_task(node, kind, reference_number, duty.what, article=duty.article)
    return replace(task, due=duty.due_at, rule=duty.rule, starts_at=duty.starts_at)


def _changes_at(reading: Reading) -> datetime | None:
    """The first instant at which the clock moves by itself."""
    ends = [
        limit.due_at + TICK
        for limit in reading.clock.running
        if limit.due_at is not None and limit.due_at + TICK > utc(reading.at)
    ]
    return min(ends, default=None)


def _deed_of_event(node: Node, actor: Actor, event_id: str) -> Deed:
    """The purpose follows from the data set; an unknown event is denied as any would be."""
    try:
        with node.store.read() as transaction:
            number = events.find(transaction, event_id).reference_number
    except NotFound:
        return Deed(actor, Act.RECORD_EVENT, Purpose.RESPONSIBILITY)
    return Deed(actor, Act.RECORD_EVENT, purpose_of_number(number), number)
