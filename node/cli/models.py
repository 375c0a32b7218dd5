"""`eurodac-node models`: prepare and list the nets, and apply new ones to what is stored."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import click
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from matcher.engine import Engine
from matcher.errors import MatcherError
from models.prepare import MANIFEST, PREPARED, prepare
from node.assembly import Node, close, open_node
from node.cli.serving import SETTINGS, explaining
from node.reembedding import Reembedded, re_embed
from node.settings import read_settings

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group("models")
def models() -> None:
    """Prepare and list the nets that the matcher loads; apply new ones to what is stored."""


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


@models.command("compile")
@click.option("--models", "folder", type=FOLDER, default=PREPARED, help="Folder of prepared nets.")
def compile_command(folder: Path) -> None:
    """Compile the kernels for this processor, once; every later start finds them.

    A start without them does the same, and is ready a minute or two later.
    """
    with Progress(console=Console(stderr=True), transient=True) as bar:
        bar.add_task("kernels", total=None)
        with explaining():
            Engine.open(folder)
    click.echo(f"kernels are ready in {os.environ['NUMBA_CACHE_DIR']}")


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


@models.command("re-embed")
@SETTINGS
@click.option(
    "--leave-out",
    is_flag=True,
    help="Erase templates whose capture is unreadable, and open a task to retake each.",
)
def re_embed_command(settings_file: Path | None, leave_out: bool) -> None:
    """Make all stored templates anew after the models changed, from the stored captures.

    The node must be stopped. Cut off, it is run again and goes on where it was. Exit status 1
    where captures are unreadable and their templates were not left out.
    """
    with explaining():
        settings = read_settings(settings_file)
        engine = Engine.open(settings.models or PREPARED)
        node = open_node(settings, engine=engine, searchable=False)
        try:
            made = _re_embed_with_bar(node, leave_out)
        finally:
            close(node)
    click.echo(f"{made.recomputed} templates made anew, {made.current} were current")
    if not made.unreadable:
        return
    click.echo(f"{len(made.unreadable)} captures cannot be read: {' '.join(made.unreadable)}")
    if made.left_out:
        click.echo("their templates are erased and tasks ask for new biometrics")
        return
    click.echo(
        "their templates of the old models remain, and the node does not start with them; "
        "run again with --leave-out to erase these templates and have the biometrics taken again"
    )
    raise SystemExit(1)


def _re_embed_with_bar(node: Node, leave_out: bool) -> Reembedded:
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("templates", total=None)
        return re_embed(
            node,
            leave_out=leave_out,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


def _archive_name() -> str:
    name: str = tomllib.loads(MANIFEST.read_text())["source"]["face_recognition_models"]["archive"]
    return name


COMMANDS = (models,)
