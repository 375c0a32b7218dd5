"""Events of a case, when its clock is read again, and returns. A released step never changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables of the case clock, and to every task the limit that it stands for."""
    op.create_table(
        "case_events",
        sa.Column("event_id", sa.String(), primary_key=True),
        _of_data_set(),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_index("case_events_reference_number", "case_events", ["reference_number"])
    op.create_table(
        "clocks",
        _of_data_set(primary_key=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("changes_at", sa.BigInteger(), nullable=True),
    )
    op.create_table(
        "return_events",
        sa.Column("event_id", sa.String(), primary_key=True),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("on_day", sa.BigInteger(), nullable=False),
    )
    op.add_column("tasks", sa.Column("rule", sa.String(), nullable=False, server_default=""))
    op.add_column("tasks", sa.Column("starts_at", sa.BigInteger(), nullable=True))


def _of_data_set(*, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(
        "reference_number",
        sa.String(),
        sa.ForeignKey("data_sets.reference_number"),
        primary_key=primary_key,
        nullable=False,
    )
