"""The language of the stories: how a line of text becomes the call of one function.

A story is a text file. Lines that begin with `#` are for the reader; every other line is one
sentence, and the sentences are those of deeds.py and facts.py, no more. Instants are in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from node.station import StationError
from tests.acceptance.europe import Europe

STATES = {"Denmark": "DK", "Italy": "IT", "Germany": "DE", "Greece": "GR", "Norway": "NO"}

PERSONS = {"Amina": 1, "Bilal": 2, "Chen": 3}
"""Persons who never lived, by the number from which their fingers grow."""

PLACES = {
    "state": f"({'|'.join(STATES)})",
    "person": f"({'|'.join(PERSONS)})",
    "label": r"\[(\w+)\]",
    "labels": r"(\[\w+\](?:, \[\w+\])*)",
    "when": r"(\d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?)?)",
    "word": r"(\w+)",
    "number": r"(\d+)",
    "text": r"(.+)",
    "rest": r"((?:, .+)?)",
    "kind": r"([a-z ]+?)",
    "mark": r"(grants protection on|withdraws protection on|issues a residence document on)",
    "ground": r"(of citizenship|the data were unlawful|the person asked)",
    "consulted": r"((?: after consulting .+)?)",
    "verdict": r"(true|false)",
    "conditions": r"(met|not met)",
    "outcome": r"(hits nobody|is not comparable|is stored without comparison)",
    "count": r"(never|once|twice)",
    "month": r"(\d{4}-\d\d)",
    "of": r"((?: of (?:Denmark|Italy|Germany|Greece|Norway))?)",
    "counts": r"(counts|does not count)",
    "there": r"(there|gone)",
    "words": r"(\w+(?: and \w+)*)",
    "analyst": r"(An investigator|Europol's unit)",
    "authority": r"(The verifying authority|Europol's verifying unit)",
}
"""What may stand in the places of a sentence."""


class StoryWrong(AssertionError):
    """What happened is not what the story tells; the text names its line."""


@dataclass(slots=True)
class Story:
    """A story under way: what its labels name, and the refusal that it has not yet spoken of."""

    europe: Europe
    numbers: dict[str, str] = field(default_factory=dict)
    receipts: dict[str, Any] = field(default_factory=dict)
    takings: dict[str, int] = field(default_factory=dict)
    capture_of: Callable[..., Any] = lambda: None
    refused: StationError | None = None

    def number(self, label: str) -> str:
        """The reference number, proposal or declaration that the story calls by this label."""
        if label not in self.numbers:
            raise StoryWrong(f"nothing is called [{label}] yet")
        return self.numbers[label]


Sentence = Callable[..., None]

DEEDS: dict[re.Pattern[str], Sentence] = {}
"""Sentences that do something; what they cause is awaited."""

FACTS: dict[re.Pattern[str], Sentence] = {}
"""Sentences that state what must be so."""


def deed(form: str) -> Callable[[Sentence], Sentence]:
    """Register a function as what a sentence does."""
    return _register(DEEDS, form)


def fact(form: str) -> Callable[[Sentence], Sentence]:
    """Register a function as what a sentence states."""
    return _register(FACTS, form)


def _register(known: dict[re.Pattern[str], Sentence], form: str) -> Callable[[Sentence], Sentence]:
    parts = re.split(r"\{(\w+)\}", form)
    pattern = "".join(
        PLACES[part] if odd % 2 else re.escape(part) for odd, part in enumerate(parts)
    )

    def register(function: Sentence) -> Sentence:
        known[re.compile(pattern)] = function
        return function

    return register


def tell(story: Story, text: str) -> None:
    """Live through a story, sentence by sentence; StoryWrong names the line that does not hold."""
    for number, line in enumerate(text.splitlines(), 1):
        sentence = line.strip()
        if not sentence or sentence.startswith("#"):
            continue
        try:
            _say(story, sentence)
        except (AssertionError, StationError, KeyError) as error:
            raise StoryWrong(
                f"line {number}: {sentence}\n{type(error).__name__}: {error}"
            ) from error
    if story.refused is not None:
        raise StoryWrong(f"the last deed was refused: {story.refused}")


def _say(story: Story, sentence: str) -> None:
    if not sentence.endswith("."):
        raise StoryWrong("a sentence ends with a full stop")
    body = sentence[:-1]
    for known, is_deed in ((DEEDS, True), (FACTS, False)):
        for pattern, function in known.items():
            found = pattern.fullmatch(body)
            if found is None:
                continue
            if is_deed:
                _do(story, function, found.groups())
            else:
                function(story, *found.groups())
            return
    raise StoryWrong("no such sentence is known")


def _do(story: Story, function: Sentence, places: tuple[str, ...]) -> None:
    if story.refused is not None:
        raise StoryWrong(f"the deed before was refused: {story.refused}")
    try:
        function(story, *places)
    except StationError as refused:
        story.refused = refused
    story.europe.settle()


def instant(text: str) -> datetime:
    """An instant of a story; a day alone is its noon.

    >>> instant("2026-12-24 09:00").isoformat()
    '2026-12-24T09:00:00+00:00'
    """
    day, _, hour = text.partition(" ")
    return datetime.fromisoformat(f"{day}T{hour or '12:00'}").replace(tzinfo=UTC)


def labels_in(text: str) -> list[str]:
    """Labels of an enumeration.

    >>> labels_in("[D1], [I1]")
    ['D1', 'I1']
    """
    return re.findall(r"\[(\w+)\]", text)
