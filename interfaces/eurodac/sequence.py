"""All data sets of one person, linked by hits (Art. 3(6), recital 27)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class LinkState(StrEnum):
    """How sure a link is."""

    AUTO_LINKED = "AUTO_LINKED"
    CONFIRMED = "CONFIRMED"
    REVOKED_FALSE_HIT = "REVOKED_FALSE_HIT"


@dataclass(frozen=True, slots=True)
class Link:
    """A link between two data sets by their reference numbers; the order does not matter."""

    one: str
    other: str
    state: LinkState = LinkState.AUTO_LINKED


@dataclass(frozen=True, slots=True)
class Sequences:
    """Data sets grouped by person. waiting: links that would merge two persons, unconfirmed."""

    components: tuple[frozenset[str], ...]
    waiting: tuple[Link, ...]

    def of(self, reference: str) -> frozenset[str]:
        """The sequence that holds this data set."""
        return next(found for found in self.components if reference in found)


def sequences(references: Iterable[str], links: Sequence[Link]) -> Sequences:
    """Group the data sets. links: in the order in which they arose.

    Confirmed links always join. An automatic link adds a data set to a sequence, but two
    sequences of several data sets each are merged only by a confirmed hit that touches both.

    >>> links = [Link("a", "b"), Link("c", "d"), Link("b", "c")]
    >>> found = sequences("abcd", links)
    >>> sorted(map(sorted, found.components)), found.waiting == (links[2],)
    ([['a', 'b'], ['c', 'd']], True)
    """
    groups = {reference: {reference} for reference in references}
    waiting = []
    for link in _by_certainty(links):
        if link.one not in groups or link.other not in groups:
            continue
        left, right = groups[link.one], groups[link.other]
        if left is right:
            continue
        if link.state is LinkState.AUTO_LINKED and len(left) > 1 and len(right) > 1:
            waiting.append(link)
            continue
        _merge(groups, left, right)
    unique = {id(found): found for found in groups.values()}
    return Sequences(tuple(map(frozenset, unique.values())), tuple(waiting))


def components(references: Iterable[str], links: Sequence[Link]) -> tuple[frozenset[str], ...]:
    """The sequences alone.

    >>> components(["x"], [])
    (frozenset({'x'}),)
    """
    return sequences(references, links).components


def _by_certainty(links: Sequence[Link]) -> list[Link]:
    confirmed = [link for link in links if link.state is LinkState.CONFIRMED]
    return confirmed + [link for link in links if link.state is LinkState.AUTO_LINKED]


def _merge(groups: dict[str, set[str]], left: set[str], right: set[str]) -> None:
    small, large = sorted((left, right), key=len)
    large |= small
    for reference in small:
        groups[reference] = large


def without(links: Iterable[Link], erased: str) -> tuple[Link, ...]:
    """The links that stay when a data set is erased: its own go with it, recital 27.

    >>> without([Link("a", "b"), Link("b", "c"), Link("a", "c")], "b")
    (Link(one='a', other='c', state=<LinkState.AUTO_LINKED: 'AUTO_LINKED'>),)
    """
    return tuple(link for link in links if erased not in (link.one, link.other))


def confirmed(link: Link) -> Link:
    """The link after the receiving State confirmed the hit."""
    return Link(link.one, link.other, LinkState.CONFIRMED)


def revoked(link: Link) -> Link:
    """The link after the hit proved false, Art. 38(6)."""
    return Link(link.one, link.other, LinkState.REVOKED_FALSE_HIT)
