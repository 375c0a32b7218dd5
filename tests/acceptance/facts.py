"""Sentences of the stories that state what must be so, through the doors where they tell it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from interfaces import wire
from interfaces.eurodac.periods import local_day
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from interfaces.pb.eurodac.nap.v1 import nap_pb2
from node.access import Role
from node.store import biometrics, parcels
from node.store.erasure import has_key
from tests.acceptance.language import STATES, Story, fact, instant, labels_in

OUTCOMES = {
    "hits nobody": central_pb2.ComparisonResult.OUTCOME_NEGATIVE,
    "is not comparable": central_pb2.ComparisonResult.OUTCOME_NOT_COMPARABLE,
    "is stored without comparison": central_pb2.ComparisonResult.OUTCOME_STORED_ONLY,
}


@fact("It is refused with {word} under {text}")
def is_refused(story: Story, code: str, article: str) -> None:
    """The last deed was refused by this rule of this article."""
    refused = story.refused
    assert refused is not None, "it was not refused"
    story.refused = None
    found = {(one.code, one.article) for one in refused.violations}
    assert (code, article) in found, f"refused, but with {found or refused}"


@fact("It is not allowed")
def is_denied(story: Story) -> None:
    """Whoever did the last deed may not."""
    refused, story.refused = story.refused, None
    assert refused is not None, "it was allowed"
    assert refused.code == "PERMISSION_DENIED", refused


@fact("It is unknown there")
def is_unknown(story: Story) -> None:
    """The State holds no data under that number."""
    refused, story.refused = story.refused, None
    assert refused is not None, "it was taken"
    assert refused.code == "NOT_FOUND", refused


@fact("It comes out of turn")
def is_out_of_turn(story: Story) -> None:
    """The last deed does not fit how the data set stands."""
    refused, story.refused = story.refused, None
    assert refused is not None, "it was taken"
    assert refused.code == "FAILED_PRECONDITION", refused


@fact("Nothing of {label} is there")
def never_was(story: Story, label: str) -> None:
    """A refused record got no number."""
    assert label not in story.numbers, f"it is there as {story.numbers[label]}"


@fact("{label} has the digit {number}")
def has_digit(story: Story, label: str, digit: str) -> None:
    """The category digit of the reference number (Art. 37(4))."""
    assert story.number(label)[2] == digit, story.number(label)


@fact("{label} must be sent by {when} under {text}")
def must_be_sent(story: Story, label: str, when: str, article: str) -> None:
    """The limit that the receipt states."""
    receipt = story.receipts[label]
    assert receipt.HasField("transmit_by"), "no hour limit is stated"
    due = wire.instant_from(receipt.transmit_by)
    assert (due, receipt.limit_article) == (instant(when), article), (due, receipt.limit_article)


@fact("{label} has no hour limit")
def has_no_limit(story: Story, label: str) -> None:
    """As soon as possible, and no hour is stated."""
    assert not story.receipts[label].HasField("transmit_by"), story.receipts[label].transmit_by


@fact("{label} is on time")
def is_on_time(story: Story, label: str) -> None:
    """Its limit had not passed when it was recorded."""
    assert not story.receipts[label].late


@fact("{label} is late")
def is_late(story: Story, label: str) -> None:
    """Its limit had passed; it is recorded all the same."""
    assert story.receipts[label].late


@fact("{label} is late and sent all the same")
def is_late_and_sent(story: Story, label: str) -> None:
    """Lateness ends no duty."""
    assert story.receipts[label].late
    assert story.europe.stored(story.number(label)) is not None


@fact("{label} hits {labels}")
def hits(story: Story, label: str, labels: str) -> None:
    """These and no others, in order of precedence; false ones left out."""
    case = story.europe.case(story.number(label))
    found = [hit.data_set.reference_number for hit in case.hits if hit.HasField("data_set")]
    names = {number: name for name, number in story.numbers.items()}
    assert found == [story.number(one) for one in labels_in(labels)], [
        names.get(number, number) for number in found
    ]


@fact("{label} {outcome}")
def came_to(story: Story, label: str, what: str) -> None:
    """What the comparison came to, without hits."""
    case = story.europe.case(story.number(label))
    assert (case.comparison, list(case.hits)) == (OUTCOMES[what], []), case


@fact("The hit of {label} on {label} needs the expert because {text}")
def needs_expert(story: Story, label: str, hit: str, reason: str) -> None:
    """The reason is among those for which an expert must look."""
    case = story.europe.case(story.number(label))
    wanted = story.number(hit)
    (found,) = [one for one in case.hits if one.data_set.reference_number == wanted]
    assert found.expert_required
    assert any(reason in one for one in found.expert_reasons), found.expert_reasons


@fact("The hit of {label} on {label} is of prints and face and needs no expert")
def needs_no_expert(story: Story, label: str, hit: str) -> None:
    """Both agree: the check of the face is left to the desk (Art. 38(4))."""
    case = story.europe.case(story.number(label))
    wanted = story.number(hit)
    (found,) = [one for one in case.hits if one.data_set.reference_number == wanted]
    assert found.finger_scores
    assert found.HasField("face_score")
    assert (found.expert_required, list(found.expert_reasons)) == (False, [])


@fact("The hit of {label} on {label} shows all that {state} recorded")
def hit_shows_all(story: Story, label: str, hit: str, place: str) -> None:
    """Every field that the State of origin holds comes back with the hit (Art. 27(4))."""
    wanted = story.number(hit)
    assert wanted.startswith(STATES[place])
    stored = story.europe.stored(wanted)
    assert stored is not None
    case = story.europe.case(story.number(label))
    (found,) = [one.data_set for one in case.hits if one.data_set.reference_number == wanted]
    assert found == terms_pb2.DataSet.FromString(stored.message)


@fact("The hit of {label} shows no data any more")
def hit_is_erased(story: Story, label: str) -> None:
    """A false hit leaves its decision and nothing of the other person."""
    (hit,) = story.europe.case(story.number(label)).hits
    assert hit.state == nap_pb2.CaseHit.STATE_FALSE
    assert not hit.HasField("data_set")


@fact("{label} waits for {word}")
def waits(story: Story, label: str, kind: str) -> None:
    """A task of this kind is open."""
    assert kind in _kinds(story, label), _kinds(story, label)


@fact("{label} does not wait for {word}")
def does_not_wait(story: Story, label: str, kind: str) -> None:
    """No task of this kind is open."""
    assert kind not in _kinds(story, label), _kinds(story, label)


@fact("{label} waits for {word} until {when}")
def waits_until(story: Story, label: str, kind: str, when: str) -> None:
    """A task with its limit: an instant, or a day on the calendar of its State."""
    number = story.number(label)
    tasks = [task for task in story.europe.case(number).tasks if task.kind == kind]
    assert tasks, _kinds(story, label)
    found = [wire.instant_from(task.due) if task.HasField("due") else None for task in tasks]
    shown = {_show(due, when, number[:2]) for due in found if due is not None}
    assert shown == {when}, shown


def _show(due: datetime, like: str, state: str) -> str:
    if " " not in like:
        return local_day(due, state).isoformat()
    return due.strftime("%Y-%m-%d %H:%M:%S")[: len(like)]


def _kinds(story: Story, label: str) -> list[str]:
    return [task.kind for task in story.europe.case(story.number(label)).tasks]


@fact("The limit of {word} on {label} has passed")
def has_passed(story: Story, kind: str, label: str) -> None:
    """The list of due work shows it as overdue."""
    state = story.number(label)[:2]
    request = nap_pb2.ListDueRequest()
    response = story.europe.call(state, Role.ASYLUM_DESK, "ListDue", request)
    found = [
        task.overdue
        for task in response.tasks
        if task.kind == kind and task.reference_number == story.number(label)
    ]
    assert found == [True], found


@fact("{label} shows {word} as the responsible State")
def shows_responsible(story: Story, label: str, name: str) -> None:
    """At the node and at the centre."""
    _same_everywhere(story, label, "responsible_state", STATES[name])


@fact("{label} shows that the application was rejected")
def shows_rejected(story: Story, label: str) -> None:
    """At the node and at the centre."""
    _same_everywhere(story, label, "application_rejected", True)


@fact("{label} shows the passport {word}")
def shows_passport(story: Story, label: str, number: str) -> None:
    """At the node and at the centre."""
    for shown in _both(story, label):
        assert shown.document.number == number


@fact("{label} shows the removal on {when}")
def shows_removal(story: Story, label: str, when: str) -> None:
    """At the node and at the centre."""
    _same_everywhere(story, label, "removed_on", when)


@fact("{label} shows the name {word}")
def shows_name(story: Story, label: str, name: str) -> None:
    """At the node and at the centre."""
    for shown in _both(story, label):
        assert list(shown.surnames) == [name]


@fact("{label} carries the security flag")
def carries_flag(story: Story, label: str) -> None:
    """At the node and at the centre."""
    _same_everywhere(story, label, "security_flag", True)


@fact("{label} carries no security flag")
def carries_no_flag(story: Story, label: str) -> None:
    """Neither at the node nor at the centre."""
    _same_everywhere(story, label, "security_flag", False)


@fact("{label} carries the mark {word}")
def carries_mark(story: Story, label: str, kind: str) -> None:
    """As its own first mark, at the node and at the centre."""
    _marked(story, label, kind, follow_up=False)


@fact("{label} carries the mark {word} because another State marked")
def carries_following_mark(story: Story, label: str, kind: str) -> None:
    """As a follow-up, at the node and at the centre."""
    _marked(story, label, kind, follow_up=True)


@fact("{label} carries no mark")
def carries_no_mark(story: Story, label: str) -> None:
    """Neither at the node nor at the centre."""
    assert not any(shown.marks for shown in _both(story, label))


def _marked(story: Story, label: str, kind: str, *, follow_up: bool) -> None:
    wanted = terms_pb2.MarkType.Value(f"MARK_TYPE_{kind}")
    for shown in _both(story, label):
        assert [(mark.type, mark.follow_up) for mark in shown.marks] == [(wanted, follow_up)]


def _same_everywhere(story: Story, label: str, name: str, value: object) -> None:
    for shown in _both(story, label):
        assert getattr(shown, name) == value, getattr(shown, name)


def _both(story: Story, label: str) -> list[terms_pb2.DataSet]:
    number = story.number(label)
    stored = story.europe.stored(number)
    assert stored is not None, "the centre does not hold it"
    return [story.europe.case(number).data_set, terms_pb2.DataSet.FromString(stored.message)]


@fact("{label} is kept until {when}")
def is_kept_until(story: Story, label: str, when: str) -> None:
    """The same last second at the node and at the centre: the end of this UTC day."""
    number = story.number(label)
    stored = story.europe.stored(number)
    assert stored is not None, "the centre does not hold it"
    ours = wire.instant_from(story.europe.case(number).retained_until)
    assert ours == stored.retained_until, (ours, stored.retained_until)
    assert ours.isoformat() == f"{when}T23:59:59+00:00", ours


@fact("{label} is gone everywhere")
def is_gone(story: Story, label: str) -> None:
    """From store, gallery, outbox and keys of the node; from ledger, gallery and links outside."""
    number = story.number(label)
    node = story.europe.states[number[:2]].node
    case = story.europe.case(number)
    assert case.delivery == nap_pb2.DELIVERY_ERASED
    assert not case.HasField("data_set")
    assert story.europe.stored(number) is None
    assert story.europe.sequence_of(number) == {number}
    with node.store.read() as transaction:
        assert not has_key(transaction, number)
        assert parcels.find_waiting(transaction, number) == ()
        assert len(node.gallery) == biometrics.count_references(transaction)
    centre = story.europe.centre.centre
    with centre.ledger.read() as entries:
        searchable = [row for row in entries.data_sets() if row.template is not None]
    assert len(centre.gallery) == len(searchable)


@fact("Nothing of {label} is stored at the centre")
def is_not_stored(story: Story, label: str) -> None:
    """Searched, and recorded nowhere."""
    assert story.europe.stored(story.number(label)) is None


@fact("{labels} are one person's")
def are_one_persons(story: Story, labels: str) -> None:
    """Exactly these form one sequence."""
    numbers = {story.number(label) for label in labels_in(labels)}
    for number in numbers:
        assert story.europe.sequence_of(number) == numbers


@fact("{label} stands alone")
def stands_alone(story: Story, label: str) -> None:
    """No other data set is of its sequence."""
    number = story.number(label)
    assert story.europe.sequence_of(number) == {number}


@fact("The link of {label} and {label} is {word}")
def link_is(story: Story, one: str, other: str, state: str) -> None:
    """How sure the centre is that both are one person's."""
    with story.europe.centre.centre.ledger.read() as entries:
        assert entries.link_state(story.number(one), story.number(other)) == state


@fact("{state} was told {word} about {label} {count}")
def was_told(story: Story, place: str, kind: str, label: str, count: str) -> None:
    """So many notices of this kind, as the State's audit shows them."""
    number = story.number(label)
    assert number.startswith(STATES[place])
    told = [entry for entry in story.europe.records(number) if entry.act == "RECEIVE_NOTICE"]
    kinds = [entry.detail.split()[0] for entry in told]
    times = {"never": 0, "once": 1, "twice": 2}
    assert kinds.count(kind) == times[count], kinds


@fact("The statistics of {month} count {number} under {word} for {state}")
def statistics(story: Story, month: str, count: str, point: str, place: str) -> None:
    """A point of Art. 12(1), over all its dimensions."""
    found = story.europe.figures(month)
    assert found.get((point, STATES[place]), 0) == int(count), found


@fact("No name or biometrics are in the log")
def log_names_nobody(story: Story) -> None:
    """The audit's file holds numbers, never names."""
    for state in story.europe.states.values():
        for path in Path(state.node.settings.data_folder).glob("*.sqlite*"):
            assert b"Qwertzuiop" not in path.read_bytes(), path
