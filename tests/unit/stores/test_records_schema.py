"""Steps in order lead to exactly the declared tables, on paper and in both databases."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, inspect

from alphaloop.core.errors import StateError
from alphaloop.markets.pumpfun.schema import SCHEMA
from alphaloop.stores.records import (
    AddColumn,
    AddIndex,
    ColumnSpec,
    CreateTable,
    DropColumn,
    DropIndex,
    DropTable,
    Schema,
    Step,
    TableSpec,
    open_records,
)
from alphaloop.stores.records.migration import applied_steps
from alphaloop.stores.records.sql import SqlRecords
from alphaloop.stores.records.tables import table_of

ID, MORE = ColumnSpec("id", "text"), ColumnSpec("more", "float", True)
FIRST = TableSpec("things", (ID, ColumnSpec("old", "int", True)), ("id",), (("old",),))
LAST = TableSpec("things", (ID, MORE), ("id",), (("more", "id"),))
BEGIN = Step("0001", (CreateTable(FIRST), CreateTable(TableSpec("others", (ID,), ("id",)))))
CHANGE = Step(
    "0002",
    (
        AddColumn("things", MORE),
        DropIndex("things", ("old",)),
        DropColumn("things", "old"),
        AddIndex("things", ("more", "id")),
        DropTable("others"),
    ),
)
GROWN = Schema("test", (BEGIN, CHANGE), (LAST,))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return request.getfixturevalue("postgres_place") if request.param == "postgresql" else f"sqlite:///{tmp_path}/r.db"


def differences(records: SqlRecords, schema: Schema) -> list[object]:
    declared = MetaData()
    applied_steps.to_metadata(declared)
    for table in schema.tables:
        table_of(table, declared)
    with records._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, declared) + keys_that_differ(connection, schema)


def keys_that_differ(connection: object, schema: Schema) -> list[object]:
    # Alembic does not look at primary keys.
    look = inspect(connection)
    return [t.name for t in schema.tables if look.get_pk_constraint(t.name)["constrained_columns"] != list(t.key)]


@pytest.mark.parametrize("schema", [SCHEMA, GROWN], ids=["pumpfun", "grown"])
def test_steps_lead_to_the_declared_tables(url: str, schema: Schema) -> None:
    with open_records(url) as records:
        assert records.migrate(schema) == [step.name for step in schema.steps]
        assert differences(records, schema) == []


def test_text_is_sorted_by_bytes_whatever_the_server_speaks(postgres_place: str) -> None:
    # The servers of the tests have no other language installed in which a wrong order could show.
    with open_records(postgres_place) as records:
        records.migrate(GROWN)
        with records._engine.connect() as connection:
            (column,) = [c for c in inspect(connection).get_columns("things") if c["name"] == "id"]
            assert column["type"].collation == "C"


def test_the_comparison_can_fail(url: str) -> None:
    with open_records(url) as records:
        records.migrate(GROWN)
        other = TableSpec("things", (ID, ColumnSpec("more", "text", True)), ("id",), ())
        assert len(differences(records, Schema("x", (Step("1", (CreateTable(other),)),), (other,)))) == 2


def test_step_by_step_is_the_same(url: str) -> None:
    with open_records(url) as records:
        halfway = Schema("test", (BEGIN,), (FIRST, TableSpec("others", (ID,), ("id",))))
        assert records.migrate(halfway) == ["0001"]
        assert records.migrate(GROWN) == ["0002"]
        assert differences(records, GROWN) == []


def test_a_step_that_fails_leaves_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic.operations import Operations

    def dying(self: object, *_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with open_records(url) as records:
        monkeypatch.setattr(Operations, "drop_table", dying)
        with pytest.raises(KeyboardInterrupt):
            records.migrate(GROWN)
        monkeypatch.undo()
        with records._engine.connect() as connection:
            assert inspect(connection).get_table_names() == []
        assert records.migrate(GROWN) == ["0001", "0002"]


def test_processes_that_migrate_at_once_wait_for_each_other(url: str) -> None:
    code = (
        "import sys; from alphaloop.stores.records import open_records; "
        "from alphaloop.markets.pumpfun.schema import SCHEMA; open_records(sys.argv[1]).migrate(SCHEMA)"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, url], stderr=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate()[1] for process in started]
    assert said == [b""] * 2
    with open_records(url) as records:
        assert records.migrate(SCHEMA) == []


TEXT = ColumnSpec("text", "text")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Schema("m", (BEGIN,), (FIRST,)), "leave table 'others' as TableSpec"),
        (lambda: Schema("m", (), (FIRST,)), "leave table 'things' as None"),
        (lambda: Schema("m", (BEGIN, BEGIN), ()), "a step name comes twice"),
        (lambda: Schema("m", (BEGIN, Step("2", (CreateTable(FIRST),))), ()), "'things' is there already"),
        (lambda: Schema("m", (Step("1", (DropTable("no"),)),), ()), "there is no table 'no'"),
        (lambda: Schema("m", (BEGIN, Step("2", (AddColumn("things", TEXT),))), ()), "make it nullable"),
        (lambda: Schema("m", (BEGIN, Step("2", (DropColumn("things", "no"),))), ()), "no column 'no'"),
        (
            lambda: Schema("m", (BEGIN, Step("2", (DropColumn("things", "old"),))), ()),
            "names 'old', which is no column",
        ),
        (lambda: Schema("m", (BEGIN, Step("2", (DropIndex("things", ("id",)),))), ()), "no index over"),
        (lambda: TableSpec("Things", (ID,), ("id",)), "'Things' is no name"),
        (lambda: TableSpec("things", (ColumnSpec("drop table", "int"),), ("id",)), "'drop table' is no name"),
        (lambda: TableSpec("things", (ID, ID), ("id",)), "declared twice"),
        (lambda: TableSpec("things", (ID,), ()), "must have columns"),
        (lambda: TableSpec("things", (MORE,), ("more",)), "none of them nullable"),
        (lambda: TableSpec("things", (ID,), ("other",)), "'other', which is no column"),
        (lambda: TableSpec("things", (ID,), ("id",), (("other",),)), "'other', which is no column"),
    ],
)
def test_unsound_declarations_are_refused(make, words: str) -> None:
    with pytest.raises(StateError, match=words):
        make()
