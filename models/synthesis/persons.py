"""Persons who exist only as a number: ten fingers that belong together, and their captures.

>>> person = Person(7)
>>> person.classes == Person(7).classes
True
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from matcher.vocabulary import TEMPLATE_DPI, TEN_FINGERS, FingerPosition, FingerSample, Impression
from models.synthesis.conditions import Condition
from models.synthesis.fingers import Finger, grow_finger, grow_phalanx
from models.synthesis.impressions import Print, impress
from models.synthesis.patterns import PatternClass, draw_classes
from models.synthesis.skin import Build, Skin
from models.synthesis.surfaces import Surface

_SIZES: Mapping[str, float] = {
    "THUMB": 1.16,
    "INDEX": 1.0,
    "MIDDLE": 1.03,
    "RING": 0.99,
    "LITTLE": 0.87,
}
"""Extent of each finger relative to the index finger."""

_PERSON_STREAM, _FINGER_STREAM, _PHALANX_STREAM, _CAPTURE_STREAM, SLAP_STREAM = range(5)
"""First word of the seed sequences, so that person, fingers and captures never share numbers."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What the ten fingers of a person share.

    period_px: mean ridge period at 500 dpi. size: of the hand. pores, creases: 0 to 1. dry: the
    usual moisture of the skin, -1 (wet) to 1 (dry).
    """

    period_px: float
    size: float
    pores: float
    creases: float
    dry: float


@dataclass(frozen=True)
class Person:
    """A synthetic person; equal seeds are equal persons, on every run.

    Fingers are grown when first asked for (about 0.3 s each) and kept with the person: some
    4 MB per finger, so drop persons that are done.

    flat_only: grow only what flat prints show, in half the time, for load and galleries. The
    fingers are others than those of the whole person, of the same classes and build.
    """

    seed: int
    flat_only: bool = False
    _grown: dict[FingerPosition, Finger] = field(default_factory=dict, repr=False, compare=False)
    _phalanges: dict[FingerPosition, Skin] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def classes(self) -> Mapping[FingerPosition, PatternClass]:
        """Pattern class of each of the ten fingers."""
        return draw_classes(generator(_PERSON_STREAM, self.seed, 0))

    @cached_property
    def traits(self) -> Traits:
        """What the ten fingers share."""
        rng = generator(_PERSON_STREAM, self.seed, 1)
        return Traits(
            period_px=float(np.clip(rng.normal(9.0, 0.45), 7.9, 10.3)),
            size=float(np.clip(rng.normal(1.0, 0.06), 0.86, 1.14)),
            pores=float(rng.uniform(0.1, 0.9)),
            creases=float(rng.beta(1.3, 3.0)),
            dry=float(np.clip(rng.normal(0.0, 0.4), -1.0, 1.0)),
        )

    def finger(self, position: FingerPosition) -> Finger:
        """The finger at a position code from 1 to 10; ValueError for other codes."""
        if not position.is_finger:
            raise ValueError("a finger has a position code from 1 to 10")
        if position not in self._grown:
            self._grown[position] = self._grow(position)
        return self._grown[position]

    def phalanx(self, position: FingerPosition) -> Skin:
        """The skin below the joint of a finger, as slaps show it."""
        if position not in self._phalanges:
            rng = generator(_PHALANX_STREAM, self.seed, position)
            self._phalanges[position] = grow_phalanx(rng, self.finger(position).build)
        return self._phalanges[position]

    def _grow(self, position: FingerPosition) -> Finger:
        rng = generator(_FINGER_STREAM, self.seed, position)
        traits = self.traits
        relative = _SIZES[position.name.partition("_")[2]]
        build = Build(
            period_px=traits.period_px * relative**0.3 * rng.normal(1.0, 0.02),
            size=traits.size * relative * rng.normal(1.0, 0.02),
            pores=traits.pores,
            creases=traits.creases,
        )
        pattern = self.classes[position]
        return grow_finger(rng, position, pattern, build, flat_only=self.flat_only)


def capture_fingers(
    person: Person,
    *,
    capture_seed: int,
    positions: Iterable[FingerPosition] = TEN_FINGERS,
    impression: Impression = Impression.FLAT,
    dpi: float = TEMPLATE_DPI,
    condition: Condition | None = None,
) -> tuple[FingerSample, ...]:
    """Capture fingers one by one in one session; one image each, in the order of positions.

    condition None: an ordinary session, mostly good. The fingers of a session share moisture
    and glass. A finger's image does not depend on which other positions are captured.
    """
    prints = capture_prints(
        person,
        capture_seed=capture_seed,
        positions=positions,
        impression=impression,
        dpi=dpi,
        condition=condition,
    )
    return tuple(one.sample for one in prints)


def capture_prints(
    person: Person,
    *,
    capture_seed: int,
    positions: Iterable[FingerPosition] = TEN_FINGERS,
    impression: Impression = Impression.FLAT,
    dpi: float = TEMPLATE_DPI,
    condition: Condition | None = None,
    surface: Surface = Surface.OPTICAL,
) -> tuple[Print, ...]:
    """As capture_fingers, with the truth about every image."""
    session = condition or draw_session(person, capture_seed)
    return tuple(
        impress(
            person.finger(position),
            generator(_CAPTURE_STREAM, person.seed, position, capture_seed, int(impression)),
            impression=impression,
            dpi=dpi,
            condition=session,
            surface=surface,
        )
        for position in positions
    )


def draw_session(person: Person, capture_seed: int) -> Condition:
    """Condition of an ordinary session: the person's own moisture and a day's variation."""
    rng = generator(_CAPTURE_STREAM, person.seed, 0, capture_seed)
    dry = float(np.clip(0.5 * person.traits.dry + rng.normal(0.0, 0.15), -0.5, 0.5))
    levels = rng.beta(1.0, 7.0, 6)
    return Condition(
        dry=max(dry, 0.0),
        wet=max(-dry, 0.0),
        creased=float(levels[0]),
        partial=float(levels[1]),
        noise=float(levels[2]),
        scratches=float(levels[3]),
        moved=float(min(1.0, 0.15 + levels[4])),
        stretched=float(min(1.0, 0.15 + levels[5])),
    )


def generator(*words: int) -> np.random.Generator:
    """A generator of its own for every use, so that no use disturbs another."""
    return np.random.default_rng(np.random.SeedSequence([int(word) for word in words]))
