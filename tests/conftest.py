"""Fixtures of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"
"""Research samples beside the checkout; never part of it."""


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the research samples; tests that need them skip without."""
    if not REAL_DATA.is_dir():
        pytest.skip("the research samples are not beside this checkout")
    return REAL_DATA
