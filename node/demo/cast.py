"""The persons of the demo and their captures: synthetic, or real research samples from a folder."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from interfaces import formats
from interfaces.formats import nist
from interfaces.pb.eurodac.central.v1 import terms_pb2
from interfaces.wire import position_to
from matcher.vocabulary import TEN_FINGERS, FaceSample, FingerPosition, FingerSample, Impression
from models.synthesis import captures, conditions
from models.synthesis.faces import render_face
from models.synthesis.persons import Person, capture_fingers

SLAPS = (FingerPosition.RIGHT_FOUR, FingerPosition.LEFT_FOUR, FingerPosition.BOTH_THUMBS)

Progress = Callable[[str], None]


class CastError(Exception):
    """The folder of captures lacks something; the text says what."""


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """Who appears. Each capture is what a station sends.

    traveller: seen twice, with other fingers' impressions and another photograph the second
    time; poor: the same person's fingers, too bad to be compared. carded: a ten-print card as
    an ANSI/NIST-ITL transaction, and the same person's slaps. stranger, latecomer: seen once.
    """

    source: str
    traveller: tuple[terms_pb2.Capture, terms_pb2.Capture]
    poor: terms_pb2.Capture
    carded: tuple[bytes, terms_pb2.Capture]
    stranger: terms_pb2.Capture
    latecomer: terms_pb2.Capture


def synthetic_cast(progress: Progress, *, seed: int = 2026) -> Cast:
    """Persons who never lived; the same seed gives the same captures."""
    traveller, carded, stranger, latecomer = (Person(seed + index) for index in range(4))
    progress("growing the fingers of four synthetic persons")
    return Cast(
        source="synthetic persons of our own generator",
        traveller=(_flat(traveller, 1), _flat(traveller, 2)),
        poor=_flat(traveller, 3, conditions.TOO_DRY),
        carded=(_card(carded), _slaps(carded)),
        stranger=_flat(stranger, 1),
        latecomer=_flat(latecomer, 1),
    )


def _flat(
    person: Person, taking: int, condition: conditions.Condition = conditions.GOOD
) -> terms_pb2.Capture:
    samples = capture_fingers(person, capture_seed=taking, condition=condition)
    return _capture(samples, render_face(person.seed, taking))


def _card(person: Person) -> bytes:
    fingers = tuple(
        sample for sample in captures.card(person, capture_seed=1) if sample.position.is_finger
    )
    return _transaction(fingers, render_face(person.seed, 1))


def _slaps(person: Person) -> terms_pb2.Capture:
    samples = (
        captures.slap(person, position, capture_seed=2, condition=conditions.GOOD)
        for position in SLAPS
    )
    return _capture(samples, render_face(person.seed, 2))


def real_cast(folder: Path, progress: Progress) -> Cast:
    """Research samples: FVC2002 fingers grouped into persons of ten, a NIST card, photographs.

    folder: holds `fingerprints`, `faces` and `nist`. CastError names what is missing.
    """
    progress(f"reading research samples in {folder}")
    faces = _mated_photographs(folder / "faces")
    strangers = [photograph for pair in faces[2:4] for photograph in pair]
    prints = folder / "fingerprints"
    first = _fvc(prints / "FVC2002_DB1_B", 1, 500.0)
    return Cast(
        source=f"research samples in {folder}: FVC2002, LFW, NIST reference transactions",
        traveller=(
            _capture(first, faces[0][0]),
            _capture(_fvc(prints / "FVC2002_DB1_B", 2, 500.0), faces[0][1]),
        ),
        poor=_capture(map(_fade, first), faces[0][1]),
        carded=(
            _transaction(_nist(folder, "type-14-tpcard-nqm.an2", Impression.ROLLED), faces[1][0]),
            _capture(_nist(folder, "type-4-14-slaps.an2", Impression.FLAT), faces[1][1]),
        ),
        stranger=_capture(_fvc(prints / "FVC2002_DB2_B", 1, 569.0), strangers[0]),
        latecomer=_capture(_fvc(prints / "FVC2002_DB4_B", 1, 500.0), strangers[2]),
    )


def _fvc(folder: Path, impression: int, dpi: float) -> list[FingerSample]:
    """Ten different fingers of a set as the ten fingers of one person; the set states the dpi."""
    samples: list[FingerSample] = []
    for finger, position in enumerate(TEN_FINGERS, start=101):
        data = _bytes(folder / f"{finger}_{impression}.tif")
        samples += formats.read_finger(data, position=position, impression=Impression.FLAT, dpi=dpi)
    return samples


def _nist(folder: Path, name: str, impression: Impression) -> tuple[FingerSample, ...]:
    capture = formats.read(_bytes(folder / "nist" / name))
    return tuple(sample for sample in capture.fingers if sample.impression is impression)


def _mated_photographs(folder: Path) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    rows = csv.DictReader(_bytes(folder / "lfw_pairs.csv").decode().splitlines())
    mated = [row for row in rows if row["mated"] == "1"][:4]
    return [
        (_photograph(folder / "lfw" / row["first"]), _photograph(folder / "lfw" / row["second"]))
        for row in mated
    ]


def _photograph(path: Path) -> NDArray[np.uint8]:
    return formats.read_face(_bytes(path)).image


FADED_CONTRAST, FADED_NOISE = 1 / 40, 20.0
"""Share of the contrast that is left, and grey levels of noise over it: beyond all enhancement."""


def _fade(sample: FingerSample) -> FingerSample:
    """The print of a finger that hardly touched the glass."""
    rng = np.random.default_rng(int(sample.position))
    noise = rng.normal(0.0, FADED_NOISE, sample.image.shape)
    faded = 230.0 - (255.0 - sample.image) * FADED_CONTRAST + noise
    return replace(sample, image=np.clip(faded, 0, 255).astype(np.uint8))


def _capture(fingers: Iterable[FingerSample], face: NDArray[np.uint8]) -> terms_pb2.Capture:
    return terms_pb2.Capture(
        fingers=[
            terms_pb2.FingerImage(
                position=position_to(sample.position),
                impression=terms_pb2.IMPRESSION_ROLLED
                if sample.impression is Impression.ROLLED
                else terms_pb2.IMPRESSION_FLAT,
                image=_png(sample.image, sample.dpi),
            )
            for sample in fingers
        ],
        face=terms_pb2.FaceImage(image=_png(face, None)),
    )


def _transaction(fingers: tuple[FingerSample, ...], face: NDArray[np.uint8]) -> bytes:
    return nist.write(
        formats.Capture(fingers=fingers, faces=(FaceSample(face),)),
        transaction_type="ENR",
        day=date(2026, 7, 1),
        destination_agency="EURODAC",
        originating_agency="DEMO",
        control_number="demo card 1",
    )


def _png(image: NDArray[np.uint8], dpi: float | None) -> bytes:
    out = BytesIO()
    if dpi is None:
        Image.fromarray(image).save(out, "PNG")
    else:
        Image.fromarray(image).save(out, "PNG", dpi=(dpi, dpi))
    return out.getvalue()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CastError(f"{path} is missing from the folder of captures") from error
