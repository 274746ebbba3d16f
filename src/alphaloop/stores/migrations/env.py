"""Run by Alembic: migrate over the connection that `stores.schema` hands in, inside its transaction."""

from __future__ import annotations

from alembic import context

from alphaloop.stores.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
