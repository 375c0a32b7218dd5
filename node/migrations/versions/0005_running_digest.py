"""The running digest of the references, and a hash beside each. A released step never changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NAME = "references"
"""The only row of its table."""


def upgrade() -> None:
    """Add table and column; an empty store has the empty sum, others are summed at the next start.

    No step has the key that opens a reference, and the next start opens each of them anyway.
    """
    op.add_column("templates", sa.Column("digest", sa.LargeBinary(), nullable=True))
    digests = op.create_table(
        "gallery_digests",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("value", sa.LargeBinary(), nullable=False),
    )
    connection = op.get_bind()
    if not connection.execute(sa.text("SELECT count(*) FROM templates")).scalar_one():
        # 32 zeros: the sum of nothing.
        connection.execute(sa.insert(digests).values(name=NAME, value=bytes(32)))
