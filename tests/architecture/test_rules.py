"""The house rules that an import graph cannot say: checked on the syntax tree of every source file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "alphaloop"
FILES = sorted(SOURCE.rglob("*.py"))
MODULES_THAT_EXECUTE = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
READS_THE_TIME = {
    ("time", "time"), ("time", "time_ns"), ("time", "monotonic"), ("time", "monotonic_ns"), ("time", "perf_counter"),
    ("time", "perf_counter_ns"), ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
}  # fmt: skip
BANNED_NAMES = {"utils", "helpers", "managers", "misc", "common"}
LONGEST_FILE = 400
LONGEST_FUNCTION = 80


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def violations_of_execution(tree: ast.Module) -> list[str]:
    found = [
        f"{c.func.id}()"
        for c in calls(tree)
        if isinstance(c.func, ast.Name) and c.func.id in {"eval", "exec", "compile"}
    ]
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [f"import {n}" for n in names if n.split(".")[0] in MODULES_THAT_EXECUTE]
    return found


def violations_of_time(tree: ast.Module) -> list[str]:
    return [
        f"{c.func.value.id}.{c.func.attr}() at line {c.lineno}"
        for c in calls(tree)
        if isinstance(c.func, ast.Attribute)
        and isinstance(c.func.value, ast.Name)
        and (c.func.value.id, c.func.attr) in READS_THE_TIME
    ]


def violations_of_printing(tree: ast.Module) -> list[str]:
    found = [
        f"print() at line {c.lineno}" for c in calls(tree) if isinstance(c.func, ast.Name) and c.func.id == "print"
    ]
    return found + [
        f"sys.exit() at line {c.lineno}"
        for c in calls(tree)
        if isinstance(c.func, ast.Attribute) and c.func.attr == "exit" and getattr(c.func.value, "id", "") == "sys"
    ]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_is_unpickled_or_evaluated(path: Path) -> None:
    assert violations_of_execution(tree_of(path)) == []


@pytest.mark.parametrize("path", [p for p in FILES if name_of(p) != "core/clock.py"], ids=name_of)
def test_only_the_clock_reads_the_time(path: Path) -> None:
    assert violations_of_time(tree_of(path)) == []


@pytest.mark.parametrize("path", [p for p in FILES if not name_of(p).startswith("cli/")], ids=name_of)
def test_only_the_command_line_prints_or_exits(path: Path) -> None:
    assert violations_of_printing(tree_of(path)) == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_are_nouns_and_stay_readable(path: Path) -> None:
    assert path.stem not in BANNED_NAMES
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_functions_stay_readable(path: Path) -> None:
    too_long = {
        f"{node.name} (line {node.lineno}): {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    }
    assert too_long == set()


@pytest.mark.parametrize(
    ("check", "code"),
    [
        (violations_of_execution, "import pickle"),
        (violations_of_execution, "eval('1')"),
        (violations_of_time, "import time\ntime.time()"),
        (violations_of_time, "from datetime import datetime\ndatetime.now()"),
        (violations_of_printing, "print('x')"),
        (violations_of_printing, "import sys\nsys.exit(2)"),
    ],
)
def test_the_checks_can_fail(check: object, code: str) -> None:
    assert check(ast.parse(code)) != []  # type: ignore[operator]
