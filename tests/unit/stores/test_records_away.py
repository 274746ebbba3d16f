"""Declared tables while their database cannot be used, and after."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing

import psycopg
import pytest

from alphaloop.core.errors import AlphaloopError, InputError, StateError, StoreAwayError
from alphaloop.stores.engines import sqlite_engine
from alphaloop.stores.place import Place
from alphaloop.stores.records import ColumnSpec, CreateTable, Schema, Step, TableSpec, open_records
from alphaloop.stores.records.sql import SqlRecords

SECRET = "not-to-be-seen"
THINGS = TableSpec("things", (ColumnSpec("id", "int"), ColumnSpec("body", "bytes", True)), ("id",))
SCHEMA = Schema("test", (Step("1", (CreateTable(THINGS),)),), (THINGS,))


@pytest.fixture
def place(postgres_server, postgres_place):
    if str(postgres_server.port) not in postgres_place:
        pytest.skip("another server is named, which a test may not stop")
    yield postgres_place
    if postgres_server.process is None:
        postgres_server.start()


@pytest.fixture
def records(place):
    with open_records(place) as opened:
        opened.migrate(SCHEMA)
        yield opened


def away(call) -> None:
    with pytest.raises(StoreAwayError, match=r"cannot be used now .*; try the whole transaction again later") as info:
        call()
    assert SECRET not in str(info.value)
    assert "\n" not in str(info.value)
    assert info.value.__suppress_context__


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_every_call_says_so_and_works_again_later(records, postgres_server, how) -> None:
    records.add("things", [{"id": 1}])
    postgres_server.stop(how)
    for call in (
        lambda: records.add("things", [{"id": 2}]),
        lambda: records.select("things"),
        lambda: records.count("things"),
        lambda: records.update("things", {}, {"body": b""}),
        lambda: records.delete("things", {}),
        lambda: records.migrate(SCHEMA),
    ):
        away(call)
    postgres_server.start()
    assert records.add("things", [{"id": 2}]) == 1
    assert [row["id"] for row in records.select("things")] == [1, 2]


def test_a_transaction_that_lost_its_server_leaves_nothing(records, postgres_server) -> None:
    def interrupted() -> None:
        with records.transaction():
            records.add("things", [{"id": 1}])
            postgres_server.restart()
            records.add("things", [{"id": 2}])

    def interrupted_at_the_end() -> None:
        with records.transaction():
            records.add("things", [{"id": 1}])
            postgres_server.restart()

    for story in (interrupted, interrupted_at_the_end):
        away(story)
        assert records.count("things") == 0
    with records.transaction():
        records.add("things", [{"id": 1}, {"id": 2}])
    assert records.count("things") == 2


def test_an_idle_restart_goes_unnoticed(records, postgres_server) -> None:
    records.count("things")
    postgres_server.restart()
    assert records.count("things") == 0


def test_opening_while_the_server_is_away(place, postgres_server) -> None:
    postgres_server.stop()
    away(lambda: open_records(place))


def test_a_password_is_in_no_error(place) -> None:
    for url in (place.replace(SECRET, f"{SECRET}!"), f"postgresql://u:{SECRET}@host:port/db"):
        with pytest.raises(AlphaloopError) as info:
            open_records(url)
        assert SECRET not in str(info.value)
        assert isinstance(info.value, InputError)
    with open_records(place) as records:
        records.migrate(SCHEMA)
        records.add("things", [{"id": 1}])
        with pytest.raises(StateError) as conflict:
            records.add("things", [{"id": 1}])
        assert SECRET not in str(conflict.value)
        assert "Key (id)=(1) already exists" in str(conflict.value)


def test_a_table_that_vanished_is_our_defect_not_the_servers(records, place) -> None:
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute("drop table things")
    with pytest.raises(Exception, match="does not exist") as info:
        records.count("things")
    assert not isinstance(info.value, StoreAwayError)
    assert SECRET not in str(info.value)


@pytest.fixture
def sqlite_records(tmp_path):
    path = tmp_path / "r.db"
    with SqlRecords(sqlite_engine(str(path), busy_s=0.05), Place("sqlite", str(path), str(path))) as opened:
        opened.migrate(SCHEMA)
        yield opened


def test_a_full_disk(sqlite_records) -> None:
    with sqlite_records._engine.connect() as connection:
        connection.exec_driver_sql("pragma max_page_count = 20")
    sqlite_records.add("things", [{"id": 0}])
    away(lambda: sqlite_records.add("things", [{"id": 1, "body": bytes(200_000)}]))
    assert sqlite_records.count("things") == 1
    with sqlite_records._engine.connect() as connection:
        connection.exec_driver_sql("pragma max_page_count = 1000")
    sqlite_records.add("things", [{"id": 1, "body": bytes(200_000)}])
    assert sqlite_records.count("things") == 2


def test_a_file_that_another_process_writes(sqlite_records, tmp_path) -> None:
    with closing(sqlite3.connect(tmp_path / "r.db", isolation_level=None)) as other:
        other.execute("begin immediate")
        away(lambda: sqlite_records.add("things", [{"id": 1}]))
        assert sqlite_records.count("things") == 0
        other.execute("rollback")
    assert sqlite_records.add("things", [{"id": 1}]) == 1


@pytest.mark.parametrize("content", [b"not a database, but long enough to look at" * 50])
def test_other_files_are_refused(tmp_path, content) -> None:
    path = tmp_path / "r.db"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a database file"):
        open_records(str(path))
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there(tmp_path) -> None:
    with open_records(f"sqlite:///{tmp_path}/deep/er/r.db") as records:
        assert records.migrate(SCHEMA) == ["1"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be made"):
        open_records(f"sqlite:///{tmp_path}/file/r.db")
