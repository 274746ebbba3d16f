"""What declared tables promise, asked of memory, SQLite and a real PostgreSQL."""

from __future__ import annotations

import math
import struct
import threading
from pathlib import Path

import pytest

from alphaloop.core.errors import InputError, StateError
from alphaloop.stores.records import (
    AddColumn,
    AddIndex,
    ColumnSpec,
    CreateTable,
    DropColumn,
    DropIndex,
    DropTable,
    Records,
    Schema,
    Step,
    TableSpec,
    Without,
    open_records,
)

KINDS = ("text", "int", "float", "bool", "bytes", "json")
THINGS = TableSpec("things", (ColumnSpec("id", "text"), *(ColumnSpec(f"a_{k}", k, True) for k in KINDS)), ("id",))
PAIRS = TableSpec(
    "pairs",
    (ColumnSpec("one", "text"), ColumnSpec("two", "int"), ColumnSpec("value", "float", True)),
    ("one", "two"),
    (("value",),),
)
SCHEMA = Schema("test", (Step("0001_begin", (CreateTable(THINGS), CreateTable(PAIRS))),), (THINGS, PAIRS))


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_place")
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'records.db'}"


@pytest.fixture
def records(url: str):
    with open_records(url) as opened:
        opened.migrate(SCHEMA)
        yield opened


def full(**values: object) -> dict[str, object]:
    return {"id": "x", **{f"a_{kind}": None for kind in KINDS}, **values}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", ""),
        ("text", "naïve ☃ 🚀 ' \" \\ % ; -- \n\t"),
        ("int", 2**63 - 1),
        ("int", -(2**63)),
        ("float", 0.1 + 0.2),
        ("float", 5e-324),
        ("float", 1.7976931348623157e308),
        ("float", math.inf),
        ("float", 3.0),
        ("bool", True),
        ("bool", False),
        ("bytes", bytes(range(256))),
        ("bytes", b""),
        ("json", {"z": 1, "a": [1.0, 1e22, 2**70, "☃\0\ud800", None, True], "b": {}}),
        ("json", []),
        ("json", "text"),
    ],
)
def test_values_come_back_as_they_were(records: Records, kind: str, value: object) -> None:
    records.add("things", [{"id": "x", f"a_{kind}": value}])
    (row,) = records.select("things")
    assert row == full(**{f"a_{kind}": value})
    found = row[f"a_{kind}"]
    assert type(found) is type(value)
    if kind == "json":
        assert repr(found) == repr(value)
    if kind == "float":
        assert struct.pack("<d", found) == struct.pack("<d", value)


@pytest.mark.parametrize(("given", "kept"), [("a\0b", "a\ufffdb"), ("\ud800", "\ufffd"), ("tab\t\0", "tab\t\ufffd")])
def test_text_that_a_database_cannot_hold_is_marked(records: Records, given: str, kept: str) -> None:
    records.add("things", [{"id": given, "a_text": given}])
    assert records.select("things", {"a_text": given})[0]["id"] == kept


def test_zero_has_no_sign(records: Records) -> None:
    records.add("things", [{"id": "x", "a_float": -0.0}])
    assert math.copysign(1.0, records.select("things")[0]["a_float"]) == 1.0


def test_a_float_that_is_not_a_number_is_missing(records: Records) -> None:
    records.add("things", [{"id": "x", "a_float": math.nan}])
    assert records.select("things", {"a_float": None}) == [full()]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"id": "x", "a_int": 2**63}, "'a_int' takes int, got 9223372036854775808"),
        ({"id": "x", "a_int": 1.5}, "'a_int' takes int"),
        ({"id": "x", "a_float": "1"}, "'a_float' takes float"),
        ({"id": "x", "a_text": b"1"}, "'a_text' takes text"),
        ({"id": "x", "a_bytes": "1"}, "'a_bytes' takes bytes"),
        ({"id": "x", "a_bool": 2}, "'a_bool' takes bool"),
        ({"id": "x", "a_json": [math.nan]}, "'a_json' takes json"),
        ({"id": "x", "colour": 1}, "no column 'colour'; there are id, a_text"),
        ({"a_int": 1}, "'id' may not be missing"),
    ],
)
def test_wrong_values_are_refused_and_leave_no_trace(records: Records, row: dict[str, object], words: str) -> None:
    for rows in ([row], [{"id": "fine"}, row]):
        with pytest.raises(StateError, match=words):
            records.add("things", rows)
    assert records.count("things") == 0


