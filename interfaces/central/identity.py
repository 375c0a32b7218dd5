"""Search by alphanumeric data (Art. 33(3)): which data sets fit a stated identity.

Everything stated must fit; what a data set leaves open fits, except a name or a number. Names are
compared without case, accents and punctuation, which differ between transcriptions.
"""

from __future__ import annotations

from collections.abc import Iterable

from interfaces.eurodac.ages import birth_range
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.likeness import fold
from interfaces.eurodac.terms import UNKNOWN, Sex
from interfaces.wire import Identity


def fits(wanted: Identity, data_set: DataSet) -> bool:
    """Whether a data set may be that of the stated person.

    >>> from interfaces.eurodac.categories import Category
    >>> stored = DataSet(Category.SAR, "IT", surnames=("Müller-Noé",))
    >>> fits(Identity(surname="muller noe"), stored), fits(Identity(surname="Noé"), stored)
    (True, False)
    """
    known_by = (
        *data_set.surnames,
        *data_set.names_at_birth,
        *data_set.earlier_names,
        *data_set.aliases,
    )
    number = "" if data_set.document is None else data_set.document.number
    return (
        _is_among(wanted.surname, known_by)
        and _is_among(wanted.forename, (*data_set.forenames, *data_set.aliases))
        and _is_among(wanted.document_number, (number,))
        and _may_be_born(wanted.date_of_birth, data_set.date_of_birth)
        and _may_be_national(wanted.nationality, data_set.nationalities)
        and _may_have_sex(wanted.sex, data_set.sex)
    )


def _is_among(wanted: str, names: Iterable[str]) -> bool:
    return not wanted or fold(wanted) in {fold(name) for name in names}


def _may_be_born(wanted: str, stored: str) -> bool:
    ours, theirs = birth_range(wanted), birth_range(stored)
    return ours is None or theirs is None or (ours[0] <= theirs[1] and theirs[0] <= ours[1])


def _may_be_national(wanted: str, stored: tuple[str, ...]) -> bool:
    return not wanted or not stored or wanted in stored or UNKNOWN in stored


def _may_have_sex(wanted: Sex | None, stored: Sex | None) -> bool:
    open_ = {None, Sex.UNKNOWN}
    return wanted in open_ or stored in open_ or wanted is stored
