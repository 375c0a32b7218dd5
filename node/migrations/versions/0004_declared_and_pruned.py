"""Derogations and prolongations; records erased at their end. A released step never changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables of declarations, of anchors in the chain of records, and of holds on it."""
    op.create_table(
        "declared",
        _text("declared_id", primary_key=True),
        _text("kind"),
        _text("state"),
        _text("starts_on"),
        _text("ends_on"),
        _text("decision"),
        _text("prolonged"),
        _text("replaces"),
        _text("proposed_by"),
        _number("proposed_at"),
        _text("approved_by"),
        _number("approved_at", nullable=True),
        _text("stand"),
    )
    op.create_table(
        "audit_anchors",
        _number("first", primary_key=True),
        _number("last"),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
    )
    op.create_index("audit_anchors_last", "audit_anchors", ["last"], unique=True)
    op.create_index("audit_at", "audit", ["at"])
    op.create_table(
        "monitoring",
        _text("hold_id", primary_key=True),
        _text("reference_number"),
        _text("begun_by"),
        _number("begun_at"),
        _text("ended_by"),
        _number("ended_at", nullable=True),
    )


def _text(name: str, *, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), primary_key=primary_key, nullable=False)


def _number(name: str, *, primary_key: bool = False, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(
        name, sa.BigInteger(), primary_key=primary_key, autoincrement=False, nullable=nullable
    )