def test_many_rows_of_any_mixture(records: Records) -> None:
    rows = [
        full(id="a"),
        full(id="b", a_text='{},"NULL\\', a_int=1, a_float=2.0, a_bool=True, a_bytes=b"\0\xff", a_json=[1]),
        full(id="c", a_text="", a_int=2**40, a_float=math.nan, a_bool=False, a_bytes=b"", a_json="☃"),
        full(id="d", a_text="NULL", a_int=-(2**63), a_float=-math.inf, a_bytes=b"\\x00", a_json={}),
    ]
    assert records.add("things", rows) == 4
    rows[2]["a_float"] = None
    assert records.select("things", order_by=["id"]) == rows
    assert records.add("things", [full(id=name) for name in "abcde"], "replace") == 5
    assert records.select("things", order_by=["id"]) == [full(id=name) for name in "abcde"]


def test_more_rows_than_one_statement_takes(records: Records) -> None:
    rows = [{"one": "a", "two": number % 4_000, "value": float(number)} for number in range(5_000)]
    assert records.add("pairs", rows, "replace") == 5_000
    assert records.count("pairs") == 4_000
    found = records.select("pairs", order_by=["two"], columns=["value"])
    assert [row["value"] for row in found] == [*map(float, range(4_000, 5_000)), *map(float, range(1_000, 4_000))]
    assert records.add("pairs", [{"one": "a", "two": number} for number in range(4_500)], "ignore") == 500


def test_a_key_is_taken_once(records: Records) -> None:
    assert records.add("pairs", [{"one": "a", "two": 1, "value": 1.0}, {"one": "a", "two": 2}]) == 2
    with pytest.raises(StateError, match="pairs already has a row"):
        records.add("pairs", [{"one": "b", "two": 1}, {"one": "a", "two": 1}])
    assert records.add("pairs", [{"one": "a", "two": 1, "value": 9.0}, {"one": "c", "two": 1}], "ignore") == 1
    assert records.select("pairs", {"one": "a", "two": 1})[0]["value"] == 1.0
    changed = [{"one": "a", "two": 1, "value": 5.0}, {"one": "a", "two": 1, "value": 6.0}, {"one": "d", "two": 1}]
    assert records.add("pairs", changed, "replace") == 3
    assert records.select("pairs", {"one": "a", "two": 1})[0]["value"] == 6.0
    assert records.count("pairs") == 4
    assert records.add("pairs", []) == 0


def test_replacing_clears_what_is_left_out(records: Records) -> None:
    records.add("things", [{"id": "x", "a_int": 1, "a_text": "old"}])
    records.add("things", [{"id": "x", "a_int": 2}], "replace")
    assert records.select("things") == [full(a_int=2)]


@pytest.fixture
def many(records: Records) -> Records:
    values = [3.0, None, 1.0, 2.0, None, 1.0]
    records.add("pairs", [{"one": name, "two": n, "value": v} for n, (name, v) in enumerate(zip("aBcDeF", values))])  # noqa: B905
    return records


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({}, "aBcDeF"),
        ({"value": 1.0}, "cF"),
        ({"value": None}, "Be"),
        ({"value": ("!=", None)}, "acDF"),
        ({"value": ("!=", 1.0)}, "aD"),
        ({"value": (">", 1.0)}, "aD"),
        ({"value": ("<=", 2)}, "cDF"),
        ({"value": [(">=", 1.0), ("<", 3.0)]}, "cDF"),
        ({"value": ("in", [1.0, 3.0])}, "acF"),
        ({"value": ("in", [])}, ""),
        ({"value": 1.0, "two": (">", 2)}, "F"),
        ({"one": ("<", "a")}, "BDF"),
    ],
)
def test_conditions(many: Records, where: dict[str, object], found: str) -> None:
    assert "".join(row["one"] for row in many.select("pairs", where, order_by=["two"])) == found
    assert many.count("pairs", where) == len(found)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, "BDFace"),
        ({"descending": True}, "ecaFDB"),
        ({"order_by": ["value"]}, "FcDaBe"),
        ({"order_by": ["value"], "descending": True}, "aDcFeB"),
        ({"order_by": ["two"], "limit": 2}, "aB"),
        ({"order_by": ["two"], "limit": 0}, ""),
        ({"order_by": ["two"], "after": [3, "D"]}, "eF"),
        ({"order_by": ["two"], "after": [3, "C"]}, "DeF"),
        ({"order_by": ["two"], "after": [3, "D"], "descending": True}, "cBa"),
        ({"after": ["F", 5], "limit": 2}, "ac"),
    ],
)
def test_order_and_pages(many: Records, options: dict[str, object], found: str) -> None:
    assert "".join(row["one"] for row in many.select("pairs", **options)) == found


