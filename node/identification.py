"""Identification: this State's own references searched, and two captures compared.

What other States hold is never searched from here (Art. 40(1)); it comes back as hits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from interfaces import wire
from interfaces.eurodac.codes import broken
from interfaces.eurodac.errors import RuleBroken
from interfaces.pb.eurodac.central.v1 import terms_pb2
from matcher.lineup import is_comparable
from matcher.vocabulary import Candidate, FingerPosition, Reference
from node import access, acts, captures
from node.access import Act, Actor, Purpose, purpose_of_number
from node.acts import Deed
from node.assembly import Node
from node.audit import Outcome
from node.store import biometrics
from node.vocabulary import SampleQuality

CANDIDATES_USUALLY = 20
"""Length of a candidate list when the caller does not say: one screen of an expert."""


class Finding(StrEnum):
    """What a search came to. INCONCLUSIVE: nothing could be compared; that is no negative."""

    CANDIDATES = "CANDIDATES"
    NEGATIVE = "NEGATIVE"
    INCONCLUSIVE = "INCONCLUSIVE"


class Verdict(StrEnum):
    """What a comparison of two came to."""

    MATCH = "MATCH"
    NO_MATCH = "NO_MATCH"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class OwnCandidate:
    """An own data set that the probe resembles; a proposal of the engine, not a hit.

    hands_swapped: it resembles it with the right hand taken for the left; positions are those of
    the data set.
    """

    reference_number: str
    score: float
    finger_scores: Mapping[FingerPosition, float]
    face_score: float | None
    hands_swapped: bool


@dataclass(frozen=True, slots=True)
class Identification:
    """Answer of identify(). persons_searched: how many references the gallery held."""

    finding: Finding
    candidates: tuple[OwnCandidate, ...]
    samples: tuple[SampleQuality, ...]
    persons_searched: int


@dataclass(frozen=True, slots=True)
class Compared:
    """Answer of compare(): the fused score against the threshold, and its parts."""

    verdict: Verdict
    score: float
    threshold: float
    finger_scores: Mapping[FingerPosition, float]
    face_score: float | None


def identify(
    node: Node,
    actor: Actor,
    capture: terms_pb2.Capture,
    *,
    threshold: float | None = None,
    at_most: int | None = None,
    deadline: Callable[[], bool] | None = None,
) -> Identification:
    """Search the own references of the categories that the actor works with; nothing is stored.

    threshold: default the node's, in -10·log10 of the false match rate of one comparison.
    deadline: asked meanwhile; once it says True the search ends with Abandoned. Raises Overloaded
    where too many searches wait.
    """
    deed = Deed(actor, Act.IDENTIFY, Purpose.RESPONSIBILITY)
    with acts.conduct(node, deed):
        limits, wanted = node.settings.limits, at_most or CANDIDATES_USUALLY
        lowest = node.settings.thresholds.identify if threshold is None else threshold
        examined = captures.examine(node, wire.capture_from(capture))
        probe = captures.comparable(node, examined.reference)
        finding = Finding.INCONCLUSIVE
        candidates: tuple[OwnCandidate, ...] = ()
        if _has_substance(probe):
            found = node.gallery.search(
                probe,
                partitions=access.searchable(actor, Act.IDENTIFY),
                threshold=lowest,
                at_most=min(wanted, limits.candidates),
                compare_face=probe.face is not None,
                deadline=deadline,
                everyone=False,
                source=f"{actor.unit}/{actor.user}",
            )
            candidates = _name_candidates(node, found)
            finding = Finding.CANDIDATES if candidates else Finding.NEGATIVE
        acts.record(node, deed, Outcome.DONE, detail=f"{finding} {len(candidates)}")
        return Identification(finding, candidates, examined.samples, len(node.gallery))


def compare(
    node: Node,
    actor: Actor,
    probe: terms_pb2.Capture,
    *,
    capture: terms_pb2.Capture | None = None,
    reference_number: str = "",
) -> Compared:
    """Compare a capture with another one, or with an own data set; nothing is stored."""
    purpose = purpose_of_number(reference_number) if reference_number else Purpose.RESPONSIBILITY
    deed = Deed(actor, Act.COMPARE, purpose, reference_number)
    with acts.conduct(node, deed):
        against = _find_other(node, capture, reference_number)
        ours = captures.examine(node, wire.capture_from(probe)).reference
        result = node.engine.compare(captures.comparable(node, ours), against)
        threshold = node.settings.thresholds.compare
        verdict = Verdict.MATCH if result.score >= threshold else Verdict.NO_MATCH
        if not result.fingers and result.face is None:
            verdict = Verdict.INCONCLUSIVE
        acts.record(node, deed, Outcome.DONE, detail=verdict)
        return Compared(verdict, result.score, threshold, result.fingers, result.face)


def _find_other(node: Node, capture: terms_pb2.Capture | None, reference_number: str) -> Reference:
    if reference_number:
        with node.store.read() as transaction:
            return biometrics.get_reference(transaction, reference_number)
    if capture is None:
        rule = "A capture or a reference number to compare with is given."
        raise RuleBroken(broken("V04", "against", "profile", rule=rule))
    read = wire.capture_from(capture)
    acts.insist(*captures.check_positions(read))
    return captures.examine(node, read).reference


def _name_candidates(node: Node, found: tuple[Candidate, ...]) -> tuple[OwnCandidate, ...]:
    """Candidates by their reference numbers; who was erased meanwhile is left out."""
    with node.store.read() as transaction:
        names = biometrics.name_references(
            transaction, tuple(candidate.reference_id for candidate in found)
        )
    return tuple(
        OwnCandidate(
            reference_number=names[candidate.reference_id],
            score=candidate.comparison.score,
            finger_scores=candidate.comparison.fingers,
            face_score=candidate.comparison.face,
            hands_swapped=candidate.hands_swapped,
        )
        for candidate in found
        if candidate.reference_id in names
    )


def _has_substance(probe: Reference) -> bool:
    return probe.face is not None or any(map(is_comparable, probe.fingers))
