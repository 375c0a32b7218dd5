"""How alike the identity data and travel documents of two records are (2019/818 27(3), (4)).

"Same" and "similar" are defined by Delegated Regulations (EU) 2023/332 and 2023/333, whose
algorithm was not seen. The rules below are ours and err towards similar: a link that an official
looks at harms less than one that is never made.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import IntEnum

from interfaces.eurodac.ages import birth_range
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.links import Identity, TravelDocument
from interfaces.eurodac.terms import UNKNOWN, Document, Sex

LETTERS_PER_SLIP = 5
"""Letters of a name for each letter that may be wrong, missing or too many: Smith and Smieth."""


@dataclass(frozen=True, slots=True)
class IdentityPart:
    """Identity data and travel document of a record, as the common identity repository has them.

    Attributes are named as those of DataSet; empty or None: not recorded.
    """

    surnames: tuple[str, ...] = ()
    forenames: tuple[str, ...] = ()
    names_at_birth: tuple[str, ...] = ()
    earlier_names: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    nationalities: tuple[str, ...] = ()
    date_of_birth: str = ""
    place_of_birth: str = ""
    sex: Sex | None = None
    document: Document | None = None


ATTRIBUTES = tuple(field.name for field in fields(IdentityPart))
"""Attributes of DataSet that the part consists of."""


def identity_part(data_set: DataSet) -> IdentityPart:
    """The part of a data set that lies in the repository; all else stays in Eurodac.

    >>> from interfaces.eurodac.categories import Category
    >>> identity_part(DataSet(Category.SAR, "IT", surnames=("Ay",), security_flag=True)).surnames
    ('Ay',)
    """
    return IdentityPart(**{name: getattr(data_set, name) for name in ATTRIBUTES})


class Closeness(IntEnum):
    """How close two values are; a value that is not known is close to any."""

    DIFFERENT = 0
    SIMILAR = 1
    SAME = 2


def compare_identity(one: IdentityPart, other: IdentityPart) -> Identity:
    """Same: nothing differs and no name is a guess. Similar: names and birth are at least close,
    and of nationality, place of birth and sex one at most differs. Else different.

    >>> ay = IdentityPart(("Smith",), ("Jo",), date_of_birth="1990-05-17")
    >>> by = IdentityPart(("Smieth",), ("Jo",), date_of_birth="1990-05-17")
    >>> compare_identity(ay, by).value, compare_identity(ay, IdentityPart(("Doe",), ("Jo",))).value
    ('similar', 'different')
    """
    # Who is known by no name is nobody's namesake.
    name = min(_surname(one, other), _forename(one, other))
    born = compare_births(one.date_of_birth, other.date_of_birth)
    rest = (
        _overlap(one.nationalities, other.nationalities),
        _place(one.place_of_birth, other.place_of_birth),
        _sex(one.sex, other.sex),
    )
    if min(name, born, *rest) is Closeness.SAME:
        return Identity.SAME
    close = min(name, born) is not Closeness.DIFFERENT
    alike = close and rest.count(Closeness.DIFFERENT) <= 1
    return Identity.SIMILAR if alike else Identity.DIFFERENT


def compare_documents(one: IdentityPart, other: IdentityPart) -> TravelDocument:
    """Same: number and issuing country agree; spaces, hyphens and case do not count.

    >>> mine = IdentityPart(document=Document("passport", "P-12 3", "SYR"))
    >>> compare_documents(mine, IdentityPart(document=Document("P", "p123", "SYR"))).value
    'same'
    """
    first, second = one.document, other.document
    if first is None or second is None:
        return TravelDocument.OTHER
    number = _number(first)
    same = number and number == _number(second)
    issued = first.issuing_country == second.issuing_country
    return TravelDocument.SAME if same and issued else TravelDocument.OTHER


def compare_births(one: str, other: str) -> Closeness:
    """Similar: the texts leave a common day open, or differ in one figure or by day for month.

    >>> compare_births("1990-05-07", "1990-07-05").name, compare_births("1990", "1990-05-07").name
    ('SIMILAR', 'SIMILAR')
    """
    first, second = birth_range(one), birth_range(other)
    if first is None or second is None:
        return Closeness.DIFFERENT
    if one == other and first[0] == first[1]:
        return Closeness.SAME
    if first[0] <= second[1] and second[0] <= first[1]:
        return Closeness.SIMILAR
    if len(one) != len(other):
        return Closeness.DIFFERENT
    exchanged = _parts(one) == _parts(other)[:1] + _parts(other)[:0:-1]
    slips = sum(mine != theirs for mine, theirs in zip(one, other, strict=True))
    return Closeness.SIMILAR if exchanged or slips == 1 else Closeness.DIFFERENT


def compare_names(one: Iterable[str], other: Iterable[str]) -> Closeness:
    """The closest of any two names; DIFFERENT where one side has none.

    >>> compare_names(["Müller-Noé"], ["muller noe", "x"]).name, compare_names([], ["x"]).name
    ('SAME', 'DIFFERENT')
    """
    ours, theirs = _folded(one), _folded(other)
    if ours & theirs:
        return Closeness.SAME
    near = any(_is_near(mine, their) for mine in ours for their in theirs)
    return Closeness.SIMILAR if near else Closeness.DIFFERENT


def fold(name: str) -> str:
    """A name in the form in which names are compared: without case, accents, punctuation.

    >>> fold("  D'Ávila  y-López ")
    'd avila y lopez'
    """
    plain = unicodedata.normalize("NFKD", name.casefold())
    kept = (one if one.isalnum() else " " for one in plain if not unicodedata.combining(one))
    return " ".join("".join(kept).split())


def slips(one: str, other: str) -> int:
    """Fewest letters to change, add, leave out or exchange with their neighbour.

    >>> slips("smith", "smieth"), slips("jonh", "john")
    (1, 1)
    """
    before, last = list[int](), list(range(len(other) + 1))
    for i, mine in enumerate(one, start=1):
        row = [i]
        for j, their in enumerate(other, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (mine != their))
            if i > 1 and j > 1 and mine == other[j - 2] and one[i - 2] == their:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


def _surname(one: IdentityPart, other: IdentityPart) -> Closeness:
    found = compare_names(_family_names(one), _family_names(other))
    # Names are entered the wrong way round often enough; that is never the same, only close.
    crossed = min(
        compare_names(one.surnames, other.forenames), compare_names(one.forenames, other.surnames)
    )
    return max(found, min(crossed, Closeness.SIMILAR))


def _forename(one: IdentityPart, other: IdentityPart) -> Closeness:
    found = compare_names((*one.forenames, *one.aliases), (*other.forenames, *other.aliases))
    crossed = min(
        compare_names(one.surnames, other.forenames), compare_names(one.forenames, other.surnames)
    )
    return max(found, min(crossed, Closeness.SIMILAR))


def _family_names(part: IdentityPart) -> tuple[str, ...]:
    return (*part.surnames, *part.names_at_birth, *part.earlier_names, *part.aliases)


def _folded(names: Iterable[str]) -> set[str]:
    return {fold(name) for name in names if name != UNKNOWN} - {""}


def _is_near(one: str, other: str) -> bool:
    allowed = max(len(one), len(other)) // LETTERS_PER_SLIP
    return abs(len(one) - len(other)) <= allowed and slips(one, other) <= allowed


def _parts(born: str) -> list[str]:
    return born.split("-")


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> Closeness:
    ours, theirs = set(one) - {UNKNOWN}, set(other) - {UNKNOWN}
    return Closeness.SAME if not ours or not theirs or ours & theirs else Closeness.DIFFERENT


def _place(one: str, other: str) -> Closeness:
    if not _folded([one]) or not _folded([other]):
        return Closeness.SAME
    return compare_names([one], [other])


def _sex(one: Sex | None, other: Sex | None) -> Closeness:
    open_ = {None, Sex.UNKNOWN}
    return Closeness.SAME if {one, other} & open_ or one is other else Closeness.DIFFERENT


def _number(document: Document) -> str:
    return fold(document.number).replace(" ", "")
