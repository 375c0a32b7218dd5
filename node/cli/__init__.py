"""Command line of the node: `eurodac-node`.

serve, vault, sweep, audit        run a node
pki, models                       set it up
enrol, recapture, obstacle, quality, search, compare, case, due, decide, status, health
                                  call a node as a station, desk or expert does
clock, event, withdraw-event, return-event, indicators
                                  the clock of a case, and returns
esp, links                        signal for law enforcement; links to other systems
propose-declaration, approve-declaration, declarations, begin-monitoring, end-monitoring
                                  supervision and oversight
demo                              all of it, in one minute
"""

from __future__ import annotations

import click

from node.cli.clocks import COMMANDS as CLOCKS
from node.cli.crossings import COMMANDS as CROSSINGS
from node.cli.demo import demo
from node.cli.fingers import COMMANDS as FINGERS
from node.cli.models import COMMANDS as MODELS
from node.cli.pki import COMMANDS as PKI
from node.cli.serving import COMMANDS as SERVING
from node.cli.stations import COMMANDS as STATIONS
from node.cli.supervision import COMMANDS as SUPERVISION


@click.group()
@click.version_option(package_name="eurodac-node")
def main() -> None:
    """A national access point for biometric matching in the style of Eurodac."""


for command in (
    *SERVING,
    *PKI,
    *MODELS,
    *STATIONS,
    *CLOCKS,
    *SUPERVISION,
    *FINGERS,
    *CROSSINGS,
    demo,
):
    main.add_command(command)
