"""A start on the chain of the tests, and what is told of a landing that nobody can read."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import AwayError
from alphaloop.markets.pumpfun.live.core import TraderCore
from alphaloop.markets.pumpfun.live.execution import ExecutionSettings
from alphaloop.markets.pumpfun.live.reconcile import Findings, Reconciliation
from alphaloop.markets.pumpfun.live.settings import Pace, ReconcileSettings
from alphaloop.markets.pumpfun.live.standard import OVERHEAD, standard_portfolio
from alphaloop.markets.pumpfun.live.store import Loaded
from alphaloop.markets.pumpfun.live.trader import Trader
from alphaloop.markets.pumpfun.transactions.coins import read_coin
from alphaloop.markets.pumpfun.transactions.costs import most_rent, network_fee
from alphaloop.markets.pumpfun.transactions.orders import Buy
from alphaloop.trading.portfolio.engine import PortfolioEngine
from alphaloop.trading.portfolio.records import Filled, Notice, Scored
from live_case import ME, SOL, bytes_of, small
from live_chain import Fate
from live_orders import Road, buy, sale

ADOPT = "reach_2x_1h"


class Account:
    """A wallet's trader over a chain: each start has a new core, and knows what the last one stored."""

    def __init__(self) -> None:
        self.road = asyncio.run(Road(small()).ready())
        self.chain, self.notices = self.road.chain, list[Notice]()
        self.state: dict[str, Any] = {}

    def start(self, adopt: str = "") -> Findings:
        self.core = TraderCore(PortfolioEngine(standard_portfolio()), self.road.venue, self.notices.append)
        start = Reconciliation(self.core, self.road.venue, self.road.clock, ReconcileSettings(adopt=adopt))
        found = asyncio.run(start.run(Loaded(self.state, "", 1)))
        self.state = self.core.engine.state.save()
        return found

    def send(self, order: Any) -> str:
        asyncio.run(self.road.keeper.refresh("blockhash"))
        drafted = self.road.venue.prepare(order, self.road.clock.ns)
        asyncio.run(self.road.venue.submit(drafted.signature))
        self.road.advance(3)
        return str(drafted.signature)

    def told(self, event: str) -> list[dict[str, Any]]:
        return [dict(notice.fields) for notice in self.notices if notice.event == event]


def test_an_unknown_holding_is_taken_over_with_the_time_at_which_it_was_bought() -> None:
    account = Account()
    mint = account.chain.launch()
    account.send(buy(account.chain, mint))
    bought_ns = account.road.clock.ns
    account.road.advance(500)
    assert account.start(ADOPT).adopted == 1
    (trade,) = account.core.engine.state.trades.values()
    assert abs(trade.entered_ns - bought_ns) < 3 * NS_PER_S
    assert account.road.clock.ns - trade.entered_ns > 150 * NS_PER_S


