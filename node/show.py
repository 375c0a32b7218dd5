"""Answers of a node as a person reads them: one table per kind, times in UTC."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import UTC
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from interfaces.pb.eurodac.nap.v1 import clock_pb2, nap_pb2

WIDTH = 120
"""Columns where the output is no terminal: logs and files are read on wide screens."""

console = Console(width=None if sys.stdout.isatty() else WIDTH)


def message(answer: Message) -> None:
    """Print an answer of the node."""
    shown: dict[type[Message], Callable[[Any], None]] = {
        nap_pb2.EnrolmentReceipt: receipt,
        nap_pb2.AssessQualityResponse: qualities,
        nap_pb2.IdentifyResponse: candidates,
        nap_pb2.CompareResponse: comparison,
        nap_pb2.Case: case,
        nap_pb2.CaseHit: hit,
        nap_pb2.ListDueResponse: due,
        nap_pb2.GetStatusResponse: status,
        clock_pb2.CaseClock: clock,
        clock_pb2.GetIndicatorsResponse: indicators,
    }
    shown[type(answer)](answer)


def instant(moment: Timestamp) -> str:
    """A moment in UTC to the second; empty when it is not set."""
    if not moment.seconds:
        return ""
    return moment.ToDatetime(tzinfo=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def finger(code: int) -> str:
    """Name of a position code.

    >>> finger(2), finger(0)
    ('right index', 'unknown finger')
    """
    if code == terms_pb2.FINGER_POSITION_UNSPECIFIED:
        return "unknown finger"
    name = terms_pb2.FingerPosition.Name(code)  # type: ignore[arg-type]
    return name.removeprefix("FINGER_POSITION_").replace("_", " ").lower()


def receipt(answer: nap_pb2.EnrolmentReceipt) -> None:
    """What became of a capture, and by when it must be transmitted."""
    outcome = nap_pb2.EnrolmentOutcome.Name(answer.outcome).removeprefix("ENROLMENT_OUTCOME_")
    console.print(f"[bold]{answer.reference_number}[/bold]  {outcome.replace('_', ' ').lower()}")
    samples(answer.samples)
    if answer.HasField("transmit_by"):
        late = "  [red]LATE[/red]" if answer.late else ""
        article = f"(Art. {answer.limit_article})"
        console.print(f"transmit by {instant(answer.transmit_by)} {article}{late}")
    tasks(answer.tasks)


def samples(listed: Iterable[nap_pb2.SampleQuality]) -> None:
    """Quality per finger and face, with what to do better."""
    table = Table("sample", "score", "sufficient", "hint", box=None)
    for sample in listed:
        name = "face" if sample.face else finger(sample.position)
        mark = "yes" if sample.sufficient else "[red]no[/red]"
        table.add_row(name, str(sample.score), mark, escape(sample.hint))
    console.print(table)


def qualities(answer: nap_pb2.AssessQualityResponse) -> None:
    """Whether a capture would do."""
    samples(answer.samples)
    console.print("sufficient" if answer.sufficient else "[red]not sufficient[/red]")


def candidates(answer: nap_pb2.IdentifyResponse) -> None:
    """A candidate list, or the explicit word that there is none."""
    outcome = nap_pb2.IdentifyResponse.Outcome.Name(answer.outcome).removeprefix("OUTCOME_")
    console.print(f"[bold]{outcome.lower()}[/bold] among {answer.persons_searched} persons")
    if answer.candidates:
        table = Table("reference number", "score", "fingers", "face", "", box=None)
        for one in answer.candidates:
            face = f"{one.face_score:.1f}" if one.HasField("face_score") else ""
            hands = "[yellow]hands swapped[/yellow]" if one.hands_swapped else ""
            table.add_row(one.reference_number, f"{one.score:.1f}", _scores(one), face, hands)
        console.print(table)


def comparison(answer: nap_pb2.CompareResponse) -> None:
    """The outcome of a 1:1 comparison."""
    outcome = nap_pb2.CompareResponse.Outcome.Name(answer.outcome).removeprefix("OUTCOME_")
    console.print(
        f"[bold]{outcome.replace('_', ' ').lower()}[/bold]: score {answer.score:.1f}, "
        f"threshold {answer.threshold:.1f} (-10 log10 of the false match rate)"
    )


def case(answer: nap_pb2.Case) -> None:
    """A data set on its way, what was found, and what is open."""
    delivery = nap_pb2.Delivery.Name(answer.delivery).removeprefix("DELIVERY_")
    outcome = central_pb2.ComparisonResult.Outcome.Name(answer.comparison)
    found = outcome.removeprefix("OUTCOME_").replace("UNSPECIFIED", "not compared yet")
    console.print(f"[bold]{answer.reference_number}[/bold]  {delivery.lower()}  {found.lower()}")
    if answer.refusal:
        console.print(f"[red]refused[/red]: {escape(answer.refusal)}")
    if answer.HasField("retained_until"):
        console.print(f"retained until {instant(answer.retained_until)}")
    for one in answer.hits:
        hit(one)
    tasks(answer.tasks)


def hit(answer: nap_pb2.CaseHit) -> None:
    """One hit: whose, of which kind, flag and marks, and the step that follows."""
    state = nap_pb2.CaseHit.State.Name(answer.state).removeprefix("STATE_").lower()
    found = answer.data_set
    kind = terms_pb2.Category.Name(found.category).removeprefix("CATEGORY_")
    flag = "  [red]SECURITY FLAG[/red]" if found.security_flag else ""
    marks = "".join(
        f"  mark {terms_pb2.MarkType.Name(mark.type).removeprefix('MARK_TYPE_').lower()}"
        for mark in found.marks
    )
    console.print(
        f"hit {answer.hit_id}: {found.origin} {kind} {found.reference_number} "
        f"of {instant(found.event.occurred_at)}, score {answer.score:.1f}, {state}{flag}{marks}"
    )
    if answer.expert_required and state == "checking":
        console.print(f"  an expert must look: {', '.join(answer.expert_reasons)}")
    if answer.next_step:
        limit = f" by {instant(answer.next_step_due)}" if answer.HasField("next_step_due") else ""
        console.print(f"  next: {answer.next_step}{limit} ({answer.next_step_article})")


def due(answer: nap_pb2.ListDueResponse) -> None:
    """Open tasks, soonest first."""
    if not answer.tasks:
        console.print("nothing is open")
    tasks(answer.tasks)


def tasks(listed: Iterable[nap_pb2.Task]) -> None:
    """A table of tasks; nothing when there are none."""
    table = Table("due", "task", "reference number", "what", "article", box=None)
    for task in listed:
        when = instant(task.due) if task.HasField("due") else "as soon as possible"
        mark = f"[red]{when}[/red]" if task.overdue else when
        table.add_row(mark, task.kind, task.reference_number, escape(task.what), task.article)
    if table.row_count:
        console.print(table)


def clock(answer: clock_pb2.CaseClock) -> None:
    """What happened in a case, what runs, and the next step."""
    console.print(f"[bold]{answer.reference_number}[/bold]  at {instant(answer.at)}")
    if answer.under_old_rules:
        console.print("registered before the new rules apply: Regulation (EU) No 604/2013")
    for event in answer.history:
        kind = clock_pb2.CaseEventKind.Name(event.kind).removeprefix("CASE_EVENT_KIND_")
        silence = f"  [red]by silence[/red] ({event.article})" if event.by_silence else ""
        console.print(f"{instant(event.at)}  {kind.replace('_', ' ').lower()}{silence}")
    limits(answer.running)
    if answer.HasField("proposal"):
        step = answer.proposal
        by = f" by {instant(step.due_at)}" if step.HasField("due_at") else ""
        console.print(f"next: {step.what}{by} ({step.article})")


def limits(running: Iterable[clock_pb2.RunningLimit]) -> None:
    """A table of limits with both readings; nothing when none runs."""
    table = Table("limit", "due", "at the latest", "reminders", "when it passes", box=None)
    for limit in running:
        due_at = instant(limit.due_at)
        table.add_row(
            f"{limit.step} ({limit.article})",
            f"[red]{due_at}[/red]" if limit.passed else due_at,
            instant(limit.due_outer),
            ", ".join(instant(moment)[:10] for moment in limit.reminders),
            limit.on_silence,
        )
    if table.row_count:
        console.print(table)


def indicators(answer: clock_pb2.GetIndicatorsResponse) -> None:
    """Return indicators of a period."""
    if not answer.indicators:
        console.print("nothing was recorded in this period")
        return
    table = Table("indicator", "count", "of", "share", box=None)
    for one in answer.indicators:
        share = f"{one.share:.1%}" if one.HasField("share") else "nothing to share"
        table.add_row(one.name, str(one.count), str(one.of), share)
    console.print(table)


def status(answer: nap_pb2.GetStatusResponse) -> None:
    """How the node stands."""
    table = Table(show_header=False, box=None)
    agrees = "agrees with the store" if answer.gallery_equals_store else "[red]differs[/red]"
    reach = "reachable" if answer.central_reachable else "[red]not reachable[/red]"
    for name, value in (
        ("node", f"{answer.member_state}, version {answer.version}"),
        ("models", ", ".join(answer.models)),
        ("gallery", f"{answer.persons} persons, {agrees}"),
        ("outbox", f"{answer.queued_urgent} urgent, {answer.queued_normal} normal"),
        ("centre", f"{reach}, last answer {instant(answer.central_answered_at) or 'never'}"),
        ("time", instant(answer.now)),
    ):
        table.add_row(name, value)
    console.print(table)


def _scores(candidate: nap_pb2.OwnCandidate) -> str:
    return " ".join(f"{score.position}:{score.score:.0f}" for score in candidate.finger_scores)
