"""Every refusal code of the profile, with the rule it stands for and what to do about it.

Q: samples (Art. 38(1)). V: data sets and acts. I: interoperability. Codes are never reused for
something else; the list of the real interface is not public, so this one is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from interfaces.eurodac.errors import Violation


@dataclass(frozen=True, slots=True)
class Code:
    """name: for programs and logs. rule, remedy: one sentence each, for the official."""

    name: str
    rule: str
    remedy: str


CODES: Mapping[str, Code] = MappingProxyType(
    {
        "Q01": Code("LOW_QUALITY", "The sample cannot be compared.", "Take it again."),
        "Q02": Code(
            "SEQUENCE_ERROR",
            "Fingers are not at the positions stated.",
            "Take them again in the stated order, under the same reference number.",
        ),
        "Q03": Code(
            "MISSING_UNDECLARED",
            "Each of the ten fingers is captured or declared missing.",
            "Capture the finger, or declare it amputated (XX) or unable to print (UP).",
        ),
        "Q04": Code("FORMAT", "The bytes are not what they claim to be.", "Send a listed format."),
        "Q05": Code("RESOLUTION", "The resolution is stated and sufficient.", "Scan at 500 dpi."),
        "Q06": Code("DUPLICATE_FINGER", "A finger is sent once.", "Send each finger once."),
        "V01": Code(
            "FIELD_NOT_ALLOWED",
            "This field is not among the data of this category.",
            "Leave the field out.",
        ),
        "V02": Code(
            "REFNO",
            "The number begins with the State's letters and the category's digit.",
            "Use a number of this State and this category.",
        ),
        "V03": Code(
            "AGE_UNDER_6",
            "Biometrics are taken from the sixth birthday on.",
            "Discard the biometrics; nothing is stored or sent.",
        ),
        "V04": Code(
            "FIELD_MISSING",
            "This field is mandatory in this category.",
            "Fill it in; write UNKNOWN where the person was asked and it cannot be known.",
        ),
        "V05": Code("FIELD_FORMAT", "The value has the stated form.", "Correct the value."),
        "V06": Code(
            "NOT_APPLICABLE",
            "The article of this category does not apply to this person or day.",
            "Choose the category that applies, or send nothing.",
        ),
        "V07": Code(
            "SCAN",
            "Only documents that are not known to be false, and one other document at most.",
            "Leave the scan out.",
        ),
        "V08": Code(
            "NOT_LATER",
            "This field is not one that becomes known later.",
            "Correct the data set instead, or use the call made for this field.",
        ),
        "V09": Code(
            "NOT_OWN_DATA",
            "Only the Member State of origin changes or erases a data set.",
            "Tell the Member State of origin.",
        ),
        "V10": Code(
            "UNION_CITIZEN",
            "Citizens of a participating State are not recorded.",
            "Correct the nationality, or record nothing.",
        ),
        "V11": Code(
            "MINOR_SAFEGUARD",
            "A minor's biometrics are taken by a trained official and in company.",
            "Complete the safeguards before the capture.",
        ),
        "V12": Code(
            "FLAG_CONDITION",
            "The flag needs its check, the threat and one of the four grounds.",
            "Record the missing condition, or set no flag.",
        ),
        "V13": Code(
            "FLAG_CONSULTATION",
            "Every other State with a data set of the person is consulted before deletion.",
            "Consult the States named, then delete.",
        ),
        "V14": Code(
            "MARK_NOT_ALLOWED",
            "A mark is set by the granting or issuing State of origin, or follows a notice.",
            "Set the mark on the data set that the article names.",
        ),
        "V15": Code(
            "EXPERT_NEEDED",
            "This hit is decided by a trained expert.",
            "Give the hit to an expert.",
        ),
        "V16": Code(
            "EXTENSION_UNRECORDED",
            "A time limit is extended only on a record that allows it.",
            "Declare the incident or correct the notice.",
        ),
        "V17": Code(
            "STEP_NOT_POSSIBLE",
            "This step is not possible in this state of the hit.",
            "Read the case again.",
        ),
        "V18": Code(
            "NO_ERASURE_GROUND",
            "Data are erased in advance only on a ground of the Regulation.",
            "Leave the data until the end of their retention.",
        ),
        "V19": Code(
            "SEARCH_CONDITION",
            "All conditions of the search are met.",
            "Complete the request.",
        ),
        "V20": Code("STATE", "The letters are those of a participating State.", "Correct them."),
        "V21": Code(
            "SEPARATION",
            "Requester and verifier, proposer and approver are different and independent.",
            "Have another official, of another unit where named, do it.",
        ),
        "V22": Code(
            "AUTHORISATION",
            "The origin State's authorisation or consent is there first.",
            "Ask the origin State.",
        ),
        "V23": Code(
            "NO_DISCLOSURE",
            "The recipient or purpose is not one that the Regulation allows.",
            "Refuse the request.",
        ),
        "I01": Code(
            "SWITCHED_OFF",
            "Interoperability is carried out only where and when it is switched on.",
            "Set policy.interoperability_from at the node and start the centre with it too.",
        ),
        "I02": Code(
            "NOT_RESPONSIBLE",
            "A link is verified by the one authority that is responsible for it.",
            "Leave it to the authority named with the link.",
        ),
    }
)


def broken(code: str, field: str, article: str, *, rule: str = "", remedy: str = "") -> Violation:
    """A violation of this code; rule and remedy default to the table's.

    >>> str(broken("V01", "visa", "22(2)"))
    'V01 visa: This field is not among the data of this category. (22(2)). Leave the field out.'
    """
    row = CODES[code]
    return Violation(code, field, article, rule or row.rule, remedy or row.remedy)
