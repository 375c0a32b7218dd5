"""Command line of the stand-in: `eurodac-central serve`."""

from __future__ import annotations

import json
import logging
from datetime import date
from pathlib import Path

import click

from interfaces.central.centre import Thresholds
from interfaces.central.ledger import Ledger
from interfaces.central.prolongation import prolong
from interfaces.central.script import Script, ScriptRefused, read_script
from interfaces.central.server import open_centre, serve
from interfaces.doorway import Ending, TlsFiles
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.policy import Policy
from matcher.engine import Engine
from matcher.errors import ModelUnavailable

DEFAULT_MODELS = Path(__file__).resolve().parents[2] / "models" / "prepared"

READABLE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group()
def main() -> None:
    """A stand-in for the central system: real messages, real rules, scripted faults.

    It keeps its ledger unsealed and is meant for trials with synthetic persons.
    """


@main.command("serve")
@click.option("--folder", type=FOLDER, required=True, help="Where the ledger is kept.")
@click.option(
    "--address", default="127.0.0.1:7400", show_default=True, help="host:port to listen at"
)
@click.option("--certificate", type=READABLE, help="PEM certificate of this server.")
@click.option("--key", type=READABLE, help="PEM key of this server.")
@click.option("--authorities", type=READABLE, help="PEM authorities of the access points.")
@click.option("--unsafe-plaintext", is_flag=True, help="No TLS; callers name their own State.")
@click.option("--script", "script_file", type=READABLE, help="TOML file of faults to play.")
@click.option("--models", type=FOLDER, default=DEFAULT_MODELS, help="Prepared models.")
@click.option("--hit-score", type=float, default=Thresholds().hit_score, show_default=True)
@click.option("--compare-faces", is_flag=True, help="As after the switch of Art. 63(5).")
@click.option(
    "--interoperability", is_flag=True, help="Signal and links with other systems: a first cut."
)
def serve_command(
    folder: Path,
    address: str,
    certificate: Path | None,
    key: Path | None,
    authorities: Path | None,
    unsafe_plaintext: bool,
    script_file: Path | None,
    models: Path,
    hit_score: float,
    compare_faces: bool,
    interoperability: bool,
) -> None:
    """Serve until SIGTERM or SIGINT; says `ready` with its port as one JSON line."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    tls = _tls(certificate, key, authorities, unsafe_plaintext)
    try:
        script = read_script(script_file) if script_file else Script()
        engine = Engine.open(models)
    except (ScriptRefused, ModelUnavailable) as error:
        raise click.ClickException(str(error)) from error
    policy = Policy(
        face_comparison_from=date.min if compare_faces else None,
        interoperability_from=date.min if interoperability else None,
    )
    try:
        centre = open_centre(
            folder,
            engine,
            policy=policy,
            thresholds=Thresholds(hit_score=hit_score),
            script=script,
        )
        serving = serve(centre, address, tls=tls)
    except OSError as error:
        raise click.ClickException(str(error)) from error
    ending = Ending()
    click.echo(json.dumps({"ready": True, "port": serving.doorway.port}))
    ending.wait()
    serving.stop()


@main.command("prolong")
@click.option("--folder", type=FOLDER, required=True, help="Where the ledger is kept.")
@click.option("--prolonged", required=True, help="Reference of the decision, as data sets have it.")
@click.option("--decision", required=True, help="Reference of the decision that prolongs it.")
def prolong_command(folder: Path, prolonged: str, decision: str) -> None:
    """Prolong temporary protection by a year, while the stand-in does not serve."""
    try:
        ledger = Ledger(folder / "central.sqlite")
    except OSError as error:
        raise click.ClickException(str(error)) from error
    try:
        click.echo(f"{prolong(ledger, prolonged, decision)} data sets are kept longer")
    except RuleBroken as error:
        raise click.ClickException(str(error)) from error
    finally:
        ledger.close()


@main.command("check-script")
@click.argument("file", type=READABLE)
def check_script(file: Path) -> None:
    """Say whether a script of faults can be played."""
    try:
        script = read_script(file)
    except ScriptRefused as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{len(script.faults)} faults, well formed")


def _tls(
    certificate: Path | None, key: Path | None, authorities: Path | None, plaintext: bool
) -> TlsFiles | None:
    if plaintext:
        return None
    if certificate is None or key is None or authorities is None:
        raise click.UsageError(
            "give --certificate, --key and --authorities (made by `eurodac-node pki init`), "
            "or --unsafe-plaintext for a trial on one machine"
        )
    return TlsFiles(certificate, key, authorities)


if __name__ == "__main__":
    main()
