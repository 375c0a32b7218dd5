"""The tables of the store, and how a database comes to have them.

Plain columns hold what the node must sort, join and count by: numbers, categories, states and
instants. Everything about the person is in columns of type `LargeBinary` sealed by the vault.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
)

from node.database import Database
from node.errors import StoreUnusable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware instant as whole microseconds since 1970, so that order and equality are exact."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Dialect) -> int | None:
        """Microseconds of an aware instant."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, _: Dialect) -> datetime | None:
        """The instant, in UTC."""
        return None if value is None else _EPOCH + value * _MICROSECOND


METADATA = MetaData()

data_keys = Table(
    "data_keys",
    METADATA,
    Column("owner", String, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)

counters = Table(
    "counters",
    METADATA,
    Column("name", String, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

data_sets = Table(
    "data_sets",
    METADATA,
    Column("reference_number", String, primary_key=True),
    Column("category", String, nullable=False),
    Column("unit", String, nullable=False),
    Column("delivery", String, nullable=False),
    Column("finding", String),
    Column("refusal", String, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("enrolled_at", Instant, nullable=False),
    Column("transmitted_at", Instant),
    Column("retained_until", Instant),
    Column("erased_at", Instant),
    Column("content", LargeBinary),
    Column("circumstances", LargeBinary),
    Index("data_sets_retained_until", "retained_until"),
)

captures = Table(
    "captures",
    METADATA,
    Column(
        "reference_number",
        ForeignKey("data_sets.reference_number"),
        primary_key=True,
    ),
    Column("content", LargeBinary, nullable=False),
)

templates = Table(
    "templates",
    METADATA,
    Column("template_id", BigInteger, primary_key=True, autoincrement=False),
    Column(
        "reference_number",
        ForeignKey("data_sets.reference_number"),
        nullable=False,
        unique=True,
    ),
    Column("content", LargeBinary, nullable=False),
    Column("digest", LargeBinary),
)

gallery_digests = Table(
    "gallery_digests",
    METADATA,
    Column("name", String, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

requests = Table(
    "requests",
    METADATA,
    Column("unit", String, primary_key=True),
    Column("request_id", String, primary_key=True),
    Column("act", String, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("owner", String, nullable=False),
    Column("answered_at", Instant, nullable=False),
    Column("answer", LargeBinary),
    Index("requests_owner", "owner"),
)

outbox = Table(
    "outbox",
    METADATA,
    Column("parcel_id", String, primary_key=True),
    Column("place", BigInteger, nullable=False, unique=True),
    Column("lane", Integer, nullable=False),
    Column("reference_number", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("method", String, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("queued_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("next_attempt_at", Instant, nullable=False),
    Column("aside", Boolean, nullable=False),
    Column("task_id", String, nullable=False),
    Index("outbox_order", "lane", "place"),
    Index("outbox_reference_number", "reference_number"),
)

hits = Table(
    "hits",
    METADATA,
    Column("hit_id", String, primary_key=True),
    Column(
        "reference_number",
        ForeignKey("data_sets.reference_number"),
        nullable=False,
    ),
    Column("rank", Integer, nullable=False),
    Column("hit_reference_number", String, nullable=False),
    Column("state", String, nullable=False),
    Column("score", Float, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("decided_at", Instant),
    Column("decided_by", String, nullable=False),
    Column("content", LargeBinary),
    Column("assessment", LargeBinary),
    Index("hits_reference_number", "reference_number"),
)

tasks = Table(
    "tasks",
    METADATA,
    Column("task_id", String, primary_key=True),
    Column("reference_number", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("what", String, nullable=False),
    Column("article", String, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("due", Instant),
    Column("hit_id", String, nullable=False),
    Column("closed_at", Instant),
    Column("rule", String, nullable=False, server_default=""),
    Column("starts_at", Instant),
    Index("tasks_reference_number", "reference_number"),
    Index("tasks_due", "closed_at", "due"),
)

extensions = Table(
    "extensions",
    METADATA,
    Column("extension_id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("declared_by", String, nullable=False),
    Column("declared_at", Instant, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant),
)

proposals = Table(
    "proposals",
    METADATA,
    Column("proposal_id", String, primary_key=True),
    Column(
        "reference_number",
        ForeignKey("data_sets.reference_number"),
        nullable=False,
    ),
    Column("proposed_by", String, nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("approved_by", String, nullable=False),
    Column("approved_at", Instant),
    Column("content", LargeBinary),
)

unread_notices = Table(
    "unread_notices",
    METADATA,
    Column("cursor", BigInteger, primary_key=True, autoincrement=False),
    Column(
        "reference_number",
        ForeignKey("data_sets.reference_number"),
        nullable=False,
    ),
    Column("content", LargeBinary, nullable=False),
)

searches = Table(
    "searches",
    METADATA,
    Column("reference_number", ForeignKey("data_sets.reference_number"), primary_key=True),
    Column("category", String, nullable=False),
    Column("state", String, nullable=False),
    Column("requesting_unit", String, nullable=False),
    Column("requester", String, nullable=False),
    Column("verifying_unit", String, nullable=False),
    Column("verifier", String, nullable=False),
    Column("submitted_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("answered_at", Instant),
    Column("needed", Boolean, nullable=False),
    Column("reasons", LargeBinary),
    Column("probe", LargeBinary),
)

search_readers = Table(
    "search_readers",
    METADATA,
    Column("reference_number", ForeignKey("data_sets.reference_number"), primary_key=True),
    Column("unit", String, primary_key=True),
    Column("user", String, nullable=False),
    Column("read_at", Instant, nullable=False),
    Column("erased_by", String, nullable=False),
    Column("erased_at", Instant),
)

search_authorisations = Table(
    "search_authorisations",
    METADATA,
    Column("reference_number", ForeignKey("data_sets.reference_number"), primary_key=True),
    Column("hit_reference_number", String, primary_key=True),
    Column("recorded_by", String, nullable=False),
    Column("recorded_at", Instant, nullable=False),
)

search_records = Table(
    "search_records",
    METADATA,
    Column("reference_number", ForeignKey("data_sets.reference_number"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

case_events = Table(
    "case_events",
    METADATA,
    Column("event_id", String, primary_key=True),
    Column(
        "reference_number",
        ForeignKey("data_sets.reference_number"),
        nullable=False,
    ),
    Column("recorded_at", Instant, nullable=False),
    Column("recorded_by", String, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("case_events_reference_number", "reference_number"),
)

clocks = Table(
    "clocks",
    METADATA,
    Column(
        "reference_number",
        ForeignKey("data_sets.reference_number"),
        primary_key=True,
    ),
    Column("revision", BigInteger, nullable=False),
    Column("changes_at", Instant),
)

return_events = Table(
    "return_events",
    METADATA,
    Column("event_id", String, primary_key=True),
    Column("event", String, nullable=False),
    Column("on_day", Instant, nullable=False),
)

audit = Table(
    "audit",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("state", String, nullable=False),
    Column("unit", String, nullable=False),
    Column("user", String, nullable=False),
    Column("role", String, nullable=False),
    Column("act", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("reference_number", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("link", LargeBinary, nullable=False),
    Index("audit_reference_number", "reference_number"),
    Index("audit_at", "at"),
)

audit_anchors = Table(
    "audit_anchors",
    METADATA,
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("link", LargeBinary, nullable=False),
    Column("seal", LargeBinary, nullable=False),
    Index("audit_anchors_last", "last", unique=True),
)

monitoring = Table(
    "monitoring",
    METADATA,
    Column("hold_id", String, primary_key=True),
    Column("reference_number", String, nullable=False),
    Column("begun_by", String, nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("ended_by", String, nullable=False),
    Column("ended_at", Instant),
)

declared = Table(
    "declared",
    METADATA,
    Column("declared_id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("state", String, nullable=False),
    Column("starts_on", String, nullable=False),
    Column("ends_on", String, nullable=False),
    Column("decision", String, nullable=False),
    Column("prolonged", String, nullable=False),
    Column("replaces", String, nullable=False),
    Column("proposed_by", String, nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("approved_by", String, nullable=False),
    Column("approved_at", Instant),
    Column("stand", String, nullable=False),
)


def migrate(database: Database) -> None:
    """Bring a database from any earlier schema, or from nothing, to this program's; all or nothing.

    Raises StoreUnusable when the database was written by a newer program.
    """
    with database.write() as connection:
        config = _configure(connection)
        found = MigrationContext.configure(connection).get_current_revision()
        if found is not None and not _is_known(config, found):
            raise StoreUnusable("the store was written by a newer program; update this one")
        command.upgrade(config, "head")


def _configure(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("node") / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _is_known(config: Config, revision: str) -> bool:
    try:
        return ScriptDirectory.from_config(config).get_revision(revision) is not None
    except CommandError:
        return False
