"""`python -m node.cli`: the same as `eurodac-node`."""

from node.cli import main

main(prog_name="eurodac-node")
