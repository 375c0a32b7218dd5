"""Called by alembic: run the steps on the transaction that `node.schema.migrate` opened."""

from __future__ import annotations

from alembic import context

from node.schema import METADATA

# Whoever imports this file outside of a migration, a collector of doctests for instance, finds
# no context and runs nothing.
if hasattr(context, "config"):
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=METADATA,
        transactional_ddl=True,
        render_as_batch=True,
    )
    context.run_migrations()
