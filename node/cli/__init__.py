"""Command line of the node: `eurodac-node`.

serve, vault, sweep, audit        run a node
pki, models                       set it up
enrol, recapture, search, compare, case, due, decide, status, health
                                  call a node as a station, desk or expert does
demo                              all of it, in one minute
"""

from __future__ import annotations

import click

from node.cli import demo, models, pki, serving, stations


@click.group()
@click.version_option(package_name="eurodac-node")
def main() -> None:
    """A national access point for biometric matching in the style of Eurodac."""


for command in (*serving.COMMANDS, *pki.COMMANDS, *models.COMMANDS, *stations.COMMANDS, demo.demo):
    main.add_command(command)
