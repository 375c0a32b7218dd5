"""Decisions that the Regulation leaves open or dates that may move: ours, all in one place.

Nothing here is law. Each value says which doubt it settles; a node may be configured otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Policy:
    """Passed to every function whose answer depends on one of these decisions.

    eurodac_applies_from: Art. 63(2). art26_from: Art. 63(2), temporary protection.
    ammr_applies_from: Art. 85 AMMR as published; public statements also name 2026-06-12.
    crisis_applies_from: Art. 20 of Regulation (EU) 2024/1359.
    face_comparison_from: day of the switch of Art. 63(5); None: faces are never compared.
    face_beside_fingerprints: after the switch, also compare faces where prints are there
    (Art. 38(4) second subparagraph foresees it, Art. 28 demands it only without prints).
    ukraine_tp_excluded: Art. 63(3).
    include_own: ask for own data sets in every comparison (Art. 27(3)); otherwise a State's own
    data sets of one person are never linked.
    expert_always: give every hit to an expert, not only the doubtful ones (Art. 38(4)).
    grey_band: lowest and highest score, in -10 log10 of the false match rate, between which a
    hit counts as doubtful.
    extensions_stack: whether influx and technical extension add up for SAR; not regulated.
    associated_citizenship_erases: whether citizenship of an associated State erases like that
    of a Member State; not mentioned, Art. 2(1)(f).
    residence_mark_clearable: whether a residence mark may be taken back when the document ends;
    no article provides it.
    etias_link_from: Art. 8(1).
    interoperability_from: day from which the first cut of Regulation (EU) 2019/818 is carried out
    (signal for law enforcement, links between systems); None: never. No starting day of the
    multiple-identity detector is published. Ours; no conformity is claimed.
    """

    eurodac_applies_from: date = date(2026, 6, 12)
    art26_from: date = date(2029, 6, 12)
    ammr_applies_from: date = date(2026, 7, 1)
    crisis_applies_from: date = date(2026, 7, 1)
    face_comparison_from: date | None = None
    face_beside_fingerprints: bool = True
    ukraine_tp_excluded: bool = True
    include_own: bool = True
    expert_always: bool = True
    grey_band: tuple[float, float] = (40.0, 60.0)
    extensions_stack: bool = False
    associated_citizenship_erases: bool = True
    residence_mark_clearable: bool = False
    etias_link_from: date = date(2026, 6, 12)
    interoperability_from: date | None = None