def test_pages_by_a_nullable_column_that_is_asked_to_be_there(many: Records) -> None:
    def page(**options: object) -> str:
        rows = many.select("pairs", {"value": ("!=", None)}, order_by=["value"], **options)
        return "".join(row["one"] for row in rows)

    assert page(descending=True) == "aDcF"
    assert page(after=[1.0, "F", 5]) == "cDa"
    assert page(after=[2.0, "D", 3], descending=True) == "cF"


def test_columns_are_chosen(many: Records) -> None:
    assert many.select("pairs", {"two": 0}, columns=["value", "one"]) == [{"value": 3.0, "one": "a"}]


def test_rows_without_a_partner(many: Records) -> None:
    many.add("things", [{"id": "a", "a_text": "m"}, {"id": "z", "a_text": "n"}])
    many.add("pairs", [{"one": "z", "two": 7}])
    loose = Schema("loose", (Step("1", (CreateTable(SCORES),)),), (SCORES,))
    many.migrate(loose)
    many.add("scores", [{"one": "a", "model": "m"}, {"one": "c", "model": "other"}])
    assert many.add("scores", [{"one": "a", "model": "m"}], "replace") == 1
    rest = many.select("pairs", {"value": ("!=", None)}, without=Without("scores", ("one",), {"model": "m"}))
    assert [row["one"] for row in rest] == ["D", "F", "c"]


SCORES = TableSpec("scores", (ColumnSpec("one", "text"), ColumnSpec("model", "text")), ("one", "model"))


def test_changes_and_removals(many: Records) -> None:
    assert many.update("pairs", {"value": 1.0}, {"value": 7.5}) == 2
    assert many.update("pairs", {"one": "nobody"}, {"value": 7.5}) == 0
    assert many.count("pairs", {"value": 7.5}) == 2
    assert many.delete("pairs", {"value": 7.5}) == 2
    assert many.delete("pairs", {}) == 4
    assert many.select("pairs") == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda r: r.select("ghosts"),
        lambda r: r.select("pairs", {"ghost": 1}),
        lambda r: r.select("pairs", {"value": ("like", 1.0)}),
        lambda r: r.select("pairs", {"value": ("<", None)}),
        lambda r: r.select("pairs", {"value": "x"}),
        lambda r: r.select("pairs", order_by=["ghost"]),
        lambda r: r.select("pairs", order_by=["value"], after=[1.0, "a", 1]),
        lambda r: r.select("pairs", after=["a"]),
        lambda r: r.select("things", {"a_json": {}}),
        lambda r: r.update("pairs", {}, {"one": "x"}),
        lambda r: r.update("pairs", {}, {"ghost": "x"}),
    ],
)
def test_impossible_questions_are_refused(many: Records, ask) -> None:
    with pytest.raises(StateError, match=r"; \w+"):
        ask(many)


def test_a_transaction_is_all(records: Records) -> None:
    with records.transaction():
        records.add("things", [{"id": "a"}])
        with records.transaction():
            records.add("pairs", [{"one": "a", "two": 1}])
        assert records.count("pairs") == 1
        records.update("things", {"id": "a"}, {"a_int": 1})
    assert records.select("things") == [full(id="a", a_int=1)]


