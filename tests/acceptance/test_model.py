"""Random years of three States: whatever they do, in whatever order it arrives, the law holds.

Acts are called in process; parcels, comparisons and notices move one at a time, in any order.
Invariants: nobody changes another's data; nothing is found after its end; no notice is lost or
sent twice; what is erased is gone everywhere; the statistics equal a stupid recount.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from interfaces.central import custody as central_custody
from interfaces.central.figures import statistics_of
from interfaces.eurodac import sequence
from interfaces.eurodac.categories import Category, is_applicant
from interfaces.eurodac.dataset import AdmissionDecision, AdmissionOutcome, DataSet, Event, Sex
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.flags import FlagCheck, FlagGround, FlagProposal
from interfaces.eurodac.outcome import HitState
from interfaces.eurodac.retention import ErasureGround
from interfaces.eurodac.terms import MarkType
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from matcher.engine import Engine
from node import admission, assembly, casework, custody, enrolment, flags, marks
from node.access import Role
from node.errors import AccessDenied, NotFound, OutOfTurn
from node.store import biometrics, dossiers, hits, parcels
from node.store.erasure import has_key
from tests.acceptance.direct import LETTERS, Continent, official

REFUSALS = RuleBroken, OutOfTurn, NotFound, AccessDenied
"""What may be said to a State that asks for what cannot be; nothing has happened then."""

CATEGORIES = (
    Category.APPLICANT_REG,
    Category.IRREGULAR_CROSSING,
    Category.ILLEGAL_STAY,
    Category.SAR,
    Category.ADMISSION_RECORD,
)

STATES = st.sampled_from(LETTERS)
MOVES = "deliver", "deliver", "examine", "receive", "receive again later"
"""What can move between a State and the centre."""

NEWS = "mark", "unmark", "responsible", "flag", "citizenship"
"""What is told to the other States of origin, or is taken back without a word."""

PERSONS = st.sampled_from([1, 1, 1, 2])
TAKINGS = st.integers(0, 1)
WHICH = st.integers(0, 10**6)
"""Chooses among what there is, whatever there is."""


class Years(RuleBasedStateMachine):
    """The machine. engine, capture_of: given by the test, shared by all runs."""

    engine: ClassVar[Engine]
    capture_of: ClassVar[Callable[..., terms_pb2.Capture]]

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.continent = Continent(Path(self._folder.name), self.engine)
        self.numbers: list[str] = []
        self.requests = 0

    def teardown(self) -> None:
        try:
            self.continent.settle()
            self._check_quiet()
        finally:
            self.continent.close()
            self._folder.cleanup()

    def _id(self) -> str:
        self.requests += 1
        return f"request-{self.requests}"

    def _number(self, which: int) -> tuple[Any, str]:
        number = self.numbers[which % len(self.numbers)]
        return self.continent.nodes[number[:2]], number

    @initialize()
    def begin(self) -> None:
        """One person is known to all three States, so that what follows concerns them all."""
        for state, category in zip(LETTERS, CATEGORIES[:3], strict=True):
            self.record(state, category, 1, LETTERS.index(state) % 2)
            self.record(state, Category.APPLICANT_REG, 1, LETTERS.index(state) % 2)
            self.continent.settle()
        self._check_quiet()

    @rule(state=STATES, category=st.sampled_from(CATEGORIES), person=PERSONS, taking=TAKINGS)
    def record(self, state: str, category: Category, person: int, taking: int) -> None:
        now = self.continent.clock()
        refused = AdmissionDecision(AdmissionOutcome.REFUSED, now.date(), ("c",))
        data_set = DataSet(
            category,
            origin="",
            surnames=("Ay",),
            forenames=("Bo",),
            nationalities=("SYR",),
            date_of_birth="1990-05-17",
            place_of_birth="UNKNOWN",
            sex=Sex.FEMALE,
            event=Event("Border post 4", now - timedelta(hours=1)),
            biometrics_taken_at=now - timedelta(minutes=10),
            admission_decision=refused if category is Category.ADMISSION_RECORD else None,
        )
        wanted = enrolment.Enrolment(self._id(), data_set, type(self).capture_of(person, taking))
        station = official(state, Role.CAPTURE_STATION)
        receipt = enrolment.enrol(self.continent.nodes[state], station, wanted)
        self.numbers.append(receipt.reference_number)

    @rule(state=STATES, person=PERSONS, taking=TAKINGS)
    def search_admission(self, state: str, person: int, taking: int) -> None:
        search = admission.AdmissionSearch(
            self._id(),
            type(self).capture_of(person, taking),
            self.continent.clock() - timedelta(minutes=10),
            "1990-05-17",
        )
        desk = official(state, Role.ASYLUM_DESK)
        admission.search_admission(self.continent.nodes[state], desk, search)

    @rule(which=WHICH, true=st.booleans())
    def decide_hit(self, which: int, true: bool) -> None:
        node, number = self._number(which)
        expert = official(number[:2], Role.FINGERPRINT_EXPERT)
        with node.store.read() as transaction:
            found = hits.find_all(transaction, number)
        for stored in found:
            finding = HitState.CONFIRMED if true else HitState.FALSE
            with suppress(*REFUSALS):
                decision = casework.Decision(self._id(), stored.hit.hit_id, finding)
                casework.decide_hit(node, expert, decision)

    @rule(which=WHICH, kind=st.sampled_from(MarkType), setting=st.booleans())
    def mark(self, which: int, kind: MarkType, setting: bool) -> None:
        node, number = self._number(which)
        desk = official(number[:2], Role.ASYLUM_DESK)
        change = marks.MarkChange(self._id(), number, kind)
        with suppress(*REFUSALS):
            (marks.set_mark if setting else marks.clear_mark)(node, desk, change)

    @rule(which=WHICH)
    def flag(self, which: int) -> None:
        node, number = self._number(which)
        proposal = FlagProposal(
            FlagCheck.SCREENING, (FlagGround.ARMED,), self.continent.clock(), "Unit 4", True
        )
        with suppress(*REFUSALS):
            wanted = flags.FlagWanted(self._id(), number, proposal)
            proposed = flags.propose(node, official(number[:2], Role.ASYLUM_DESK), wanted)
            flags.approve(node, official(number[:2], Role.SUPERVISOR), self._id(), proposed)

    @rule(which=WHICH, consulted=st.sets(STATES))
    def delete_flag(self, which: int, consulted: set[str]) -> None:
        node, number = self._number(which)
        deletion = flags.FlagDeletion(self._id(), number, tuple(sorted(consulted)))
        with suppress(*REFUSALS):
            flags.delete(node, official(number[:2], Role.SUPERVISOR), deletion)

    @rule(which=WHICH, responsible=STATES)
    def name_responsible(self, which: int, responsible: str) -> None:
        node, number = self._number(which)
        change = custody.Change(self._id(), number, {"responsible_state": responsible})
        with suppress(*REFUSALS):
            custody.update_status(node, official(number[:2], Role.ASYLUM_DESK), change)

    @rule(which=WHICH, ground=st.sampled_from(ErasureGround))
    def erase(self, which: int, ground: ErasureGround) -> None:
        node, number = self._number(which)
        erasure = custody.Erasure(self._id(), number, ground)
        with suppress(*REFUSALS):
            custody.erase(node, official(number[:2], Role.SUPERVISOR), erasure)

    @rule(which=WHICH, what=st.sampled_from(NEWS))
    def tell(self, which: int, what: str) -> None:
        """Something that others must be told of, as far as there is anything to tell, and at once
        all that follows from it: what is not random here is only that nothing gets in between."""
        node, number = self._number(which)
        with node.store.read() as transaction:
            data_set = dossiers.find(transaction, number).data_set
        if data_set is None:
            return
        match what:
            case "mark":
                granted = is_applicant(data_set.category)
                kind = MarkType.PROTECTION if granted else MarkType.RESIDENCE
                self.mark(which, kind, setting=True)
            case "unmark":
                self.mark(which, MarkType.PROTECTION, setting=False)
            case "responsible":
                others = [one for one in LETTERS if one != data_set.responsible_state]
                self.name_responsible(which, others[which % len(others)])
            case "flag":
                self.flag(which)
                self.delete_flag(which, set(LETTERS))
            case "citizenship":
                self.erase(which, ErasureGround.CITIZENSHIP)
        self.settle()

    @rule(which=WHICH)
    def repeat(self, which: int) -> None:
        """A copy of what was sent arrives late, also after its data set was erased."""
        sent = sorted(self.continent.watch.sent.items())
        if sent:
            number, (at, _) = sent[which % len(sent)]
            # Within the shortest retention, after which nobody expects a copy.
            if self.continent.clock() - at < timedelta(days=365 * 3):
                self.continent.repeat(number, self._id())

    @rule(days=st.sampled_from([1, 3, 200, 1000]))
    def time_passes(self, days: int) -> None:
        self.continent.clock.time += timedelta(days=days)
        self._sweep()

    @rule(moves=st.lists(st.tuples(st.sampled_from(MOVES), STATES), min_size=1, max_size=9))
    def move(self, moves: list[tuple[str, str]]) -> None:
        """Something arrives, in an order that nobody would choose."""
        for what, state in moves:
            if what == "deliver":
                self.continent.deliver(state)
            elif what == "examine":
                self.continent.examine()
            else:
                self.continent.receive(state, acknowledge=what == "receive")

    @rule()
    def settle(self) -> None:
        self.continent.settle()
        self._check_quiet()

    @invariant()
    def nothing_wrong_was_seen(self) -> None:
        assert self.continent.watch.wrongs == []

    @invariant()
    def every_gallery_holds_what_its_store_holds(self) -> None:
        for node in self.continent.nodes.values():
            assert assembly.gallery_agrees(node)

    def _sweep(self) -> None:
        before = set(self._stored())
        central_custody.sweep(self.continent.centre)
        self.continent.watch.erased |= before - set(self._stored())
        for node in self.continent.nodes.values():
            custody.sweep(node)
        now = self.continent.clock()
        with self.continent.centre.ledger.read() as entries:
            assert all(one.retained_until >= now for one in entries.data_sets())

    def _stored(self) -> list[str]:
        with self.continent.centre.ledger.read() as entries:
            return [one.reference_number for one in entries.data_sets()]

    def _check_quiet(self) -> None:
        watch = self.continent.watch
        assert watch.wrongs == []
        assert watch.received == watch.issued
        self._check_erased()
        self._check_statistics()

    def _check_erased(self) -> None:
        centre = self.continent.centre
        with centre.ledger.read() as entries:
            links = entries.links()
            stored = list(entries.data_sets())
        assert len(centre.gallery) == sum(one.template is not None for one in stored)
        known = {one.reference_number for one in stored}
        assert {name for link in links for name in (link.one, link.other)} <= known
        for group in sequence.components(known, links):
            assert not group & self.continent.watch.erased
        for number in self.numbers:
            node = self.continent.nodes[number[:2]]
            with node.store.read() as transaction:
                there = dossiers.find(transaction, number).data_set is not None
                assert there == (number in known), number
                assert there == has_key(transaction, number)
                assert there or parcels.find_waiting(transaction, number) == ()
        for state, node in self.continent.nodes.items():
            ours = {number for number in known if number.startswith(state)}
            with node.store.read() as transaction:
                assert biometrics.count_references(transaction) == len(ours)

    def _check_statistics(self) -> None:
        counted = self.continent.watch.counted
        found: Counter[tuple[str, str, str]] = Counter()
        points = {point for _, point, _ in counted} | {"i", "j", "w", "k", "m", "n", "o"}
        for month in {month for month, _, _ in counted}:
            request = central_pb2.GetStatisticsRequest(month=month)
            for figure in statistics_of(self.continent.centre, "DK", request).figures:
                dimensions = dict(figure.dimensions)
                protected = dimensions.get("target") == "protection granted"
                second_target = protected and figure.point != "l"
                if figure.point in points and not second_target:
                    found[month, figure.point, figure.member_state] += figure.count
        # A hit that counts for nothing leaves a zero behind here, and no figure there.
        assert found == +counted


def _run(steps: int, examples: int) -> None:
    run_state_machine_as_test(
        Years,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            # Runs of years are long: what once failed is told by its steps, not replayed.
            database=None,
            # A verdict at once: making a run of years shorter lasts longer than a campaign.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def years(engine: Engine, capture_of: Callable[..., terms_pb2.Capture]) -> None:
    Years.engine = engine
    Years.capture_of = staticmethod(capture_of)


def test_the_law_holds_through_random_years(years: None) -> None:
    _run(steps=20, examples=5)


@pytest.mark.campaign
def test_the_law_holds_through_many_random_years(years: None) -> None:
    _run(steps=60, examples=150)
