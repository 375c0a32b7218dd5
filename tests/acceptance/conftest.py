"""What stories and examples run in: a Europe of their own, over one matcher that remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interfaces.pb.eurodac.central.v1 import terms_pb2
from matcher.engine import Engine
from tests.acceptance import clocks, deeds, facts, searches, standstill, subjects
from tests.acceptance.europe import Europe
from tests.acceptance.language import Story

VOCABULARY = clocks, deeds, facts, searches, standstill, subjects
"""Imported, so that their sentences are known."""


@pytest.fixture
def story(
    tmp_path: Path,
    engine: Engine,
    capture_of: Callable[..., terms_pb2.Capture],
) -> Iterator[Story]:
    """An empty story in an empty Europe."""
    with Europe(tmp_path, engine) as europe:
        yield Story(europe, capture_of=capture_of)
