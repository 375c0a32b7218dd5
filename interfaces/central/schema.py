"""Tables of the stand-in's ledger. Instants are whole microseconds since 1970, UTC."""

import sqlalchemy as sa

metadata = sa.MetaData()

requests = sa.Table(
    "requests",
    metadata,
    sa.Column("state", sa.String, primary_key=True),
    sa.Column("request_id", sa.String, primary_key=True),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("response", sa.LargeBinary, nullable=False),
)

data_sets = sa.Table(
    "data_sets",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("reference_number", sa.String, nullable=False, unique=True),
    sa.Column("origin", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("message", sa.LargeBinary, nullable=False),
    sa.Column("capture", sa.LargeBinary, nullable=False),
    sa.Column("template", sa.LargeBinary),
    sa.Column("retained_until", sa.Integer, nullable=False, index=True),
    sqlite_autoincrement=True,  # an erased data set's id, known to galleries, never comes back
)

graves = sa.Table(
    "graves",
    metadata,
    sa.Column("reference_number", sa.String, primary_key=True),
    sa.Column("kept_until", sa.Integer, nullable=False, index=True),
)

arrivals = sa.Table(
    "arrivals",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("reference_number", sa.String, nullable=False, index=True),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("urgent", sa.Boolean, nullable=False),
    sa.Column("include_own", sa.Boolean, nullable=False),
    sa.Column("arrived_at", sa.Integer, nullable=False),
    sa.Column("compare_by", sa.Integer, nullable=False),
    sa.Column("payload", sa.LargeBinary),
    sa.Column("examined_at", sa.Integer, index=True),
    sqlite_autoincrement=True,
)

links = sa.Table(
    "links",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("reference_number", sa.String, nullable=False),
    sa.Column("hit_reference_number", sa.String, nullable=False, index=True),
    sa.Column("state", sa.String, nullable=False),
    sa.UniqueConstraint("reference_number", "hit_reference_number"),
)

notices = sa.Table(
    "notices",
    metadata,
    sa.Column("state", sa.String, primary_key=True),
    sa.Column("cursor", sa.Integer, primary_key=True),
    sa.Column("message", sa.LargeBinary, nullable=False),
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("state", sa.String, primary_key=True),
    sa.Column("issued", sa.Integer, nullable=False),
    sa.Column("acknowledged", sa.Integer, nullable=False),
)

epochs = sa.Table(
    "epochs",
    metadata,
    sa.Column("epoch", sa.Integer, primary_key=True),
)

occurrences = sa.Table(
    "occurrences",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.Integer, nullable=False, index=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
)

foreign_records = sa.Table(
    "foreign_records",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("system", sa.String, nullable=False),
    sa.Column("number", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("identity", sa.LargeBinary, nullable=False),
    sa.Column("template", sa.LargeBinary),
    sa.UniqueConstraint("system", "number"),
    sqlite_autoincrement=True,
)

identity_links = sa.Table(
    "identity_links",
    metadata,
    sa.Column("link_id", sa.String, primary_key=True),
    sa.Column("reference_number", sa.String, nullable=False),
    sa.Column("record_id", sa.Integer, nullable=False, index=True),
    sa.Column("trigger", sa.String, nullable=False),
    sa.Column("biometrics", sa.String, nullable=False),
    sa.Column("identity", sa.String, nullable=False),
    sa.Column("document", sa.String, nullable=False),
    sa.Column("verdict", sa.String, nullable=False),
    sa.Column("created_at", sa.Integer, nullable=False),
    sa.Column("changed_at", sa.Integer, nullable=False),
    sa.UniqueConstraint("reference_number", "record_id"),
)

prolongations = sa.Table(
    "prolongations",
    metadata,
    sa.Column("prolonged", sa.String, primary_key=True),
    sa.Column("decision", sa.String, primary_key=True),
)