def test_what_was_sold_again_is_no_part_of_the_price_of_what_is_taken_over() -> None:
    account = Account()
    mint = account.chain.launch()
    account.send(buy(account.chain, mint, 3 * SOL, order_id="t1.buy.1"))
    held = account.chain.held(ME, mint)
    account.send(sale(account.chain, mint, held, order_id="t1.sell.1"))
    account.road.advance(100)
    account.send(buy(account.chain, mint, SOL // 2, order_id="t2.buy.1"))
    bought_ns = account.road.clock.ns
    account.start(ADOPT)
    (trade,) = account.core.engine.state.trades.values()
    assert SOL // 4 < trade.spent <= SOL // 2
    assert abs(trade.entered_ns - bought_ns) < 3 * NS_PER_S


def test_a_start_does_not_wait_for_a_landing_that_nobody_can_read() -> None:
    account = Account()
    mint = account.chain.launch()
    account.start()
    trader = Trader(account.core, account.road.venue, None, None, None, account.road.clock, Pace())  # type: ignore[arg-type]
    strategy = standard_portfolio().strategies[ADOPT]
    now_ns = account.road.clock.ns
    account.core.tell(
        Scored(
            at_ns=now_ns,
            signal_id="s1",
            asset=mint,
            source="signal",
            known_ns=now_ns,
            price=0.03,
            liquidity=100 * SOL,
            scores={strategy.model: 0.99},
            context=account.chain.context(mint),
        )
    )
    (submit,) = account.core.take(now_ns)[1].submits
    trader.tell(asyncio.run(account.road.venue.submit(submit.signature)))
    account.road.advance(3)
    account.state = account.core.engine.state.save()
    account.road.venue = Dumb(account.road.venue, mint)  # type: ignore[assignment]
    found = account.start()
    assert (found.landed, found.unproved) == (1, 1)
    assert str(account.core.engine.state.by_asset[mint].state) == "landed"


@pytest.mark.parametrize("is_over", [False, True])
def test_what_a_sale_cost_that_no_row_tells_of_is_found_at_the_next_start(is_over: bool) -> None:
    account = Account()
    mint = account.chain.launch()
    account.send(buy(account.chain, mint))
    account.road.advance(200)
    account.start(ADOPT)
    (trade,) = account.core.engine.state.trades.values()
    account.chain.script(Fate("fail", error={"InstructionError": [2, {"Custom": 6003}]}))
    account.send(sale(account.chain, mint, trade.quantity))
    if is_over:
        account.send(sale(account.chain, mint, trade.quantity, order_id="t1.sell.2"))
    spent = trade.spent
    found = account.start()
    held = account.core.engine.state
    assert held.account.balance == account.chain.lamports(ME)
    assert account.told("balance_corrected")[1:] == []
    assert (found.found, len(held.trades)) == ((2, 0) if is_over else (1, 1))
    if is_over:
        assert held.account.stray_cost > 0
    else:
        assert next(iter(held.trades.values())).spent > spent
    account.start()
    assert account.core.engine.state.account == held.account


class Dumb:
    """A venue that cannot read the landings of one asset."""

    def __init__(self, venue: Any, dumb: str) -> None:
        self._venue, self.dumb = venue, dumb

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)

    async def fill(self, signature: str, asset: str, side: Any) -> Filled | None:
        if asset == self.dumb:
            raise AwayError("a node's transaction cannot be read; ask again")
        return await self._venue.fill(signature, asset, side)  # type: ignore[no-any-return]


def land_sales(account: Account, trader: Trader, mints: list[str]) -> None:
    """Sell these; the sales land, and nobody has read them yet."""
    for mint in mints:
        trader.command("force_exit", mint, "test")
    for submit in account.core.take(account.road.clock.ns)[1].submits:
        trader.tell(asyncio.run(account.road.venue.submit(submit.signature)))
    account.road.advance(3)


def test_a_landing_that_cannot_be_read_calls_a_person_once_and_holds_up_no_other() -> None:
    account = Account()
    mints = [account.chain.launch(name) for name in ("first", "second")]
    for mint in mints:
        account.send(buy(account.chain, mint))
    account.start(ADOPT)
    trades = {trade.asset: trade for trade in account.core.engine.state.trades.values()}
    road = account.road
    trader = Trader(account.core, Dumb(road.venue, mints[0]), None, None, None, road.clock, Pace())  # type: ignore[arg-type]
    account.core.venue = trader.venue
    land_sales(account, trader, mints)
    asyncio.run(trader.prove())
    assert str(trades[mints[1]].state) == "closed"
    assert str(trades[mints[0]].state) == "exit_submitted"
    assert account.told("fill_unread") == []
    road.advance(120)
    for _ in range(3):
        asyncio.run(trader.prove())
    (told,) = account.told("fill_unread")
    assert told["asset"] == mints[0]
    assert "cannot be read" in told["reason"]
    trader.venue.dumb = ""  # type: ignore[attr-defined]
    asyncio.run(trader.prove())
    assert str(trades[mints[0]].state) == "closed"


class Busy:
    """A venue during whose every reading of a landing a signal arrives."""

    def __init__(self, venue: Any, arrive: Callable[[], object]) -> None:
        self._venue, self._arrive = venue, arrive

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)

    async def fill(self, signature: str, asset: str, side: Any) -> Filled | None:
        self._arrive()
        return await self._venue.fill(signature, asset, side)  # type: ignore[no-any-return]


def test_a_signal_that_comes_while_landings_are_read_goes_before_what_they_tell() -> None:
    account = Account()
    mints = [account.chain.launch(name) for name in ("first", "second", "third")]
    for mint in mints:
        account.send(buy(account.chain, mint))
    account.start(ADOPT)
    near, far = socket.socketpair()
    near.setblocking(False)
    road, order = account.road, list[str]()
    venue = Busy(road.venue, lambda: far.send(b"signal"))
    trader = Trader(account.core, venue, None, None, None, road.clock, Pace())  # type: ignore[arg-type]
    account.core.venue = trader.venue
    land_sales(account, trader, mints)

    def hear() -> None:
        near.recv(100)
        order.append("signal")

    def tell(told: Any) -> None:
        if isinstance(told, Filled):
            order.append("filled")
        TraderCore.tell(account.core, told)

    async def prove() -> None:
        asyncio.get_running_loop().add_reader(near, hear)
        account.core.tell = tell  # type: ignore[method-assign]
        await trader.prove()
        asyncio.get_running_loop().remove_reader(near)

    with near, far:
        asyncio.run(prove())
    assert order == ["signal", "filled"] * 3


def test_the_standard_overhead_covers_whatever_a_purchase_can_cost_besides_its_price() -> None:
    execution = ExecutionSettings()
    units = max(execution.compute_units.values())
    rents = []
    for token in ("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"):
        chain = small()
        mint = chain.launch(token_program=token)
        coin, _ = read_coin(mint, token, bytes_of(chain, chain.coin(mint).curve))
        rents.append(most_rent(Buy(1, 1), coin))
    most = execution.tip.most + max(rents) + network_fee(units, execution.priority.most)
    assert most <= OVERHEAD < 2 * most
