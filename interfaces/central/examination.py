"""The comparison of what has arrived, one request after the other (rulebook E and F.1).

Plan of one examination:
 1 take the next arrival: urgent lane first, order of arrival inside a lane (Art. 38(2))
 2 read the samples and make templates; what cannot be read or used is a quality refusal
 3 search the data sets in scope (Art. 27, 28), own ones only on request (Art. 27(3))
 4 write together: template, links (Art. 3(6)), result as a notice, arrival done: one commit;
   where interoperability is switched on also the links to records of other systems
 5 publish: the data set is searchable from now on
A crash between the steps leaves the arrival in its lane; nothing is lost or answered twice.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from datetime import datetime

from interfaces import wire
from interfaces.central import detection, figures, notices, probes
from interfaces.central.centre import Centre, data_set_in, publish
from interfaces.central.entries import Entries
from interfaces.central.holdings import Arrival, ArrivalKind, Occurrence, Status, StoredDataSet
from interfaces.central.probes import Probe
from interfaces.central.script import COMPARISON, Kind
from interfaces.doorway import name_places
from interfaces.eurodac import capture as capture_law
from interfaces.eurodac import comparison
from interfaces.eurodac.categories import Category
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.interoperability import Trigger
from interfaces.eurodac.statistics import RowKind
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import central_pb2, terms_pb2
from matcher import templates
from matcher.placement import Misplacement
from matcher.vocabulary import (
    Candidate,
    Comparison,
    FingerPosition,
    FingerSample,
    Quality,
    Reference,
)

MAX_HITS = 50
"""Most data sets of one result: persons with more than a dozen are not known."""

MAX_ATTEMPTS = 3
"""Examinations of one arrival that may break down before it is refused, so that it does not hold
up all that arrived after it (Art. 38(2))."""

IDLE_SECONDS = 1.0
"""How long the examiner sleeps without an arrival; a new one wakes it at once."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Findings:
    """What the matcher said of one arrival, before the law decides what comes of it.

    by_identity: alphanumeric data were searched, for which nothing is incomparable.
    """

    reference: Reference
    refusals: tuple[central_pb2.SampleRefusal, ...]
    candidates: tuple[Candidate, ...] = ()
    by_identity: bool = False


class Examiner:
    """The thread that works off the lanes."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="examiner", daemon=True)

    def start(self) -> None:
        """Begin to work off the lanes."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the examination under way and end."""
        self._stopping.set()
        self._centre.arrived.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._centre.arrived.clear()
            try:
                examined = examine_next(self._centre, self._stopping)
            except Exception as error:  # noqa: BLE001 - the lanes are worked off whatever happens
                log.error("an examination broke down and is tried again: %s", name_places(error))  # noqa: TRY400
                examined = False
            if not examined:
                self._centre.arrived.wait(IDLE_SECONDS)


def examine_next(centre: Centre, stopping: threading.Event | None = None) -> bool:
    """Examine the next arrival by the plan above; False when the lanes are empty."""
    with centre.ledger.read() as entries:
        arrival = entries.next_arrival()
        stored = entries.data_set(arrival.reference_number) if arrival else None
    if arrival is None:
        return False
    fault = centre.script.next_fault(COMPARISON)
    if fault is not None and fault.kind is Kind.SLOW_COMPARISON:
        (stopping or threading.Event()).wait(fault.seconds)
    findings = _find_or_refuse(centre, arrival, stored)
    if fault is not None and fault.kind is Kind.REFUSE_QUALITY:
        findings = replace(findings, refusals=_scripted(findings))
    with centre.ledger.write() as entries:
        if not entries.examined(arrival, centre.now()):
            return True  # erased, or examined by nobody else's hand, while we worked
        kept = _conclude(centre, entries, arrival, findings)
        if kept is not None:
            detection.detect(centre, entries, kept, Trigger.RECORDED)
    if kept is not None:
        publish(centre, kept.id)
    with centre.issued:
        centre.issued.notify_all()
    return True


def _find_or_refuse(centre: Centre, arrival: Arrival, stored: StoredDataSet | None) -> _Findings:
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            return _find(centre, arrival, stored)
        except Exception as error:  # noqa: BLE001 - whatever it is, others wait behind it
            log.error("examination %d of one arrival: %s", attempt, name_places(error))  # noqa: TRY400
    hint = "the centre could not examine these samples; take them again"
    return _Findings(Reference(), (_refusal("Q01", hint),))


