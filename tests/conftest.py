"""Fixtures of all tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from interfaces.pb.eurodac.central.v1 import terms_pb2
from matcher.engine import Engine
from matcher.vocabulary import TEN_FINGERS, FingerPosition, Impression
from models.synthesis.conditions import GOOD, Condition
from models.synthesis.faces import render_face
from models.synthesis.persons import Person, capture_fingers
from tests.remembering import RememberingEngine

# Examples are not timed: the machine is shared, and the first one may compile a kernel.
settings.register_profile("project", deadline=None)
settings.load_profile("project")

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"
"""Research samples beside the checkout; never part of it."""

MODELS = Path(__file__).parents[1] / "models" / "prepared"
"""Made once by `eurodac-node models prepare`, which `make test` runs first."""

TWO_FINGERS = (FingerPosition.RIGHT_INDEX, FingerPosition.LEFT_INDEX)
"""What most captures of these tests consist of, since growing a finger takes a while."""

CaptureOf = Callable[..., terms_pb2.Capture]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the research samples; tests that need them skip without."""
    if not REAL_DATA.is_dir():
        pytest.skip("the research samples are not beside this checkout")
    return REAL_DATA


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The matcher with its prepared models; tests that need it skip without."""
    if not (MODELS / ".ready").exists() and not any(MODELS.glob("*.onnx")):
        pytest.skip("the models are not prepared: make setup")
    return RememberingEngine(Engine.open(MODELS))


@pytest.fixture(scope="session")
def capture_of() -> CaptureOf:
    """Captures of synthetic persons as messages: capture_of(person, taking, fingers=, ...)."""
    return _capture


def _capture(
    person: int,
    taking: int = 0,
    *,
    fingers: tuple[FingerPosition, ...] = TWO_FINGERS,
    rolled: tuple[FingerPosition, ...] = (),
    face: bool = True,
    condition: Condition = GOOD,
) -> terms_pb2.Capture:
    """A capture with the fingers named, flat and some rolled; the others declared amputated."""
    impressions = [
        *((position, Impression.FLAT) for position in fingers),
        *((position, Impression.ROLLED) for position in rolled),
    ]
    return terms_pb2.Capture(
        fingers=[
            terms_pb2.FingerImage(
                position=int(position),  # type: ignore[arg-type]
                impression=terms_pb2.Impression.Value(f"IMPRESSION_{impression.name}"),
                image=_finger_png(person, taking, position, (impression, condition)),
            )
            for position, impression in impressions
        ],
        face=terms_pb2.FaceImage(image=_face_png(person, taking)) if face else None,
        missing_fingers=[
            terms_pb2.MissingFinger(
                position=int(position),  # type: ignore[arg-type]
                reason=terms_pb2.MISSING_REASON_AMPUTATED,
            )
            for position in TEN_FINGERS
            if position not in (*fingers, *rolled)
        ],
    )


@cache
def _person(seed: int) -> Person:
    return Person(seed)


@cache
def _finger_png(
    person: int, taking: int, position: FingerPosition, how: tuple[Impression, Condition]
) -> bytes:
    impression, condition = how
    (sample,) = capture_fingers(
        _person(person),
        capture_seed=taking,
        positions=(position,),
        impression=impression,
        condition=condition,
    )
    return _png(sample.image, dpi=sample.dpi)


@cache
def _face_png(person: int, taking: int) -> bytes:
    return _png(render_face(person, taking))


def _png(image: np.ndarray, *, dpi: float = 72.0) -> bytes:

    out = BytesIO()
    Image.fromarray(image).save(out, "PNG", dpi=(dpi, dpi))
    return out.getvalue()
