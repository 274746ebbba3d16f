"""The trader in simulated worlds: any faults, kills and restarts, in any order; nothing lost, nothing twice."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import structlog

from alphaloop.core.errors import AwayError
from alphaloop.markets.pumpfun.live.chain_venue import ChainVenue
from alphaloop.markets.pumpfun.live.submission import Submission
from alphaloop.trading.portfolio.leaving import Leaving
from alphaloop.trading.portfolio.proving import Proving
from alphaloop.trading.portfolio.submitting import Submitting
from alphaloop.trading.portfolio.trades import AttemptState

# Counting lines would take two thirds of their time; what they run is counted in other tests.
pytestmark = pytest.mark.no_cover

SEEDS_AT_ONCE = 10
IN_EVERY_TEST_RUN = 200
IN_THE_LONG_ONE = 3_000


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module `live_simulation`, which lies beside the tests."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))
    return import_module("live_simulation")


@pytest.mark.parametrize("first", range(0, IN_EVERY_TEST_RUN, SEEDS_AT_ONCE))
def test_nothing_is_lost_and_nothing_done_twice(world: Any, first: int) -> None:
    for seed in range(first, first + SEEDS_AT_ONCE):
        world.Simulation(seed).run()


@pytest.mark.slow
@pytest.mark.parametrize("first", range(IN_EVERY_TEST_RUN, IN_THE_LONG_ONE, 100))
def test_thousands_of_seeds(world: Any, first: int) -> None:
    for seed in range(first, first + 100):
        world.Simulation(seed).run()


def test_one_seed_is_one_history(world: Any) -> None:
    first, second, other = (world.Simulation(seed).run().log for seed in (11, 11, 12))
    assert first == second
    assert first != other


def test_the_worlds_hold_what_they_are_to_hold(world: Any) -> None:
    """A simulation in which nothing happens proves nothing."""
    runs = [world.Simulation(seed).run() for seed in range(15)]
    total: dict[str, int] = {}
    for run in runs:
        for event, count in run.notices.items():
            total[event] = total.get(event, 0) + count
    wanted = "trade_opened trade_closed entry_failed transaction_failed not_submitted store_away store_back chain_away"
    assert [event for event in wanted.split() if total.get(event, 0) < 5] == []
    assert sum(run.lives for run in runs) > 2 * len(runs)


# Each is a defect that a trader may well have; a simulation that does not find it is worth nothing.


def _forgets_that_bytes_were_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Submitting, "_may_land", lambda self, trade, attempt: None)


def _takes_silence_for_death(monkeypatch: pytest.MonkeyPatch) -> None:
    prove = ChainVenue.prove

    async def hasty(self: Any, last_valid: dict[str, int]) -> Any:
        return await prove(self, dict.fromkeys(last_valid, 0))

    monkeypatch.setattr(ChainVenue, "prove", hasty)


def _forgets_exits_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Leaving, "again", lambda self, trade, **how: setattr(trade, "retry_ns", 2**62))


def _books_a_fill_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    filled = Proving.filled

    def twice(self: Any, told: Any) -> None:
        filled(self, told)
        found = self.state.find(told.signature)
        if found is not None and found[1].side == "buy":
            found[1].state = AttemptState.LANDED
            filled(self, told)

    monkeypatch.setattr(Proving, "filled", twice)


def _submits_before_it_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hasty(self: Submission) -> None:
        trader = self._trader
        if trader.core.is_idle:
            return
        batch, work = trader.core.take(trader.clock.now_ns())
        self.work_on(work)
        await trader.sleep(0.2)
        try:
            await trader.store.write(batch)
        except AwayError:
            trader.core.put_back(batch, trader.clock.now_ns())

    monkeypatch.setattr(Submission, "flush", hasty)


def harsh(world: Any) -> Any:
    """Answers get lost, much is refused and the store is often away: most defects need all of these."""
    faults = world.Faults(lost=0.5, refuse=0.3, late=0.3, latest=40)
    return world.World(
        coins=6, signal_s=0.2, hold_s=8.0, chain_faults=faults, store_away=0.4, chain_away=0.2, store_lost=0.05, kills=1
    )


def test_a_harsh_world_breaks_nothing(world: Any) -> None:
    for seed in range(5):
        world.Simulation(seed, harsh(world)).run()


@pytest.mark.parametrize(
    "defect",
    [
        _forgets_that_bytes_were_seen,
        _takes_silence_for_death,
        _forgets_exits_that_failed,
        _books_a_fill_twice,
        _submits_before_it_stores,
    ],
)
def test_a_planted_defect_is_found(world: Any, defect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    defect(monkeypatch)
    for seed in range(40):
        try:
            world.Simulation(seed, harsh(world)).run()
        except Exception:  # a defect may also break the trader itself
            return
    pytest.fail("forty simulations did not find it")
