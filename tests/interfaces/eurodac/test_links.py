"""Link colours: rulebook L.3."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import pytest

from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.links import (
    LINK_ROWS,
    Biometrics,
    Colour,
    Identity,
    LinkFacts,
    TravelDocument,
    Verdict,
    conclude,
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


def test_every_row_explains_itself_without_naming_anybody() -> None:
    assert len({row.why for row in LINK_ROWS}) == len(LINK_ROWS)
    for row in LINK_ROWS:
        assert row.why.endswith("."), row.article
        assert row.verdict is Verdict.PENDING or "an official found" in row.why


def test_only_a_yellow_link_is_verified_and_only_with_a_conclusion() -> None:
    """Over all facts: what conclude() allows ends the yellow, and is the row of the table."""
    allowed = 0
    for biometrics, identity, document, verdict in product(
        Biometrics, Identity, TravelDocument, Verdict
    ):
        before = LinkFacts(biometrics, identity, document)
        pending = link_row(before)
        yellow = pending is not None and pending.colour is Colour.YELLOW
        try:
            found = conclude(before, verdict)
        except RuleBroken:
            continue
        allowed += 1
        assert yellow
        assert found.colour is not Colour.YELLOW
        assert found == link_row(LinkFacts(biometrics, identity, document, verdict))
    assert allowed


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
