"""What the SQLite store adds to the contract: migrations, durability, one process, clear refusals."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from alphaloop.core.errors import InputError
from alphaloop.stores.contract import Checkpoint, Event
from alphaloop.stores.schema import migrate
from alphaloop.stores.sqlite import open_sqlite
from alphaloop.stores.tables import metadata


@pytest.fixture
def state(tmp_path):
    return tmp_path / "deep" / "state.db"


def layout(connection):
    tables = [name for (name,) in connection.exec_driver_sql("select name from sqlite_master where type = 'table'")]
    return {
        name: (
            connection.exec_driver_sql(f"pragma table_info({name})").fetchall(),
            connection.exec_driver_sql(f"pragma foreign_key_list({name})").fetchall(),
        )
        for name in tables
        if name != "alembic_version"
    }


def test_migrations_in_order_lead_to_the_tables():
    migrated, declared = create_engine("sqlite://"), create_engine("sqlite://")
    with migrated.begin() as one, declared.begin() as other:
        migrate(one, "test")
        metadata.create_all(other)
        assert compare_metadata(MigrationContext.configure(one), metadata) == []
        assert layout(one) == layout(other)
        assert layout(one).keys() == metadata.tables.keys()
    migrated.dispose()
    declared.dispose()


def test_migrating_again_changes_nothing(state):
    for _ in range(2):
        open_sqlite(state).close()
    with sqlite3.connect(state) as connection:
        assert connection.execute("select version_num from alembic_version").fetchall() == [("0001",)]
    connection.close()


def test_every_commit_is_on_disk(state):
    with open_sqlite(state) as store, store._engine.connect() as connection:
        assert connection.exec_driver_sql("pragma journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("pragma synchronous").scalar() == 2
        assert connection.exec_driver_sql("pragma foreign_keys").scalar() == 1


def test_a_migration_that_dies_half_way_leaves_nothing(state, monkeypatch):
    from alembic import op

    created = op.create_table

    def dying(name, *columns, **options):
        if name == "checkpoints":
            raise KeyboardInterrupt
        return created(name, *columns, **options)

    monkeypatch.setattr(op, "create_table", dying)
    with pytest.raises(KeyboardInterrupt):
        open_sqlite(state)
    monkeypatch.undo()
    with sqlite3.connect(state) as connection:
        assert connection.execute("select count(*) from sqlite_master").fetchone() == (0,)
    connection.close()
    with open_sqlite(state) as store:
        assert store.runs() == []


def test_another_process_is_kept_out_until_the_first_one_ends(state):
    code = "import sys; from alphaloop.stores.sqlite import open_sqlite; open_sqlite(sys.argv[1])"
    with open_sqlite(state):
        second = subprocess.run([sys.executable, "-c", code, str(state)], capture_output=True, text=True, check=False)
        assert "InputError" in second.stderr
        assert "in use by process" in second.stderr
    assert subprocess.run([sys.executable, "-c", code, str(state)], check=False).returncode == 0


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to look at" * 50, b"SQLite format 3\0" + b"\7" * 4000]
)
def test_other_files_are_refused(state, content):
    state.parent.mkdir()
    state.write_bytes(content)
    for _ in range(2):
        with pytest.raises(InputError, match="not a state file of alphaloop"):
            open_sqlite(state)
    assert state.read_bytes() == content


def test_a_file_of_a_later_release_is_refused(state):
    open_sqlite(state).close()
    with sqlite3.connect(state) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    connection.close()
    with pytest.raises(InputError, match="'9999', later than this release knows"):
        open_sqlite(state)


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be opened"):
        open_sqlite(tmp_path / "file" / "state.db")


def test_a_process_that_dies_in_a_transaction_leaves_all_or_nothing(state):
    code = """
import os, sys
from alphaloop.stores import sql
from alphaloop.stores.contract import Checkpoint, Event
from alphaloop.stores.sqlite import open_sqlite
store = open_sqlite(sys.argv[1])
store.begin("a", "one")
store.append("a", [Event(0, 0, "x", "{}")], checkpoint=Checkpoint(1, 1, 1, "old", {"b": b"old"}), beat_ns=1)
replaced = sql._replace
def dying(connection, table, run_id, rows):
    if table.name == "heartbeats":
        os.kill(os.getpid(), 9)
    replaced(connection, table, run_id, rows)
sql._replace = dying
store.append("a", [Event(1, 0, "x", "{}")], checkpoint=Checkpoint(2, 2, 2, "new", {"b": b"new"}), beat_ns=2)
"""
    assert subprocess.run([sys.executable, "-c", code, str(state)], check=False).returncode == -9
    with open_sqlite(state) as store:
        assert store.events("a") == [Event(0, 0, "x", "{}")]
        assert store.checkpoint("a") == Checkpoint(1, 1, 1, "old", {"b": b"old"})
        assert store.heartbeat("a") == 1
