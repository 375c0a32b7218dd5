"""The one exception of the formats, with the rule that was broken.

    FormatRefused        bytes that this node does not take, and what the sender can do

The rule codes are ours: Q-codes follow the profile of the interface document, L-codes are
limits. Texts name fields and numbers, never the content of a field or an image.
"""

from __future__ import annotations

from enum import StrEnum


class Rule(StrEnum):
    """Code and name of each rule, as they stand in the interface document."""

    MISSING_UNDECLARED = "Q03 MISSING_UNDECLARED"
    FORMAT = "Q04 FORMAT"
    RESOLUTION = "Q05 RESOLUTION"
    DUPLICATE_FINGER = "Q06 DUPLICATE_FINGER"
    POSITION = "Q07 POSITION"
    TOO_LARGE = "L01 TOO_LARGE"
    TOO_SMALL = "L02 TOO_SMALL"
    TOO_MANY_RECORDS = "L03 TOO_MANY_RECORDS"


class FormatRefused(Exception):
    """Untrusted bytes break a rule.

    rule: the code, a Rule or its text. field: the container field or record field at fault.
    reason: what is wrong with it. remedy: what the sender can do about it.
    """

    def __init__(self, rule: str, field: str, reason: str, remedy: str) -> None:
        super().__init__(f"{rule}: {field}: {reason}; {remedy}")
        self.rule = str(rule)
        self.field = field
        self.reason = reason
        self.remedy = remedy

    def within(self, place: str) -> FormatRefused:
        """The same refusal, its field prefixed with the record or part it was found in.

        >>> FormatRefused("Q04 FORMAT", "PNG IHDR", "is cut short", "send it whole").within(
        ...     "record 3"
        ... ).field
        'record 3, PNG IHDR'
        """
        return FormatRefused(self.rule, f"{place}, {self.field}", self.reason, self.remedy)
