"""Files of a capture, as the command line takes them, into the message that stations send."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from google.protobuf import json_format

from interfaces.pb.eurodac.central.v1 import terms_pb2

Command = TypeVar("Command", bound=Callable[..., Any])

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

MISSING = {
    "XX": terms_pb2.MISSING_REASON_AMPUTATED,
    "UP": terms_pb2.MISSING_REASON_UNABLE_TO_PRINT,
}
"""Codes of ANSI/NIST-ITL Type-14 by which a finger is declared missing."""


def capture_options(command: Command) -> Command:
    """The options by which a command is given the files of one capture."""
    options = (
        click.option(
            "--finger",
            "fingers",
            multiple=True,
            metavar="CODE=FILE",
            help="Flat image of a finger or slap by its position code 1 to 15. Repeatable.",
        ),
        click.option(
            "--rolled", "rolled", multiple=True, metavar="CODE=FILE", help="A rolled finger."
        ),
        click.option("--face", type=FILE, help="Photograph of the face."),
        click.option("--transaction", type=FILE, help="An ANSI/NIST-ITL file instead of images."),
        click.option(
            "--missing",
            multiple=True,
            metavar="CODE=XX|UP",
            help="A finger declared missing: XX amputated, UP unable to print. Repeatable.",
        ),
        click.option("--dpi", type=float, default=0.0, help="Resolution of files that state none."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def read_capture(
    *,
    fingers: tuple[str, ...],
    rolled: tuple[str, ...],
    face: Path | None,
    transaction: Path | None,
    missing: tuple[str, ...],
    dpi: float,
) -> terms_pb2.Capture:
    """The capture that the options describe; its content is checked by the node."""
    images = [_image(text, terms_pb2.IMPRESSION_FLAT, dpi) for text in fingers]
    images += [_image(text, terms_pb2.IMPRESSION_ROLLED, dpi) for text in rolled]
    return terms_pb2.Capture(
        fingers=images,
        face=None if face is None else terms_pb2.FaceImage(image=face.read_bytes()),
        transaction=b"" if transaction is None else transaction.read_bytes(),
        missing_fingers=[_missing(text) for text in missing],
    )


def read_data_set(path: Path) -> terms_pb2.DataSet:
    """A data set from a JSON file with the field names of the ICD."""
    try:
        return json_format.Parse(path.read_text(encoding="utf-8"), terms_pb2.DataSet())
    except (json_format.ParseError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path.name} states no data set: {error}") from error


def _image(text: str, impression: terms_pb2.Impression.ValueType, dpi: float) -> Any:
    code, path = _pair(text, "CODE=FILE")
    file = Path(path)
    if not file.is_file():
        raise click.UsageError(f"{path} is no file")
    return terms_pb2.FingerImage(
        position=_position(code), impression=impression, image=file.read_bytes(), dpi=dpi
    )


def _missing(text: str) -> terms_pb2.MissingFinger:
    code, reason = _pair(text, "CODE=XX or CODE=UP")
    if reason not in MISSING:
        raise click.UsageError(f"{text}: say XX for amputated or UP for unable to print")
    return terms_pb2.MissingFinger(position=_position(code), reason=MISSING[reason])


def _pair(text: str, form: str) -> tuple[str, str]:
    code, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"{text}: write {form}")
    return code, value


def _position(code: str) -> terms_pb2.FingerPosition.ValueType:
    if not code.isascii() or not code.isdigit() or int(code) not in range(1, 16):
        raise click.UsageError(f"{code}: position codes are 1 to 15")
    name = terms_pb2.FingerPosition.keys()[int(code)]  # the codes are numbered without a gap
    return terms_pb2.FingerPosition.Value(name)
