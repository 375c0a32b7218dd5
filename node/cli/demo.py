"""`eurodac-node demo`: two nodes, one centre, real messages, from captures to hits."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

import click
from google.protobuf import json_format
from rich.table import Table

from models.prepare import PREPARED
from node import show
from node.demo.cast import Cast, CastError, real_cast, synthetic_cast
from node.demo.pictures import draw_all
from node.demo.stage import StageError, set_up
from node.demo.story import DENMARK, ITALY, Findings, Teller
from node.station import StationError

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option(
    "--captures",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with fingerprints/, faces/ and nist/ of real samples; default: synthetic persons.",
)
@click.option("--out", type=FOLDER, default=Path("demo-out"), show_default=True)
@click.option("--models", type=FOLDER, default=PREPARED, help="Prepared models.")
@click.option(
    "--json", "as_json", is_flag=True, help="The findings as one JSON document at the end."
)
def demo(captures: Path | None, out: Path, models: Path, as_json: bool) -> None:
    """Show the main job: captures, quality, clocks, transmission, hits with flag and marks.

    Stores, keys and certificates lie in a temporary folder that is removed at the end; pictures,
    logs and the summary stay in the folder OUT.
    """
    if as_json:
        show.console.file = sys.stderr
    try:
        cast = real_cast(captures, _say) if captures else synthetic_cast(_say)
        findings = _play(cast, out, models)
    except (CastError, StageError, StationError) as error:
        raise click.ClickException(str(error)) from error
    pictures = draw_all(out / "pictures", models, cast.traveller)
    _summarise(findings, cast, out, pictures)
    if as_json:
        click.echo(json.dumps(_as_json(findings)))
    if not _complete(findings):
        raise click.ClickException("the demo did not come to what it promises; see the logs")


def _say(text: str) -> None:
    show.console.print(text)


def _play(cast: Cast, out: Path, models: Path) -> Findings:
    out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="eurodac-demo-"))
    try:
        show.console.print("starting one centre and the nodes of Italy and Denmark")
        stage = set_up(folder, (ITALY, DENMARK), models.resolve())
        try:
            stage.start()
            return Teller(stage, cast).tell()
        finally:
            stage.stop()
    finally:
        for log in folder.glob("*.log"):
            shutil.copy(log, out / log.name)
        shutil.rmtree(folder)


def _complete(findings: Findings) -> bool:
    """Whether all that the demo promises has happened."""
    every_hit = findings.hits and all(findings.hits.values())
    return bool(
        every_hit
        and findings.negatives
        and findings.refused_then_accepted
        and findings.survived_outage
    )


def _summarise(findings: Findings, cast: Cast, out: Path, pictures: list[Path]) -> None:
    table = Table("what was to be shown", "what was seen", title="Summary", show_lines=False)
    table.add_row("captures", cast.source)
    for number, hits in findings.hits.items():
        for hit in hits:
            found = hit.data_set
            flag = ", security flag" if found.security_flag else ""
            marks = f", {len(found.marks)} mark" if found.marks else ""
            seen = f"{found.reference_number} of {found.origin}, score {hit.score:.0f}{flag}{marks}"
            table.add_row(f"{number} hits", seen)
            table.add_row("next legal step", f"{hit.next_step} ({hit.next_step_article})")
    table.add_row("seen for the first time", f"{len(findings.negatives)} times negative")
    table.add_row(
        "refused for quality, then accepted", findings.refused_then_accepted or "NOT SEEN"
    )
    table.add_row("taken while the centre was down", findings.survived_outage or "NOT SEEN")
    for picture in pictures:
        table.add_row("picture", str(picture))
    show.console.print(table)
    with (out / "summary.txt").open("w") as file:
        plain = type(show.console)(file=file, width=120)
        plain.print(table)


def _as_json(findings: Findings) -> dict[str, object]:
    return {
        "hits": {
            number: [json_format.MessageToDict(hit) for hit in hits]
            for number, hits in findings.hits.items()
        },
        "negatives": findings.negatives,
        "refused_then_accepted": findings.refused_then_accepted,
        "survived_outage": findings.survived_outage,
        "complete": _complete(findings),
    }
