"""What every store promises, asked of every store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alphaloop.core.errors import InputError, StateError
from alphaloop.stores.address import open_store
from alphaloop.stores.contract import Checkpoint, Event, Run, Store
from alphaloop.stores.memory import MemoryPlace, MemoryStore

Opener = Callable[[], Store]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens one and the same place again and again; everything left open is closed at the end."""
    place = MemoryPlace()
    opened: list[Store] = []
    url = f"sqlite:///{tmp_path / 'state.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_place")

    def open_again() -> Store:
        store = MemoryStore(place) if request.param == "memory" else open_store(url)
        opened.append(store)
        return store

    yield open_again
    for store in opened:
        store.close()


def event(seq: int, body: str = "{}") -> Event:
    return Event(seq, 10 * seq, "fill", body)


def test_a_new_run_is_empty(opener: Opener) -> None:
    store = opener()
    assert store.begin("a", "one") == Run("a", "one")
    assert store.events("a") == []
    assert store.checkpoint("a") is None
    assert store.heartbeat("a") is None
    assert store.runs() == [Run("a", "one")]


def test_everything_survives_closing(opener: Opener) -> None:
    store = opener()
    store.begin("a", "one")
    checkpoint = Checkpoint(
        2, 17, 20, '{"cash":123456789012345678901234567890}', {"features": bytes(range(256)), "x": b""}
    )
    store.append("a", [event(0), event(1, '{"price":0.1}')], checkpoint=checkpoint, beat_ns=99)
    store.close()
    again = opener()
    assert again.begin("a", "one") == Run("a", "one")
    assert again.events("a") == [event(0), event(1, '{"price":0.1}')]
    assert again.events("a", 1) == [event(1, '{"price":0.1}')]
    assert again.checkpoint("a") == checkpoint
    assert again.heartbeat("a") == 99


def test_a_checkpoint_replaces_the_one_before_with_all_its_blobs(opener: Opener) -> None:
    store = opener()
    store.begin("a", "one")
    store.append("a", checkpoint=Checkpoint(0, 1, 1, "{}", {"old": b"1", "both": b"2"}), beat_ns=1)
    store.append("a", checkpoint=Checkpoint(0, 2, 2, "[]", {"both": b"3"}), beat_ns=2)
    assert store.checkpoint("a") == Checkpoint(0, 2, 2, "[]", {"both": b"3"})
    assert store.heartbeat("a") == 2


def test_runs_do_not_touch_each_other(opener: Opener) -> None:
    store = opener()
    store.begin("b", "two")
    store.begin("a", "one")
    store.append("a", [event(0)], checkpoint=Checkpoint(1, 1, 1, "{}", {"x": b"a"}))
    store.append("b", [event(0, "1"), event(1, "2")], checkpoint=Checkpoint(2, 1, 1, "{}", {"x": b"b"}))
    assert [run.run_id for run in store.runs()] == ["a", "b"]
    assert store.events("a") == [event(0)]
    assert len(store.events("b")) == 2
    found = store.checkpoint("a")
    assert found is not None
    assert found.blobs == {"x": b"a"}


@pytest.mark.parametrize("wrong", [[event(1)], [event(3)], [event(2), event(4)], [event(2), event(2)]])
def test_a_gap_or_a_repetition_is_refused_and_leaves_no_trace(opener: Opener, wrong: list[Event]) -> None:
    store = opener()
    store.begin("a", "one")
    store.append("a", [event(0), event(1)])
    with pytest.raises(StateError, match="comes next"):
        store.append("a", wrong, checkpoint=Checkpoint(9, 9, 9, "{}"), beat_ns=5, result="{}")
    assert store.events("a") == [event(0), event(1)]
    assert store.checkpoint("a") is None
    assert store.heartbeat("a") is None
    assert store.runs() == [Run("a", "one")]


def test_a_finished_run_takes_nothing_more(opener: Opener) -> None:
    store = opener()
    store.begin("a", "one")
    store.append("a", [event(0)], result='{"trades":1}')
    assert store.begin("a", "one") == Run("a", "one", '{"trades":1}')
    with pytest.raises(StateError, match="finished"):
        store.append("a", [event(1)])


def test_a_run_that_was_never_begun_is_refused(opener: Opener) -> None:
    with pytest.raises(StateError, match="never begun"):
        opener().append("ghost", [event(0)])


def test_a_run_keeps_its_identity(opener: Opener) -> None:
    store = opener()
    store.begin("a", "one")
    with pytest.raises(InputError, match="begun as one and cannot go on as two"):
        store.begin("a", "two")


def test_a_place_is_open_once_at_a_time(opener: Opener) -> None:
    store = opener()
    with pytest.raises(InputError, match="in use"):
        opener()
    store.close()
    store.close()
    opener().begin("a", "one")


def test_a_store_is_a_context(opener: Opener) -> None:
    with opener() as store:
        store.begin("a", "one")
    with opener() as store:
        assert len(store.runs()) == 1
