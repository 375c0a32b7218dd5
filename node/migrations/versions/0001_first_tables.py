"""The first tables. Instants are microseconds since 1970. A released step never changes."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From nothing to the first tables."""
    _create_keys_and_counters()
    _create_data_sets()
    _create_biometrics()
    _create_requests_and_outbox()
    _create_casework()
    _create_notices_and_audit()


def _text(name: str, *constraints: Any, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.String(), *constraints, **({"nullable": False} | options))


def _number(name: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), **({"nullable": False} | options))


def _bytes(name: str, *, nullable: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=nullable)


def _of_data_set(**options: Any) -> sa.Column[str]:
    return _text("reference_number", sa.ForeignKey("data_sets.reference_number"), **options)


def _create_keys_and_counters() -> None:
    op.create_table("data_keys", _text("owner", primary_key=True), _bytes("wrapped"))
    op.create_table("counters", _text("name", primary_key=True), _number("value"))


def _create_data_sets() -> None:
    op.create_table(
        "data_sets",
        _text("reference_number", primary_key=True),
        _text("category"),
        _text("unit"),
        _text("delivery"),
        _text("finding", nullable=True),
        _text("refusal"),
        _number("revision"),
        _number("enrolled_at"),
        _number("transmitted_at", nullable=True),
        _number("retained_until", nullable=True),
        _number("erased_at", nullable=True),
        _bytes("content", nullable=True),
        _bytes("circumstances", nullable=True),
    )
    op.create_index("data_sets_retained_until", "data_sets", ["retained_until"])


def _create_biometrics() -> None:
    op.create_table("captures", _of_data_set(primary_key=True), _bytes("content"))
    op.create_table(
        "templates",
        _number("template_id", primary_key=True, autoincrement=False),
        _of_data_set(unique=True),
        _bytes("content"),
    )


def _create_requests_and_outbox() -> None:
    op.create_table(
        "requests",
        _text("unit", primary_key=True),
        _text("request_id", primary_key=True),
        _text("act"),
        _bytes("digest"),
        _text("owner"),
        _number("answered_at"),
        _bytes("answer", nullable=True),
    )
    op.create_index("requests_owner", "requests", ["owner"])
    op.create_table(
        "outbox",
        _text("parcel_id", primary_key=True),
        _number("place", unique=True),
        sa.Column("lane", sa.Integer(), nullable=False),
        _text("reference_number"),
        _text("owner"),
        _text("method"),
        _bytes("content"),
        _number("queued_at"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        _number("next_attempt_at"),
        sa.Column("aside", sa.Boolean(), nullable=False),
        _text("task_id"),
    )
    op.create_index("outbox_order", "outbox", ["lane", "place"])
    op.create_index("outbox_reference_number", "outbox", ["reference_number"])


def _create_casework() -> None:
    op.create_table(
        "hits",
        _text("hit_id", primary_key=True),
        _of_data_set(),
        sa.Column("rank", sa.Integer(), nullable=False),
        _text("hit_reference_number"),
        _text("state"),
        sa.Column("score", sa.Float(), nullable=False),
        _number("received_at"),
        _number("decided_at", nullable=True),
        _text("decided_by"),
        _bytes("content", nullable=True),
        _bytes("assessment", nullable=True),
    )
    op.create_index("hits_reference_number", "hits", ["reference_number"])
    op.create_table(
        "tasks",
        _text("task_id", primary_key=True),
        _text("reference_number"),
        _text("kind"),
        _text("what"),
        _text("article"),
        _number("opened_at"),
        _number("due", nullable=True),
        _text("hit_id"),
        _number("closed_at", nullable=True),
    )
    op.create_index("tasks_reference_number", "tasks", ["reference_number"])
    op.create_index("tasks_due", "tasks", ["closed_at", "due"])
    op.create_table(
        "extensions",
        _text("extension_id", primary_key=True),
        _text("kind"),
        _text("declared_by"),
        _number("declared_at"),
        _number("starts_at"),
        _number("ends_at", nullable=True),
    )
    op.create_table(
        "proposals",
        _text("proposal_id", primary_key=True),
        _of_data_set(),
        _text("proposed_by"),
        _number("proposed_at"),
        _text("approved_by"),
        _number("approved_at", nullable=True),
        _bytes("content", nullable=True),
    )


def _create_notices_and_audit() -> None:
    op.create_table(
        "unread_notices",
        _number("cursor", primary_key=True, autoincrement=False),
        _of_data_set(),
        _bytes("content"),
    )
    op.create_table(
        "audit",
        _number("number", primary_key=True, autoincrement=False),
        _number("at"),
        _text("state"),
        _text("unit"),
        _text("user"),
        _text("role"),
        _text("act"),
        _text("purpose"),
        _text("outcome"),
        _text("reference_number"),
        _text("detail"),
        _bytes("link"),
    )
    op.create_index("audit_reference_number", "audit", ["reference_number"])
