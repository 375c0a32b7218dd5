"""The error tree of this package.

    CentralError
    ├── CentralUnavailable   the centre cannot be reached or asks to wait: try again
    ├── CentralRefused       the centre will not take it, whenever it is sent
    └── StandInRefused       the stand-in's own refusals, turned into statuses by its door
        ├── RequestReused    the request_id was used with other content
        └── UnknownDataSet   no data set, or no hit, of that reference number

Broken rules and ill-formed bytes pass through as RuleBroken and FormatRefused.
"""

from __future__ import annotations

from interfaces.eurodac.errors import Violation


class CentralError(Exception):
    """Any error between a node and its centre."""


class CentralUnavailable(CentralError):
    """The request may or may not have had its effect; sending it again is safe."""


class CentralRefused(CentralError):
    """A permanent refusal. code: name of the gRPC status; violations: what was wrong."""

    def __init__(self, code: str, message: str, violations: tuple[Violation, ...] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.violations = violations


class StandInRefused(CentralError):
    """A refusal of the stand-in's acts."""


class RequestReused(StandInRefused):
    """The same request_id came with other content."""


class UnknownDataSet(StandInRefused):
    """Nothing has that reference number."""
