"""A capture is counted and measured as a whole before a single image of it is decoded."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from interfaces.formats import decoding
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import terms_pb2
from interfaces.wire import capture_from


def _png(side: int) -> bytes:
    stream = BytesIO()
    Image.fromarray(np.full((side, side), 255, np.uint8)).save(stream, "PNG", dpi=(500, 500))
    return stream.getvalue()


def _finger(image: bytes, position: int) -> terms_pb2.FingerImage:
    return terms_pb2.FingerImage(
        position=position,  # type: ignore[arg-type]
        impression=terms_pb2.IMPRESSION_FLAT,
        image=image,
    )


@pytest.fixture
def no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("an image was decoded")

    monkeypatch.setattr(decoding.Pool, "ask", fail)


@pytest.mark.usefixtures("no_decoder")
def test_images_that_are_small_files_but_many_pixels_together_are_refused_undecoded() -> None:
    bomb = _png(3400)
    message = terms_pb2.Capture(fingers=[_finger(bomb, code) for code in range(1, 11)])
    assert message.ByteSize() < 2**20
    with pytest.raises(FormatRefused) as refused:
        capture_from(message)
    assert refused.value.rule.startswith("L01")


@pytest.mark.usefixtures("no_decoder")
def test_more_images_than_a_person_can_give_are_refused_undecoded() -> None:
    image = _png(64)
    with pytest.raises(FormatRefused) as refused:
        capture_from(terms_pb2.Capture(fingers=[_finger(image, 1)] * 40))
    assert refused.value.rule.startswith("W03")


def test_more_missing_fingers_than_there_are_are_refused() -> None:
    entry = terms_pb2.MissingFinger(
        position=terms_pb2.FINGER_POSITION_RIGHT_THUMB, reason=terms_pb2.MISSING_REASON_AMPUTATED
    )
    with pytest.raises(FormatRefused) as refused:
        capture_from(terms_pb2.Capture(missing_fingers=[entry] * 100))
    assert refused.value.rule.startswith("W03")


def test_one_finger_is_not_missing_for_two_reasons() -> None:
    position = terms_pb2.FINGER_POSITION_RIGHT_THUMB
    entries = [
        terms_pb2.MissingFinger(position=position, reason=reason)
        for reason in (
            terms_pb2.MISSING_REASON_AMPUTATED,
            terms_pb2.MISSING_REASON_UNABLE_TO_PRINT,
        )
    ]
    with pytest.raises(FormatRefused):
        capture_from(terms_pb2.Capture(missing_fingers=entries))