def _find(centre: Centre, arrival: Arrival, stored: StoredDataSet | None) -> _Findings:
    """Steps 2 and 3."""
    probe = _probe(arrival, stored)
    if probe.identity is not None:
        fitting = _search_identities(centre, arrival, probe)
        return _Findings(Reference(), (), fitting, by_identity=True)
    try:
        samples = wire.samples_from(probe.capture, probe.latents)
        extraction = centre.engine.extract([*samples.fingers, *samples.faces])
    except FormatRefused as refusal:
        return _Findings(Reference(), (_refusal(refusal.rule.split()[0], refusal.remedy),))
    qualities = extraction.qualities[: len(samples.fingers)]
    # A latent print cannot be taken again: what there is of it is compared.
    poor = () if probe.latents else _refusals(centre, samples.fingers, qualities)
    refusals = poor or _misplaced(extraction.misplaced)
    if refusals or not comparison.compared(probe.category):
        return _Findings(extraction.reference, refusals)
    faces = comparison.face_compared(
        centre.policy, centre.now(), fingerprints_available=bool(samples.fingers)
    )
    candidates = centre.gallery.search(
        extraction.reference if faces else replace(extraction.reference, face=None),
        partitions=probes.scope(
            centre, probe.category, state=arrival.state, include_own=arrival.include_own
        ),
        threshold=probes.threshold(centre, probe, extraction.reference),
        at_most=MAX_HITS,
        compare_face=faces and probe.sex_known,
    )
    return _Findings(extraction.reference, (), probes.hits_among(centre, probe, candidates))


def _probe(arrival: Arrival, stored: StoredDataSet | None) -> Probe:
    """What is compared, and whether a sex goes with the face (Art. 28(2))."""
    if arrival.kind is ArrivalKind.SEARCH:
        return probes.of_search(arrival)
    if stored is None:
        raise LookupError("an arrival without its data set")
    data_set = data_set_in(stored)
    capture = _resent(arrival).capture if arrival.kind is ArrivalKind.RESENT else None
    if capture is None:
        capture = terms_pb2.Capture.FromString(stored.capture)
    return Probe(data_set.category, capture, sex_known=data_set.sex is not None)


def _search_identities(centre: Centre, arrival: Arrival, probe: Probe) -> tuple[Candidate, ...]:
    """Data sets in scope that fit the stated identity, as candidates without scores."""
    with centre.ledger.read() as entries:
        fitting = probes.fitting(entries, arrival, probe)
    bare = Comparison(score=0.0, fingers={}, face=None)
    return tuple(Candidate(stored.id, bare) for stored in fitting[:MAX_HITS])


def _refusals(
    centre: Centre, fingers: tuple[FingerSample, ...], qualities: tuple[Quality, ...]
) -> tuple[central_pb2.SampleRefusal, ...]:
    """One refusal per poor finger when too few good ones are left; none without fingers."""
    limits = centre.thresholds
    poor = [
        _refusal("Q01", quality.hint, finger.position)
        for finger, quality in zip(fingers, qualities, strict=True)
        if quality.score < limits.finger_quality
    ]
    enough = len(fingers) - len(poor) >= limits.good_fingers
    return () if enough or not fingers else tuple(poor)


def _misplaced(found: tuple[Misplacement, ...]) -> tuple[central_pb2.SampleRefusal, ...]:
    """One refusal per position that holds a finger of another position."""
    return tuple(
        _refusal(broken.code, _HINTS[pair.swapped], position)
        for pair in found
        for position in (pair.one, pair.other)
        for broken in [capture_law.check_placement(pair.one, pair.other, swapped=pair.swapped)]
    )


_HINTS = {
    True: "this is another finger in its other impression; take both again in order",
    False: "this finger was captured under two positions; take both again",
}


def _refusal(
    code: str, hint: str, position: FingerPosition = FingerPosition.UNKNOWN
) -> central_pb2.SampleRefusal:
    return central_pb2.SampleRefusal(code=code, hint=hint, position=wire.position_to(position))


def _scripted(findings: _Findings) -> tuple[central_pb2.SampleRefusal, ...]:
    hint = "refused by the script of the stand-in; send the biometrics again"
    fingers = findings.reference.fingers
    return tuple(_refusal("Q01", hint, finger.position) for finger in fingers) or (
        _refusal("Q01", hint),
    )


def _conclude(
    centre: Centre, entries: Entries, arrival: Arrival, findings: _Findings
) -> StoredDataSet | None:
    """Step 4; returns the data set to publish, if one became searchable."""
    now = centre.now()
    number = arrival.reference_number
    stored = entries.data_set(number)
    if arrival.kind is not ArrivalKind.SEARCH and stored is None:
        return None  # erased while it was examined
    if findings.refusals:
        if stored is not None and stored.status is not Status.SEARCHABLE:
            # Earlier prints that are good enough stay, and their images with them.
            entries.replace(replace(stored, status=Status.QUALITY_REFUSED, template=None))
        refusal = central_pb2.QualityRefusal(samples=findings.refusals)
        notices.issue(entries, arrival.state, number, now=now, quality_refusal=refusal)
        _remember(entries, arrival, RowKind.QUALITY_REFUSED, now=now)
        return None
    result = _result(centre, entries, arrival, findings)
    result.compared_at.CopyFrom(wire.instant_to(now))
    notices.issue_result(entries, arrival.state, number, now=now, result=result)
    for hit in result.hits:
        target = wire.dataset_from(hit.data_set)
        _remember(entries, arrival, RowKind.HIT, now=now, hit=target)
        if stored is not None:
            entries.link(number, target.reference_number)
    if stored is None:
        return None
    comparable = bool(findings.reference.fingers) or findings.reference.face is not None
    kept = replace(
        _renewed(stored, arrival),
        status=Status.SEARCHABLE if comparable else Status.NOT_COMPARABLE,
        template=templates.encode(findings.reference),
    )
    entries.replace(kept)
    return kept


