"""Bring a database to the schema of this release."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from alphaloop.core.errors import InputError

MIGRATIONS = Path(__file__).with_name("migrations")


def migrate(connection: Connection, place: str, revision: str = "head") -> None:
    """Apply the missing migrations, all in the transaction of `connection`.

    Raises
    ------
    InputError
        If the database was written by a later release.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in {step.revision for step in script.walk_revisions()}:
        raise InputError(
            f"{place}: the state has schema {current!r}, later than this release knows "
            f"({script.get_current_head()!r}); use the release that wrote it, or another place with --state"
        )
    if current != script.get_current_head() or revision != "head":
        command.upgrade(config, revision)
