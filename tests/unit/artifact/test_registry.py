"""The registry: states by replay, promotion only with proof, and no crash that loses or invents a champion."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from alphaloop.artifact.registry import Registry
from alphaloop.core.clock import SteppedClock
from alphaloop.core.errors import ModelCompatibilityError, PromotionError, StateError, UnknownNameError


@pytest.fixture
def clock():
    return SteppedClock(100)


@pytest.fixture
def registry(tmp_path, clock):
    return Registry(tmp_path / "models", clock)


@pytest.fixture
def add(tiny, registry, tmp_path):
    """Add a fresh artifact and return its id."""

    def _add(run="r1", name="tiny", **changes):
        folder = tmp_path / f"run-{name}-{run}"
        tiny.make(folder, id=run, name=name, **changes)
        return registry.add(folder)

    return _add


def states(registry):
    return {entry.id: entry.state for entry in registry.list()}


def test_an_empty_registry_is_empty(registry):
    assert registry.list() == ()
    assert registry.champion("tiny") is None
    assert not registry.folder.exists()


def test_candidate_champion_retired(registry, add, clock):
    first, second = add("r1"), add("r2")
    assert states(registry) == {first: "candidate", second: "candidate"}
    clock.ns = 200
    registry.promote(first)
    clock.ns = 300
    registry.promote(second)
    assert states(registry) == {first: "retired", second: "champion"}
    assert registry.champion("tiny") == second
    assert registry.show("tiny").since_ns == 300
    assert registry.show(first).since_ns == 300


def test_a_name_has_its_own_champion(registry, add):
    a, b = add("r1", "a"), add("r1", "b")
    registry.promote(a)
    registry.promote(b)
    assert states(registry) == {a: "champion", b: "champion"}


def test_what_was_live_when(registry, add, clock):
    first, second = add("r1"), add("r2")
    for ns, step in ((200, first), (300, second)):
        clock.ns = ns
        registry.promote(step)
    clock.ns = 400
    registry.rollback("tiny")
    expected = {100: None, 199: None, 200: first, 299: first, 300: second, 399: second, 400: first, 10**18: first}
    assert {ns: registry.champion_at("tiny", ns) for ns in expected} == expected


def test_a_clock_set_back_does_not_reorder_history(registry, add, clock):
    first, second = add("r1"), add("r2")
    clock.ns = 500
    registry.promote(first)
    clock.ns = 50
    registry.promote(second)
    assert [line["at_ns"] for line in registry.history()] == [100, 100, 500, 500]


def test_roll_back_goes_down_the_line_and_then_refuses(registry, add):
    first, second, third = add("r1"), add("r2"), add("r3")
    for each in (first, second, third):
        registry.promote(each)
    assert registry.rollback("tiny").id == second
    assert states(registry) == {first: "retired", second: "champion", third: "retired"}
    assert registry.rollback().id == first
    with pytest.raises(PromotionError, match="no champion before"):
        registry.rollback("tiny")
    assert registry.champion("tiny") == first
    registry.promote(third)
    assert registry.rollback("tiny").id == first


def test_promoting_the_champion_again_changes_nothing(registry, add):
    first = add()
    registry.promote(first)
    before = registry.ledger.path.read_bytes()
    assert registry.promote(first).state == "champion"
    assert registry.ledger.path.read_bytes() == before


def test_adding_twice_changes_nothing(registry, artifact):
    first = registry.add(artifact)
    before = registry.ledger.path.read_bytes()
    assert registry.add(artifact) == first
    assert registry.ledger.path.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"audit": {}}, "carries no audit"),
        ({"audit": {"clean": False, "findings": [{}, {}]}}, r"not clean \(2 findings\)"),
        ({"audit": {"clean": "yes"}}, "not clean"),
        ({"parity": {}}, "no proof of parity"),
        ({"parity": {"rows": 10, "flipped": 1}}, "parity gate failed"),
        ({"parity": {"rows": 0, "flipped": 0}}, "parity gate failed"),
        ({"parity": {"rows": 10, "flipped": 0, "passed": False}}, "parity gate failed"),
        ({"threshold": {"value": 0.5, "net_value": -1.0, "trades": 3, "tradable": False}}, "not tradable"),
    ],
)
def test_without_proof_no_promotion_unless_forced_and_recorded(registry, add, changes, words):
    identity = add(**changes)
    before = registry.ledger.path.read_bytes()
    with pytest.raises(PromotionError, match=words):
        registry.promote(identity)
    assert registry.ledger.path.read_bytes() == before
    assert registry.promote(identity, force=True).forced
    assert registry.history()[-1]["objections"]


def test_force_without_need_is_not_recorded_as_forced(registry, add):
    assert not registry.promote(add(), force=True).forced


def test_references(registry, add):
    first = add("r1", "direction")
    assert registry.show(first[:12]).id == first
    with pytest.raises(UnknownNameError, match="has no champion"):
        registry.show("direction")
    with pytest.raises(UnknownNameError, match="did you mean 'direction'"):
        registry.show("directoin")
    with pytest.raises(UnknownNameError, match="no artifact or model"):
        registry.show(first[:3])
    with pytest.raises(UnknownNameError, match="did you mean 'direction'"):
        registry.rollback("direktion")


def test_an_ambiguous_beginning_is_refused(registry, add, monkeypatch):
    add("r1")
    add("r2")
    monkeypatch.setattr("alphaloop.artifact.registry.SHORTEST_ID", 0)
    with pytest.raises(UnknownNameError, match="2 artifacts"):
        registry.show("")


def test_a_damaged_source_is_not_added(registry, artifact):
    raw = bytearray((artifact / "model.onnx").read_bytes())
    raw[-1] ^= 1
    (artifact / "model.onnx").write_bytes(raw)
    with pytest.raises(ModelCompatibilityError):
        registry.add(artifact)
    assert not registry.folder.exists()


def test_what_is_loaded_is_verified_again(registry, add):
    identity = add()
    path = registry.path(identity) / "metadata.json"
    path.write_bytes(path.read_bytes().replace(b"tiny-1", b"tiny-2").replace(b"r1", b"r2"))
    for use in (registry.load, registry.promote):
        with pytest.raises(ModelCompatibilityError, match=r"metadata\.json"):
            use(identity)


def test_an_exchanged_folder_is_found(registry, add):
    first, second = add("r1"), add("r2")
    shutil.rmtree(registry.path(first))
    shutil.copytree(registry.path(second), registry.path(first))
    with pytest.raises(ModelCompatibilityError, match="exchanged"):
        registry.load(first)
    with pytest.raises(ModelCompatibilityError, match="exchanged"):
        registry.promote(first)


def test_a_copy_without_its_line_is_finished_by_adding_again(registry, artifact):
    identity = registry.add(artifact)
    registry.ledger.path.unlink()
    assert registry.list() == ()
    assert registry.add(artifact) == identity
    assert states(registry) == {identity: "candidate"}


def test_a_line_torn_at_any_byte_is_ignored_and_repaired(registry, add, tmp_path):
    first, second = add("r1"), add("r2")
    registry.promote(first)
    whole = registry.ledger.path.read_bytes()
    registry.promote(second)
    longer = registry.ledger.path.read_bytes()
    for cut in range(len(whole), len(longer), 9):
        registry.ledger.path.write_bytes(longer[:cut])
        assert registry.champion("tiny") == first
    for tail in (longer[len(whole) : -1], b"\0" * 40, b"\0" * 40 + b"\n", b"{}garbage\n", b"x" * 3000):
        registry.ledger.path.write_bytes(whole + tail)
        assert registry.champion("tiny") == first
        registry.promote(second)
        assert registry.champion("tiny") == second
        assert [json.loads(line)["event"] for line in registry.ledger.path.read_bytes().splitlines()] == [
            "added",
            "added",
            "promoted",
            "promoted",
        ]


def test_a_ledger_changed_by_hand_says_so(registry, add):
    first, second = add("r1"), add("r2")
    registry.promote(first)
    registry.promote(second)
    lines = registry.ledger.path.read_bytes().splitlines(keepends=True)
    edited = lines[2].replace(b'"forced":false', b'"forced":true')
    for damaged in (
        [lines[0], lines[1], edited, lines[3]],
        [lines[0], lines[2], lines[3]],
        [lines[0], lines[2], lines[1], lines[3]],
        [lines[0], b"x" + lines[1], lines[2], lines[3]],
    ):
        registry.ledger.path.write_bytes(b"".join(damaged))
        with pytest.raises(StateError, match="changed by hand"):
            registry.list()


def test_an_event_of_a_newer_release_is_not_guessed_at(registry, add):
    identity = add()
    with registry.ledger.locked():
        registry.ledger.append({"at_ns": 200, "event": "shadowed", "id": identity, "name": "tiny"})
    with pytest.raises(StateError, match="event 'shadowed', expected one of added, promoted, rolled_back"):
        registry.list()


RACER = """
import sys
from alphaloop.artifact.registry import Registry
registry = Registry(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for turn in range(10):
    registry.promote(sys.argv[2 + turn % 2])
"""


def race(registry, *ids, turns=10):
    """Start a process that promotes two artifacts in turn as soon as it reads a line."""
    racer = subprocess.Popen(
        [sys.executable, "-c", RACER.replace("range(10)", f"range({turns})"), str(registry.folder), *ids],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert racer.stdout.readline() == "ready\n"
    return racer


def test_nobody_promotes_while_another_holds_the_ledger(registry, add):
    ids = [add("r1"), add("r2")]
    racer = race(registry, *ids, turns=1)
    with registry.ledger.locked():
        with pytest.raises(subprocess.TimeoutExpired):
            racer.communicate("\n", timeout=0.5)
        assert registry.champion("tiny") is None
    racer.communicate()
    assert racer.returncode == 0
    assert registry.champion("tiny") == ids[0]


def test_processes_that_promote_at_once_take_turns(registry, add):
    ids = [add(f"r{i}") for i in range(3)]
    racers = [race(registry, *pair) for pair in ((ids[0], ids[1]), (ids[1], ids[2]))]
    for racer in racers:
        racer.stdin.write("\n")
        racer.stdin.flush()
    for racer in racers:
        racer.communicate()
    assert [racer.returncode for racer in racers] == [0, 0]
    champions = [line["id"] for line in registry.history() if line["event"] == "promoted"]
    assert len(champions) >= 10
    assert all(a != b for a, b in itertools.pairwise(champions))
    assert sorted(states(registry).values()) == ["champion", "retired", "retired"]


def test_killed_at_any_moment_the_ledger_is_a_prefix_and_goes_on(registry, add):
    ids = [add("r1"), add("r2")]
    for delay in (0.02, 0.05, 0.11):
        racer = race(registry, *ids, turns=10**9)
        racer.stdin.write("\n")
        racer.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            racer.wait(delay)
        os.kill(racer.pid, signal.SIGKILL)
        racer.communicate()
        assert list(states(registry).values()).count("champion") <= 1
        other = ids[0] if registry.champion("tiny") == ids[1] else ids[1]
        registry.promote(other)
        assert registry.champion("tiny") == other
        for entry in registry.list():
            registry.load(entry.id)