def _resent(arrival: Arrival) -> central_pb2.ResendBiometricsRequest:
    return central_pb2.ResendBiometricsRequest.FromString(arrival.payload or b"")


def _renewed(stored: StoredDataSet, arrival: Arrival) -> StoredDataSet:
    """The data set with the better biometrics of its arrival, if it brought any."""
    if arrival.kind is not ArrivalKind.RESENT:
        return stored
    request, data_set = _resent(arrival), data_set_in(stored)
    if request.HasField("biometrics_taken_at"):
        taken_at = wire.instant_from(request.biometrics_taken_at)
        data_set = replace(data_set, biometrics_taken_at=taken_at)
    return replace(
        stored,
        message=wire.dataset_to(data_set).SerializeToString(),
        capture=request.capture.SerializeToString(),
    )


def _result(
    centre: Centre, entries: Entries, arrival: Arrival, findings: _Findings
) -> central_pb2.ComparisonResult:
    """What the State is told: hits in order of precedence, or one word."""
    outcome = central_pb2.ComparisonResult
    stored = entries.data_set(arrival.reference_number)
    category = _category(arrival, stored)
    if not comparison.compared(category):
        _link_case(entries, arrival, stored)
        return outcome(outcome=outcome.OUTCOME_STORED_ONLY)
    minutiae = any(len(finger.minutiae) for finger in findings.reference.fingers)
    usable = minutiae or findings.by_identity
    if not usable and not findings.candidates and not _faces_on(centre):
        return outcome(outcome=outcome.OUTCOME_NOT_COMPARABLE)
    hits = {
        hit.reference_number: (hit, candidate)
        for candidate in findings.candidates
        if (hit := entries.data_set_of_id(candidate.reference_id)) is not None
        and hit.reference_number != arrival.reference_number
        # Past its end, though the sweep has not come by yet (Art. 29(10)).
        and hit.retained_until >= centre.now().replace(microsecond=0)
    }
    if not hits:
        return outcome(outcome=outcome.OUTCOME_NEGATIVE)
    ordered = comparison.precedence([data_set_in(hit) for hit, _ in hits.values()])
    return outcome(
        outcome=outcome.OUTCOME_HIT,
        hits=[_hit(*hits[data_set.reference_number]) for data_set in ordered],
    )


def _category(arrival: Arrival, stored: StoredDataSet | None) -> Category:
    if stored is None:
        return probes.category_of(arrival.reference_number)
    return data_set_in(stored).category


def _faces_on(centre: Centre) -> bool:
    return comparison.face_compared(centre.policy, centre.now(), fingerprints_available=False)


def _hit(stored: StoredDataSet, candidate: Candidate) -> central_pb2.Hit:
    """All data of the data set that was hit, its images and marks (Art. 27(4))."""
    scores = candidate.comparison
    return central_pb2.Hit(
        data_set=terms_pb2.DataSet.FromString(stored.message),
        capture=terms_pb2.Capture.FromString(stored.capture),
        score=scores.score,
        finger_scores=[
            central_pb2.FingerScore(position=wire.position_to(position), score=score)
            for position, score in sorted(scores.fingers.items())
        ],
        face_score=scores.face,
    )


def _link_case(entries: Entries, arrival: Arrival, stored: StoredDataSet | None) -> None:
    """An arrival after take charge is not compared; its case reference links it (E-N4, ours)."""
    case = "" if stored is None else data_set_in(stored).case_reference
    if case and entries.data_set(case) is not None:
        entries.link(arrival.reference_number, case)


def _remember(
    entries: Entries, arrival: Arrival, kind: RowKind, *, now: datetime, hit: DataSet | None = None
) -> None:
    stored = entries.data_set(arrival.reference_number)
    number = arrival.reference_number
    searched = DataSet(_category(arrival, stored), arrival.state, reference_number=number)
    detail = figures.facts(searched if stored is None else data_set_in(stored))
    detail |= {} if hit is None else figures.target_facts(hit)
    entries.occurred(Occurrence(now, kind, arrival.state, detail))
