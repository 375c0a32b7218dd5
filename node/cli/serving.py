"""Commands that run a node where its store lies: serve, vault, sweep, audit, health."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from interfaces.central.errors import CentralError
from interfaces.doorway import Ending
from matcher.engine import Engine
from matcher.errors import ModelUnavailable
from models.prepare import PREPARED
from node import custody, pruning, server
from node.assembly import Node, close, open_node
from node.errors import NodeError
from node.settings import Settings, read_settings
from node.station import Identity, Station
from node.store import open_store, records
from node.vault import create_key_file, open_vault

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)

SETTINGS = click.option(
    "--settings",
    "settings_file",
    type=FILE,
    help="TOML file; EURODAC_* variables override it and can do without.",
)


@contextmanager
def explaining() -> Iterator[None]:
    """Errors of the trade as one line for the operator."""
    try:
        yield
    except (NodeError, ModelUnavailable, CentralError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _open(settings: Settings) -> Node:
    engine = Engine.open(settings.models or PREPARED)
    return open_node(settings, engine=engine)


@click.command()
@SETTINGS
def serve(settings_file: Path | None) -> None:
    """Serve until SIGTERM or SIGINT; says `ready` with its port as one JSON line."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    with explaining():
        node = _open(read_settings(settings_file))
        # Not before: until here a signal ends the process at once, and nothing is lost by that.
        ending = Ending()
        with server.serve(node) as serving:
            click.echo(json.dumps({"ready": True, "port": serving.doorway.port}))
            ending.wait()


@click.group()
def vault() -> None:
    """The key that seals everything that is stored."""


@vault.command("init")
@SETTINGS
def init(settings_file: Path | None) -> None:
    """Draw the node's key and write it to the key file; without it the store cannot be read."""
    with explaining():
        settings = read_settings(settings_file)
        settings.vault_key.parent.mkdir(parents=True, exist_ok=True)
        create_key_file(settings.vault_key)
    click.echo(f"key written to {settings.vault_key}; keep a copy where the store is not")


@click.command()
@SETTINGS
def sweep(settings_file: Path | None) -> None:
    """Erase data sets and records past their time; a serving node does so by itself."""
    with explaining():
        node = _open(read_settings(settings_file))
        try:
            click.echo(f"{custody.sweep(node)} data sets erased")
            click.echo(f"{pruning.prune(node)} records erased")
        finally:
            close(node)


@click.group()
def audit() -> None:
    """The chain of records of who did what."""


@audit.command("verify")
@SETTINGS
def verify(settings_file: Path | None) -> None:
    """Check the whole chain; exit status 1 where a link is broken."""
    with explaining():
        settings = read_settings(settings_file)
        key = open_vault(settings.vault_key)
        store = open_store(settings.store_url, key, member_state=settings.member_state)
        try:
            with store.read() as transaction:
                verdict = records.check(transaction)
        finally:
            store.close()
    if verdict.broken_at is not None:
        click.echo(f"the chain is broken at record {verdict.broken_at}")
        raise SystemExit(1)
    click.echo(f"{verdict.entries} records, unbroken up to {verdict.head.hex()}")
    if verdict.erased:
        places = f"{verdict.anchors} sealed {'place' if verdict.anchors == 1 else 'places'}"
        click.echo(f"{verdict.erased} records erased at the end of their time, in {places}")


@click.command()
@click.option("--node", "address", default="127.0.0.1:7443", show_default=True)
@click.option("--pki", type=FOLDER, default=Path("pki"), show_default=True)
@click.option("--as", "name", default="administrator", show_default=True, help="certificate")
@click.option("--unsafe-plaintext", is_flag=True)
def health(address: str, pki: Path, name: str, unsafe_plaintext: bool) -> None:
    """Ask whether the node is ready to serve; exit status 1 where it is not."""
    with explaining():
        identity = None if unsafe_plaintext else Identity.in_folder(pki, name)
        station = Station(address, identity=identity)
        healthy = station.is_healthy(timeout=3.0)
        station.close()
    click.echo("serving" if healthy else "not serving")
    if not healthy:
        raise SystemExit(1)


COMMANDS = (serve, vault, sweep, audit, health)
