"""`eurodac-node extract`: what the matcher makes of one image, without any node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import cv2
from rich.table import Table

from interfaces import formats
from interfaces.formats import iso
from matcher.extraction import extract_finger
from matcher.trace import Collector
from matcher.vocabulary import FingerPosition, FingerSample, FingerTemplate, Impression, Quality
from node import show

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUT = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command("extract")
@click.argument("image", type=FILE)
@click.option("--position", type=click.IntRange(1, 15), default=2, show_default=True)
@click.option("--rolled", is_flag=True, help="The finger was rolled.")
@click.option("--dpi", type=float, help="Resolution, where the file states none.")
@click.option("--iso", "record", type=OUT, help="Write an ISO/IEC 19794-2:2005 minutiae record.")
@click.option("--stages", type=FOLDER, help="Write a picture of every stage into this folder.")
@click.option("--json", "as_json", is_flag=True)
def extract(
    image: Path,
    position: int,
    rolled: bool,
    dpi: float | None,
    record: Path | None,
    stages: Path | None,
    as_json: bool,
) -> None:
    """Judge and extract the fingers of one IMAGE; slaps are cut into their fingers."""
    samples = _read(image, FingerPosition(position), rolled, dpi)
    if stages is not None:
        stages.mkdir(parents=True, exist_ok=True)
    found = [_extract(sample, stages) for sample in samples]
    if record is not None:
        record.write_bytes(iso.write_iso_2005([template for template, _ in found]))
    if as_json:
        click.echo(json.dumps([_describe(*one) for one in found]))
    else:
        _print(found)


def _read(
    image: Path, position: FingerPosition, rolled: bool, dpi: float | None
) -> tuple[FingerSample, ...]:
    impression = Impression.ROLLED if rolled else Impression.FLAT
    try:
        return formats.read_finger(
            image.read_bytes(), position=position, impression=impression, dpi=dpi
        )
    except formats.FormatRefused as error:
        raise click.ClickException(str(error)) from error


def _extract(sample: FingerSample, stages: Path | None) -> tuple[FingerTemplate, Quality]:
    trace = Collector() if stages is not None else None
    found = extract_finger(sample, trace=trace)
    if trace is not None and stages is not None:
        for number, (name, picture) in enumerate(trace.pictures().items(), 1):
            file = f"{sample.position:02d}-{number:02d}-{name.replace(' ', '-')}.png"
            cv2.imwrite(str(stages / file), picture)
    return found


def _describe(template: FingerTemplate, quality: Quality) -> dict[str, Any]:
    return {
        "position": int(template.position),
        "quality": quality.score,
        "components": dict(quality.components),
        "hint": quality.hint,
        "minutiae": len(template.minutiae),
        "model": template.model,
    }


def _print(found: list[tuple[FingerTemplate, Quality]]) -> None:
    table = Table("finger", "quality", "minutiae", "components", "hint", box=None)
    for template, quality in found:
        parts = ", ".join(f"{name} {value:.0f}" for name, value in quality.components.items())
        row = show.finger(template.position), str(quality.score), str(len(template.minutiae))
        table.add_row(*row, parts, quality.hint)
    show.console.print(table)


COMMANDS = (extract,)
