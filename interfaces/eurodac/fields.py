"""The table fields x category (Arts 17, 19, 21 to 24, 26): rows 1 to 32, one column per article."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from interfaces.eurodac.categories import Category, Group, group


class Field(StrEnum):
    """A row of the table."""

    FINGERPRINTS = "fingerprints"
    FACE = "face"
    NAMES = "names"
    NATIONALITIES = "nationalities"
    DATE_OF_BIRTH = "date of birth"
    PLACE_OF_BIRTH = "place of birth"
    EVENT = "event"
    SEX = "sex"
    DOCUMENT = "document"
    DOCUMENT_SCAN = "document scan"
    REFERENCE_NUMBER = "reference number"
    TAKEN = "date taken"
    TRANSMITTED = "date transmitted"
    OPERATOR = "operator"
    RESPONSIBLE_STATE = "responsible State"
    RELOCATION_STATE = "relocation State"
    ARRIVAL_TAKE_CHARGE = "arrival after take charge"
    ARRIVAL_TAKE_BACK = "arrival after take back"
    LEFT = "left the Member States"
    REMOVED = "removed or left under a return decision"
    ARRIVAL_RELOCATION = "arrival after relocation"
    VISA = "visa"
    SECURITY_FLAG = "security flag"
    REJECTED = "application rejected"
    BORDER_FINAL = "border procedure final"
    AVRR = "voluntary return assistance granted"
    GRANTED_ON = "date of the grant"
    REFUSED_ON = "date and grounds of the refusal"
    DISCONTINUED_ON = "date of the discontinuation"
    EXCLUSION = "exclusion ground"
    COUNCIL_DECISION = "Council decision"
    MARK = "mark"


class Requirement(StrEnum):
    """A cell of the table."""

    MANDATORY = "M"
    WHERE_AVAILABLE = "W"
    LATER = "U"
    AS_SOON_AS_AVAILABLE = "U*"
    FORBIDDEN = "-"
    SEARCHED_ONLY = "T"
    OWN_CALL = "C"
    """Set by the calls made for it (marks), never as a field of a transmission or update."""


_COLUMNS = (
    Group.ART_15,
    Group.ART_18_1,
    Group.ART_18_2,
    Group.ART_20,
    Group.ART_22,
    Group.ART_23,
    Group.ART_24,
    Group.ART_26,
    Group.POLICE,
    Group.RIGHTS,
)

_CELLS = {
    #                           15  18(1) 18(2) 20  22  23  24  26  32  43
    Field.FINGERPRINTS: "        M   T     M     M   M   M   M   M   T   T",
    Field.FACE: "                M   T     M     M   M   M   M   M   T   T",
    Field.NAMES: "               M   -     M     M   M   M   M   M   T   -",
    Field.NATIONALITIES: "       M   -     M     M   M   M   M   M   T   -",
    Field.DATE_OF_BIRTH: "       M   -     M     M   M   M   M   M   T   -",
    Field.PLACE_OF_BIRTH: "      M   -     M     M   M   M   M   M   T   -",
    Field.EVENT: "               M   -     M     M   M   M   M   M   -   -",
    Field.SEX: "                 M   T     M     M   M   M   M   M   T   T",
    Field.DOCUMENT: "            W   -     W     W   W   W   U*  W   T   -",
    Field.DOCUMENT_SCAN: "       W   -     W     W   W   W   U*  W   -   -",
    Field.REFERENCE_NUMBER: "    M   M     M     M   M   M   M   M   M   M",
    Field.TAKEN: "               M   -     M     M   M   M   M   M   -   -",
    Field.TRANSMITTED: "         M   -     M     M   M   M   M   M   -   -",
    Field.OPERATOR: "            M   -     M     M   M   M   M   M   -   -",
    Field.RESPONSIBLE_STATE: "   U   -     -     -   -   -   -   -   -   -",
    Field.RELOCATION_STATE: "    U   -     -     -   U   U   U*  -   -   -",
    Field.ARRIVAL_TAKE_CHARGE: " -   -     -     -   -   -   -   -   -   -",
    Field.ARRIVAL_TAKE_BACK: "   U   -     -     -   -   -   -   -   -   -",
    Field.LEFT: "                U   -     -     -   -   -   -   -   -   -",
    Field.REMOVED: "             U   -     -     -   U   U   U*  -   -   -",
    Field.ARRIVAL_RELOCATION: "  -   -     -     -   -   -   -   -   -   -",
    Field.VISA: "                U   -     -     -   -   -   -   -   -   -",
    Field.SECURITY_FLAG: "       U   -     -     -   U   U   U*  -   -   -",
    Field.REJECTED: "            U   -     -     -   -   -   -   -   -   -",
    Field.BORDER_FINAL: "        U   -     -     -   -   -   -   -   -   -",
    Field.AVRR: "                U   -     -     -   U   U   U*  -   -   -",
    # Which of the three an admission record carries depends on its outcome.
    Field.GRANTED_ON: "          -   -     M     M   -   -   -   -   -   -",
    Field.REFUSED_ON: "          -   -     M     -   -   -   -   -   -   -",
    Field.DISCONTINUED_ON: "     -   -     M     -   -   -   -   -   -   -",
    Field.EXCLUSION: "           -   -     -     -   -   -   -   W   -   -",
    Field.COUNCIL_DECISION: "    -   -     -     -   -   -   -   M   -   -",
    Field.MARK: "                C   -     C     C   C   C   C   C   -   -",
}


def _requirements() -> dict[Field, Mapping[Group, Requirement]]:
    return {
        row: MappingProxyType(dict(zip(_COLUMNS, map(Requirement, cells.split()), strict=True)))
        for row, cells in _CELLS.items()
    }


REQUIREMENTS: Mapping[Field, Mapping[Group, Requirement]] = MappingProxyType(_requirements())
"""Complete: every row has a cell for every column."""

EXCEPTIONS: Mapping[tuple[Field, Category], Requirement] = MappingProxyType(
    {
        # Arts 16(2)(a), 17(2)(c), 25(2): an arrival makes a new data set that carries its date.
        (Field.ARRIVAL_TAKE_CHARGE, Category.APPLICANT_ARRIVAL): Requirement.MANDATORY,
        (Field.ARRIVAL_RELOCATION, Category.APPLICANT_RELOCATED): Requirement.MANDATORY,
        (Field.ARRIVAL_RELOCATION, Category.ILLEGAL_STAY_RELOCATED): Requirement.MANDATORY,
    }
)
"""Cells in which one category differs from its column."""

ATTRIBUTES: Mapping[Field, tuple[str, ...]] = MappingProxyType(
    {
        Field.FINGERPRINTS: (),
        Field.FACE: (),
        Field.NAMES: ("surnames", "forenames", "names_at_birth", "earlier_names", "aliases"),
        Field.NATIONALITIES: ("nationalities",),
        Field.DATE_OF_BIRTH: ("date_of_birth",),
        Field.PLACE_OF_BIRTH: ("place_of_birth",),
        Field.EVENT: ("event",),
        Field.SEX: ("sex",),
        Field.DOCUMENT: ("document",),
        Field.DOCUMENT_SCAN: ("document_scans",),
        Field.REFERENCE_NUMBER: ("reference_number",),
        Field.TAKEN: ("biometrics_taken_at",),
        Field.TRANSMITTED: ("transmitted_at",),
        Field.OPERATOR: ("operator_user_id",),
        Field.RESPONSIBLE_STATE: ("responsible_state",),
        Field.RELOCATION_STATE: ("relocation_state",),
        Field.ARRIVAL_TAKE_CHARGE: ("arrival_after_take_charge_on",),
        Field.ARRIVAL_TAKE_BACK: ("arrival_after_take_back_on",),
        Field.LEFT: ("left_member_states_on",),
        Field.REMOVED: ("removed_on",),
        Field.ARRIVAL_RELOCATION: ("arrival_after_relocation_on",),
        Field.VISA: ("visa",),
        Field.SECURITY_FLAG: ("security_flag",),
        Field.REJECTED: ("application_rejected",),
        Field.BORDER_FINAL: ("border_procedure_final",),
        Field.AVRR: ("avrr_granted",),
        Field.GRANTED_ON: ("admission_decision",),
        Field.REFUSED_ON: ("admission_decision",),
        Field.DISCONTINUED_ON: ("admission_decision",),
        Field.EXCLUSION: ("exclusion_ground_applies",),
        Field.COUNCIL_DECISION: ("council_decision",),
        Field.MARK: ("marks",),
    }
)
"""Attributes of DataSet that carry a row; biometrics are kept beside the data set."""

ROW_OF: Mapping[str, tuple[Field, ...]] = MappingProxyType(
    {
        name: tuple(row for row in Field if name in ATTRIBUTES[row])
        for names in ATTRIBUTES.values()
        for name in names
    }
)
"""Rows that an attribute of DataSet carries."""

LISTED_IN: Mapping[Group, str] = MappingProxyType(
    {
        Group.ART_15: "17",
        Group.ART_18_1: "18(1)",
        Group.ART_18_2: "19(1)",
        Group.ART_20: "21(1)",
        Group.ART_22: "22(2), (3)",
        Group.ART_23: "23(2), (3)",
        Group.ART_24: "24(2), (3)",
        Group.ART_26: "26(2)",
        Group.POLICE: "33(3)",
        Group.RIGHTS: "43(6)",
    }
)
"""Article that lists the data of a column."""

IN_COMMON_REPOSITORY = frozenset(
    {
        Field.FINGERPRINTS,
        Field.FACE,
        Field.NAMES,
        Field.NATIONALITIES,
        Field.DATE_OF_BIRTH,
        Field.PLACE_OF_BIRTH,
        Field.SEX,
        Field.DOCUMENT,
    }
)
"""Rows kept in the common identity repository, Art. 3(2); the others stay in Eurodac."""


def requirement(field: Field, category: Category) -> Requirement:
    """The cell that holds for this category.

    >>> requirement(Field.VISA, Category.IRREGULAR_CROSSING).name
    'FORBIDDEN'
    >>> requirement(Field.DOCUMENT, Category.SAR).name
    'AS_SOON_AS_AVAILABLE'
    """
    return EXCEPTIONS.get((field, category), REQUIREMENTS[field][group(category)])
