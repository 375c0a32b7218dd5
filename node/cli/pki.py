"""`eurodac-node pki`: certificates for a trial."""

from __future__ import annotations

from pathlib import Path

import click

from node.access import Role
from node.errors import PkiRefused
from node.pki import ACCESS_POINT, Subject, issue, make_authority, read_authority

FOLDER = click.Path(file_okay=False, path_type=Path)
CALLERS = tuple(role for role in Role if role is not Role.NODE)


@click.group("pki")
def pki() -> None:
    """Make certificates for a trial; a real installation brings its own authority's."""


@pki.command("init")
@click.option("--state", required=True, help="Letters of the Member State, for instance DK.")
@click.option("--folder", type=FOLDER, default=Path("pki"), show_default=True)
@click.option("--host", "hosts", multiple=True, default=("localhost", "127.0.0.1", "::1"))
@click.option(
    "--authority",
    type=FOLDER,
    help="Folder of an authority made before, so that several nodes and a centre trust each other.",
)
def init(state: str, folder: Path, hosts: tuple[str, ...], authority: Path | None) -> None:
    """Make an authority, the server's certificate, one per role, and the one for the centre.

    Callers are named after their role: capture_station, asylum_desk, fingerprint_expert ...
    """
    try:
        if authority is None:
            signer = make_authority(folder, f"Trial authority {state}")
        else:
            signer = read_authority(authority)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "ca.pem").write_bytes((authority / "ca.pem").read_bytes())
        subject = Subject(state, "Access point", "SERVER", hosts[0])
        issue(signer, folder, "server", subject=subject, hosts=hosts)
        issue(signer, folder, "nap", subject=Subject(state, "Access point", ACCESS_POINT, "node"))
        for role in CALLERS:
            name = role.lower()
            issue(signer, folder, name, subject=Subject(state, "Trial unit", role, f"trial-{name}"))
    except (PkiRefused, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"certificates for {state} are in {folder}")


@pki.command("issue")
@click.option("--folder", type=FOLDER, default=Path("pki"), show_default=True)
@click.option("--state", required=True, help="Letters of the Member State.")
@click.option("--unit", required=True, help="Unit of the user.")
@click.option("--role", type=click.Choice([*CALLERS]), required=True)
@click.option("--user", required=True, help="User id, unique in the State.")
def issue_command(folder: Path, state: str, unit: str, role: str, user: str) -> None:
    """Make a certificate for one more user of the authority in the folder."""
    try:
        issue(read_authority(folder), folder, user, subject=Subject(state, unit, role, user))
    except (PkiRefused, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(folder / f"{user}.pem")


COMMANDS = (pki,)
