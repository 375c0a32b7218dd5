"""Every story of tests/stories comes true, over gRPC, between real nodes and the stand-in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.language import Story, tell

STORIES = sorted((Path(__file__).parents[1] / "stories").glob("*.txt"))


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_the_story_comes_true(story: Story, path: Path) -> None:
    tell(story, path.read_text("utf-8"))