def test_or_nothing(records: Records) -> None:
    records.add("things", [{"id": "old", "a_int": 1}, {"id": "gone"}])

    def interrupted() -> None:
        with records.transaction():
            records.add("things", [{"id": "a"}])
            records.add("things", [{"id": "old", "a_int": 2}], "replace")
            records.update("things", {}, {"a_int": 3})
            records.delete("things", {"id": "gone"})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert records.select("things") == [full(id="gone"), full(id="old", a_int=1)]


@pytest.mark.parametrize("goes_on", [False, True])
def test_an_error_that_was_swallowed_undoes_the_transaction_all_the_same(records: Records, goes_on: bool) -> None:
    records.add("things", [{"id": "a"}])

    def careless() -> None:
        with records.transaction():
            records.add("things", [{"id": "b"}])
            with pytest.raises(StateError, match="already has"):
                records.add("things", [{"id": "a"}])
            if goes_on:
                records.count("things")

    with pytest.raises(StateError, match="earlier call of this transaction failed"):
        careless()
    assert records.count("things") == 1
    assert records.add("things", [{"id": "c"}]) == 1


def test_threads_wait_for_each_other(records: Records) -> None:
    def fill(name: str) -> None:
        for n in range(20):
            with records.transaction():
                records.add("pairs", [{"one": name, "two": n}])

    threads = [threading.Thread(target=fill, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert records.count("pairs") == 80


def test_migrating_again_does_nothing(records: Records) -> None:
    records.add("things", [{"id": "a"}])
    assert records.migrate(SCHEMA) == []
    assert records.count("things") == 1


LATER = TableSpec("things", (ColumnSpec("id", "text"), ColumnSpec("a_int", "int", True), ColumnSpec("more", "text", True)), ("id",), (("more", "id"),))  # fmt: skip  # noqa: E501
GROWN = Schema(
    "test",
    (
        *SCHEMA.steps,
        Step("0002_more", (AddColumn("things", ColumnSpec("more", "text", True)), AddIndex("things", ("more", "id")))),
        Step("0003_less", (*(DropColumn("things", f"a_{k}") for k in KINDS if k != "int"), DropTable("pairs"))),
        Step("0004_both", (AddIndex("things", ("a_int",)), DropIndex("things", ("a_int",)))),
    ),
    (LATER,),
)


def test_later_steps_keep_the_rows(records: Records) -> None:
    records.add("things", [{"id": "a", "a_int": 1, "a_text": "t"}])
    assert records.migrate(GROWN) == ["0002_more", "0003_less", "0004_both"]
    assert records.select("things") == [{"id": "a", "a_int": 1, "more": None}]
    records.add("things", [{"id": "b", "more": "x"}])
    assert records.count("things", {"more": "x"}) == 1


def test_a_database_of_a_later_release_is_refused(records: Records) -> None:
    records.migrate(GROWN)
    with pytest.raises(InputError, match="step '0002_more', which this release does not know"):
        records.migrate(SCHEMA)


def test_markets_do_not_touch_each_other(records: Records) -> None:
    other = TableSpec("others", (ColumnSpec("id", "int"),), ("id",))
    assert records.migrate(Schema("other", (Step("0001_begin", (CreateTable(other),)),), (other,))) == ["0001_begin"]
    records.add("others", [{"id": 1}])
    assert records.migrate(SCHEMA) == []


def test_closed_records_say_so(records: Records) -> None:
    records.close()
    records.close()
    with pytest.raises(StateError, match="were closed"):
        records.count("things")


def test_rows_survive_closing(url: str) -> None:
    if url == "memory://":
        pytest.skip("memory dies with the process")
    with open_records(url) as first:
        first.migrate(SCHEMA)
        first.add("things", [{"id": "a", "a_bytes": b"\0"}])
    with open_records(url) as again:
        assert again.migrate(SCHEMA) == []
        assert again.select("things") == [full(id="a", a_bytes=b"\0")]


def test_two_openings_see_each_other(url: str) -> None:
    if url == "memory://":
        pytest.skip("memory belongs to one opening")
    with open_records(url) as one, open_records(url) as other:
        assert one.migrate(SCHEMA) == ["0001_begin"]
        assert other.migrate(SCHEMA) == []
        one.add("things", [{"id": "a"}])
        assert other.add("things", [{"id": "a"}, {"id": "b"}], "ignore") == 1
        assert one.count("things") == 2
