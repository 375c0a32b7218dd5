"""`eurodac-node models`: prepare and list the nets that the matcher loads."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from matcher.errors import MatcherError
from models.prepare import MANIFEST, PREPARED, prepare

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group("models")
def models() -> None:
    """Prepare and list the nets that the matcher loads."""


@models.command("prepare")
@click.option(
    "--weights",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="The source archive of the weights, or the folder that holds it.",
)
@click.option("--into", type=FOLDER, default=PREPARED, help="Folder of the prepared nets.")
def prepare_command(weights: Path, into: Path) -> None:
    """Convert published weights once; every file is accepted by its hash alone."""
    archive = weights / _archive_name() if weights.is_dir() else weights
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("models", total=None)
        try:
            made = prepare(
                archive,
                into,
                progress=lambda what, done, total: bar.update(
                    task, description=what, completed=done, total=total or 1
                ),
            )
        except MatcherError as error:
            raise click.ClickException(str(error)) from error
    for path in made:
        click.echo(path)


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
def list_models(as_json: bool) -> None:
    """Show every net of the manifest: what it is, its licence and hash."""
    entries = tomllib.loads(MANIFEST.read_text())["model"]
    if as_json:
        click.echo(json.dumps(entries))
        return
    table = Table("id", "what", "licence", "dimension", "sha256")
    for entry in entries:
        row = (entry[key] for key in ("id", "what", "licence", "dimension"))
        table.add_row(*map(str, row), entry["sha256"][:16])
    Console().print(table)


def _archive_name() -> str:
    name: str = tomllib.loads(MANIFEST.read_text())["source"]["face_recognition_models"]["archive"]
    return name


COMMANDS = (models,)
