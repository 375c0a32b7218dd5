"""Searches for law enforcement and requests of data subjects. A released step never changes."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables of searches, of who read their answers, and of their records."""
    op.create_table(
        "searches",
        _of_data_set(primary_key=True),
        _text("category"),
        _text("state"),
        _text("requesting_unit"),
        _text("requester"),
        _text("verifying_unit"),
        _text("verifier"),
        _number("submitted_at"),
        _number("sent_at", nullable=True),
        _number("answered_at", nullable=True),
        sa.Column("needed", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.LargeBinary(), nullable=True),
        sa.Column("probe", sa.LargeBinary(), nullable=True),
    )
    op.create_table(
        "search_readers",
        _of_data_set(primary_key=True),
        _text("unit", primary_key=True),
        _text("user"),
        _number("read_at"),
        _text("erased_by"),
        _number("erased_at", nullable=True),
    )
    op.create_table(
        "search_authorisations",
        _of_data_set(primary_key=True),
        _text("hit_reference_number", primary_key=True),
        _text("recorded_by"),
        _number("recorded_at"),
    )
    op.create_table(
        "search_records",
        _of_data_set(primary_key=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )


def _text(name: str, *constraints: Any, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.String(), *constraints, **({"nullable": False} | options))


def _number(name: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), **({"nullable": False} | options))


def _of_data_set(**options: Any) -> sa.Column[str]:
    return _text("reference_number", sa.ForeignKey("data_sets.reference_number"), **options)
