"""The error tree of the law.

    RuleBroken      an act or a data set breaks one rule of the tables

The door turns it into `google.rpc` details; nothing in it is personal data.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule. code: refusal code of ICD.md (V01, V02 ...); field: name in DataSet."""

    code: str
    field: str
    article: str
    rule: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.code} {self.field}: {self.rule} ({self.article}). {self.remedy}"


class RuleBroken(Exception):
    """At least one rule of the tables forbids what was asked; carries every violation found."""

    def __init__(self, *violations: Violation) -> None:
        super().__init__("; ".join(map(str, violations)))
        self.violations = violations
