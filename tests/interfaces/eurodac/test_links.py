"""Link colours: rulebook L.3."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import pytest

from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.links import (
    Biometrics,
    Colour,
    Identity,
    LinkFacts,
    TravelDocument,
    Verdict,
    link_row,
)


@pytest.mark.table("L_links")
def test_a_link_has_the_colour_of_the_first_row_that_covers_it(row: Mapping[str, str]) -> None:
    found = link_row(
        LinkFacts(
            Biometrics[row["biometrics"]],
            Identity[row["identity"]],
            TravelDocument[row["document"]],
            Verdict[row["verdict"]],
        )
    )
    assert (found.colour.value if found else "") == row["colour"]
    assert (found.article if found else "") == row["article"]


def test_a_conclusion_that_contradicts_the_comparison_is_refused() -> None:
    facts = LinkFacts(
        Biometrics.SAME, Identity.SAME, TravelDocument.SAME, Verdict.TWO_PERSONS_UNJUSTIFIED
    )
    with pytest.raises(RuleBroken, match="V17"):
        link_row(facts)


def test_nothing_is_white_or_red_without_ground() -> None:
    """Over all facts: pending is never red or green; a verdict is never yellow."""
    for biometrics, identity, document, verdict in product(
        Biometrics, Identity, TravelDocument, Verdict
    ):
        facts = LinkFacts(biometrics, identity, document, verdict)
        try:
            found = link_row(facts)
        except RuleBroken:
            continue
        if found is not None:
            pending = verdict is Verdict.PENDING
            assert (found.colour in (Colour.RED, Colour.GREEN)) <= (not pending)
            assert (found.colour is Colour.YELLOW) <= pending
