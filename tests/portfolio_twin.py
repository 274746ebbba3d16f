"""A wallet, a few assets and a chain that decides which transactions land, around a portfolio engine: for any driver.

An action is a name and a number from which all its choices are drawn, so that a list of them is a history that can be
shortened and repeated. What is told is always true, but comes late, in any order, and twice; a node may lag by up to
`LAG_S`. After every input all invariants are checked against a recount from the ground up.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from alphaloop.core.clock import NS_PER_S
from alphaloop.trading.portfolio.engine import PortfolioEngine
from alphaloop.trading.portfolio.exits import reason_to_leave
from alphaloop.trading.portfolio.records import (
    Adopted,
    Balance,
    Command,
    Dead,
    Drafted,
    Failed,
    Filled,
    Holding,
    Landed,
    Learnt,
    Mark,
    NotStored,
    Opened,
    Order,
    Place,
    Refused,
    Scored,
    Sent,
    Submit,
    Tick,
    Unsent,
    Verify,
    Warned,
)
from alphaloop.trading.portfolio.settings import PortfolioSettings
from alphaloop.trading.portfolio.trades import ENDED, HOLDING, MAY_LAND, UNPROVED, Trade, TradeState
from portfolio_case import FEE, RENT, SOL, START_NS, TIP

ASSETS = "ABCD"
LAG_S = 10.0
BLOCK_S = 0.4
LIFE = 150
ACTIONS = (
    *("score",) * 8,
    *("tick",) * 6,
    *("mark",) * 3,
    *("submit", "land", "report") * 6,
    *("fail", "repeat", "verify", "holding", "balance", "wait") * 2,
    *("warn", "outside", "steal", "command", "restart", "adopt", "set_back"),
)


@dataclass
class Transaction:
    """What the chain knows of one: `fate` is empty until it landed or can land no more."""

    order: Order
    asset: str
    last_valid: int
    handed: bool = False
    fate: str = ""


@dataclass
class Step:
    """One input, what came of it, and the state after it, as they would be stored."""

    told: Any
    outputs: list[Any]
    saved: bytes


@dataclass
class Twin:
    """See the module."""

    settings: PortfolioSettings
    now_ns: int = START_NS
    wallet: int = 20 * SOL
    outside: int = 0
    steps: list[Step] = field(default_factory=list)
    trades: dict[str, Trade] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.engine = PortfolioEngine(self.settings)
        self.tokens: dict[str, int] = dict.fromkeys(ASSETS, 0)
        self.past: list[tuple[int, dict[str, int]]] = []
        self.prices: dict[str, float] = dict.fromkeys(ASSETS, 1.0)
        self.transactions: dict[str, Transaction] = {}
        self.waiting: list[Submit] = []
        self.reports: list[Callable[[int], Any]] = []
        self.given: list[tuple[int, Callable[[int], Any]]] = []
        self.asked: list[Verify] = []
        self.stolen: set[str] = set()
        self.height_ns = 0
        self.chance = random.Random(0)
        self.tell(Balance(at_ns=self.now_ns, amount=self.wallet))

    def act(self, name: str, number: int) -> None:
        """Do one action; one that has no object does nothing."""
        self.chance = random.Random(number)
        getattr(self, f"_{name}")()

    @property
    def height(self) -> int:
        return int(self.height_ns / (BLOCK_S * NS_PER_S))

    # -- telling ------------------------------------------------------------------------------------------------------

    def tell(self, told: Any) -> None:
        """Give an input, carry out what it leads to, and check everything."""
        outputs = self.engine.apply(told)
        self.steps.append(Step(told, list(outputs), msgspec.json.encode(self.engine.state.save())))
        for trade in self.engine.take_changes()[0]:
            self.trades[trade.trade_id] = trade
        self.check(outputs)
        for output in outputs:
            if isinstance(output, Place):
                self.tell(self._made(output.order))
            elif isinstance(output, Submit):
                self.waiting.append(output)
            elif isinstance(output, Verify):
                self.asked.append(output)

    def _made(self, order: Order) -> Drafted | Refused:
        if self.chance.random() < 0.1:
            remedy = self.chance.choice(["wait", "refresh", "use_pool", "give_up"])
            return Refused(at_ns=self.now_ns, order_id=order.order_id, reason="not now", remedy=remedy)
        signature = f"x{len(self.transactions)}"
        last_valid = self.height + LIFE
        self.transactions[signature] = Transaction(order, order.asset, last_valid)
        most = FEE + TIP + (order.amount + RENT if order.side == "buy" else 0)
        return Drafted(
            at_ns=self.now_ns, order_id=order.order_id, signature=signature, last_valid=last_valid, most=most
        )

    # -- what happens -------------------------------------------------------------------------------------------------

    def _score(self) -> None:
        asset, age_s = self.chance.choice(ASSETS), self.chance.choice([0.0, 0.1, 4.0])
        self.tell(
            Scored(
                at_ns=self._stamp(),
                signal_id=f"s{len(self.steps)}",
                asset=asset,
                source=self.chance.choice(["signal", "else"]),
                known_ns=self.now_ns - round(age_s * NS_PER_S),
                price=self.prices[asset],
                liquidity=self.chance.choice([0, *[10 * SOL, 10_000 * SOL] * 4]),
                scores={"up": self.chance.choice([0.7, 0.85, 0.95, 0.99]), "dead": self.chance.choice([0.1, 0.9])},
                regime=self.chance.choice(["", "", "bear"]),
                context={"price": self.prices[asset]},
            )
        )

    def _tick(self, seconds: float = 0.0) -> None:
        self.past.append((self.now_ns, dict(self.tokens)))
        passed = round((seconds or self.chance.choice([0.0, 0.25, 1.0, 3.0, 6.0])) * NS_PER_S)
        self.now_ns += passed
        self.height_ns += passed
        self._expire()
        self.tell(Tick(at_ns=self.now_ns))
        for trade in self.engine.state.trades.values():
            if trade.state in HOLDING and not trade.exit_wanted:
                strategy = self.settings.strategies[trade.strategy]
                assert reason_to_leave(trade, strategy, self.engine.state.now_ns) is None, "an exit was forgotten"

    def _wait(self) -> None:
        self._tick(self.chance.choice([16.0, 45.0, 70.0, 70.0, 400.0, 40_000.0]))

    def _set_back(self) -> None:
        self.now_ns -= round(self.chance.choice([1.5, 30.0, 4_000.0]) * NS_PER_S)
        self.past.clear()
        self.tell(Tick(at_ns=self.now_ns))

    def _mark(self) -> None:
        asset = self.chance.choice(ASSETS)
        self.prices[asset] *= self.chance.choice([0.3, 0.8, 0.95, 1.0, 1.05, 1.3, 2.1])
        known_ns = self.now_ns - round(self.chance.choice([0.0, 0.0, 0.2, 5.0]) * NS_PER_S)
        context = self.chance.choice([{}, {"price": self.prices[asset]}])
        self.tell(Mark(at_ns=self._stamp(), asset=asset, price=self.prices[asset], known_ns=known_ns, context=context))

    def _warn(self) -> None:
        known_ns = self.now_ns - round(self.chance.choice([0.0, 1.0, 30.0]) * NS_PER_S)
        self.tell(Warned(at_ns=self._stamp(), asset=self.chance.choice(ASSETS), warning_id="w", known_ns=known_ns))

    def _command(self) -> None:
        name = self.chance.choice(["stop_entries", *["resume", "clear_halt", "force_exit"] * 4])
        live = [trade.asset for trade in self.engine.state.trades.values() if not trade.exited_ns]
        if name != "force_exit":
            self.tell(Command(at_ns=self.now_ns, name=name))
        elif live:
            self.tell(Command(at_ns=self.now_ns, name=name, asset=self.chance.choice(live)))

    def _restart(self) -> None:
        """Everything that only the process knew is gone; what it handed over is not."""
        state = msgspec.json.decode(msgspec.json.encode(self.engine.state.save()))
        self.engine = PortfolioEngine(self.settings)
        self.waiting.clear()
        self.asked.clear()
        self.tell(
            Opened(at_ns=self.now_ns, deliberate=self.chance.random() < 0.5, state=state, settings=self.settings.hash)
        )

    # -- handing over -------------------------------------------------------------------------------------------------

    def _submit(self) -> None:
        submit = self._one_of(self.waiting)
        if submit is None:
            return
        now_ns, transaction = self._stamp(), self.transactions[submit.signature]
        way = self.chance.choice(["sent", "sent", "sent", "lost", "refused", "not_stored"])
        if way == "not_stored" and submit.side == "buy" and not transaction.handed:
            self.tell(NotStored(at_ns=now_ns, signature=submit.signature, reason="disk full"))
            transaction.fate = "discarded"
            return
        transaction.handed = True
        if way in ("lost", "refused"):
            # Refused by one road, or the answer lost: in truth it may be on its way, or not.
            transaction.handed = way == "lost" or transaction.handed
            self.reports.append(lambda at_ns: Unsent(at_ns=at_ns, signature=submit.signature, reason=way))
        else:
            self.reports.append(lambda at_ns: Sent(at_ns=at_ns, signature=submit.signature))

    # -- the chain ----------------------------------------------------------------------------------------------------

    def _pending(self) -> list[str]:
        return [
            signature
            for signature, transaction in self.transactions.items()
            if transaction.handed and not transaction.fate and self.height <= transaction.last_valid
        ]

    def _land(self) -> None:
        pending = self._pending()
        if pending:
            self.land(self.chance.choice(pending))

    def land(self, signature: str) -> None:
        """Carry a transaction out, if the chain can."""
        transaction = self.transactions[signature]
        order, asset = transaction.order, transaction.asset
        price = self.prices[asset] * self.chance.uniform(0.97, 1.03)
        if order.side == "buy" and self.wallet >= order.amount + FEE + TIP + RENT:
            quantity, traded = max(int(order.amount / price), 1), order.amount
            cash = -traded - FEE - TIP - self.chance.choice([0, RENT])
        elif order.side == "sell" and 0 < order.quantity <= self.tokens[asset] and self.wallet >= FEE + TIP:
            quantity = order.quantity if self.chance.random() < 0.9 else -(-order.quantity // 2)
            traded = int(quantity * price)
            cash = traded - FEE - TIP
        else:
            self._refuse(signature, "check_holding" if order.side == "sell" else "fund")
            return
        transaction.fate = "landed"
        self.wallet += cash
        self.tokens[asset] += quantity if order.side == "buy" else -quantity
        left = self.tokens[asset]
        self.reports.append(lambda at_ns: Landed(at_ns=at_ns, signature=signature, slot=1))
        self.reports.append(
            lambda at_ns: Filled(
                at_ns=at_ns,
                signature=signature,
                quantity=quantity,
                cash=cash,
                traded=traded,
                remaining=left,
                asset=asset,
                side=order.side,
            )
        )

    def _fail(self) -> None:
        pending = self._pending()
        if pending:
            self._refuse(self.chance.choice(pending), self.chance.choice(["requote", "requote", "refresh", "use_pool"]))

    def _refuse(self, signature: str, remedy: str) -> None:
        """It lands and does nothing, or cannot even pay for that."""
        if self.wallet < FEE:
            return
        self.transactions[signature].fate = "failed"
        self.wallet -= FEE
        self.reports.append(
            lambda at_ns: Failed(at_ns=at_ns, signature=signature, reason="no", remedy=remedy, cost=FEE)
        )

    def _expire(self) -> None:
        for signature, transaction in self.transactions.items():
            if not transaction.fate and self.height > transaction.last_valid:
                transaction.fate = "dead"
                self.reports.append(lambda at_ns, signature=signature: Dead(at_ns=at_ns, signature=signature))

    def _report(self) -> None:
        report = self._one_of(self.reports)
        if report is not None:
            self.given.append((self.height_ns, report))
            self.tell(report(self._stamp()))

    def _repeat(self) -> None:
        """Somebody tells a second time, not more than a quarter of an hour later."""
        young = [report for since_ns, report in self.given if self.height_ns - since_ns < 800 * NS_PER_S]
        if young:
            self.tell(self.chance.choice(young)(self._stamp()))

    # -- the wallet ---------------------------------------------------------------------------------------------------

    def _verify(self) -> None:
        verify = self._one_of(self.asked)
        if verify is None:
            return
        if verify.refresh:
            self.tell(Learnt(at_ns=self._stamp(), asset=verify.asset, context={"read": self.prices[verify.asset]}))
        self._say_holding(verify.asset)

    def _holding(self) -> None:
        self._say_holding(self.chance.choice(ASSETS))

    def _say_holding(self, asset: str) -> None:
        lagging = [held for at_ns, held in self.past if at_ns >= self.now_ns - LAG_S * NS_PER_S]
        held = self.chance.choice([self.tokens, self.tokens, *lagging])
        self.tell(Holding(at_ns=self.now_ns, asset=asset, quantity=held[asset]))

    def _balance(self) -> None:
        if not self.engine.state.unproved_orders:
            self.outside = 0
        self.tell(Balance(at_ns=self.now_ns, amount=self.wallet))

    def _outside(self) -> None:
        amount = self.chance.choice([SOL, 5 * SOL, -SOL])
        if self.wallet + amount >= 2 * SOL:
            self.wallet += amount
            self.outside += amount

    def _steal(self) -> None:
        """Somebody else sells or moves what the wallet holds, all or a part."""
        asset = self.chance.choice(ASSETS)
        if self.tokens[asset]:
            self.tokens[asset] = self.chance.choice([0, self.tokens[asset] // 3])
            self.stolen.add(asset)

    def _adopt(self) -> None:
        """Something is in the wallet that no trade explains."""
        asset = self.chance.choice(ASSETS)
        if asset in self.engine.state.by_asset or self.chance.random() < 0.7:
            return
        if not self.tokens[asset]:
            self.tokens[asset] = self.chance.randrange(1, SOL)
        cost = self.chance.choice([0, 1, SOL])
        self.stolen.discard(asset)
        self.tell(
            Adopted(
                at_ns=self.now_ns,
                asset=asset,
                quantity=self.tokens[asset],
                cost=cost,
                strategy="plain",
                bought_ns=self.chance.choice([0, self.now_ns - 100 * NS_PER_S]),
            )
        )

    # -- small things -------------------------------------------------------------------------------------------------

    def _stamp(self) -> int:
        """Now, or a little ago: what is told waited for something."""
        return self.now_ns - round(self.chance.choice([0.0, 0.0, 0.4, 20.0]) * NS_PER_S)

    def _one_of(self, them: list[Any]) -> Any:
        return them.pop(self.chance.randrange(len(them))) if them else None

    def settle(self) -> None:
        """All faults end: what is on its way lands or dies and is told; positions run out of time."""
        self.chance = random.Random(1)
        self.tell(Command(at_ns=self.now_ns, name="stop_entries"))
        self._made = self._always_made  # type: ignore[method-assign]
        for _ in range(200):
            if not self.engine.state.trades:
                break
            for submit in self.waiting:
                self.transactions[submit.signature].handed = True
            self.waiting.clear()
            for signature in self._pending():
                self.land(signature)
            self._tick(7.0)
            while self.reports:
                self._report()
            while self.asked:
                verify = self.asked.pop()
                self.tell(Holding(at_ns=self.now_ns, asset=verify.asset, quantity=self.tokens[verify.asset]))
        self._balance()

    def _always_made(self, order: Order) -> Drafted | Refused:
        self.chance = random.Random(len(self.transactions) + 77)
        while isinstance(made := Twin._made(self, order), Refused):
            self.chance = random.Random(self.chance.randrange(10**9))
        return made

    # -- what must hold -----------------------------------------------------------------------------------------------

    def check(self, outputs: list[Any]) -> None:
        """Hold after every input."""
        self._check_money()
        self._check_totals()
        self._check_outputs(outputs)
        state = self.engine.state
        longest_ns = round(NS_PER_S * max(15.0, *(step.wait_s for step in self.settings.selling.steps)))
        for trade in state.trades.values():
            assert len(trade.unproved("buy")) <= 1, "two purchases of one trade may land"
            if trade.state in HOLDING and trade.exit_wanted:
                placed = any(
                    isinstance(output, Place) and output.order.trade_id == trade.trade_id for output in outputs
                )
                assert placed or 0 < trade.retry_ns <= state.now_ns + longest_ns, "an exit has neither sale nor time"
            assert (trade.state is TradeState.EXIT_SUBMITTED) <= bool(trade.unproved("sell"))

    def _check_money(self) -> None:
        state = self.engine.state
        account, trades = state.account, self.trades.values()
        explained = account.deposited + sum(trade.received - trade.spent for trade in trades)
        assert account.balance == explained, f"the balance is {account.balance}, trades explain {explained}"
        assert state.free >= 0, "more may be spent than there is"
        closed = [trade for trade in trades if trade.state is TradeState.CLOSED]
        assert account.total_pnl == sum(trade.net for trade in closed)
        assert account.failed_cost == sum(trade.spent for trade in trades if trade.state is TradeState.FAILED)
        assert account.total_trades == len(closed)
        bought: dict[str, int] = {}
        for transaction in self.transactions.values():
            if transaction.order.side == "buy" and transaction.fate == "landed":
                bought[transaction.order.trade_id] = bought.get(transaction.order.trade_id, 0) + 1
        assert all(count == 1 for count in bought.values()), "a trade was bought twice"
        if not state.unproved_orders:
            assert account.balance + self.outside == self.wallet, "the account is not the wallet"
            for trade in state.trades.values():
                if trade.state in HOLDING and trade.asset not in self.stolen:
                    assert trade.quantity == self.tokens[trade.asset], "the trade is not what the wallet holds"

    def _check_totals(self) -> None:
        """Against a recount from the trades themselves."""
        state = self.engine.state
        live = list(state.trades.values())
        unproved = {trade.trade_id: [a for a in trade.attempts if a.state in UNPROVED] for trade in live}
        reserved = sum(attempt.most for attempts in unproved.values() for attempt in attempts)
        assert state.free == state.account.balance - reserved
        value = sum(int(trade.quantity * trade.last) for trade in live if trade.state in HOLDING)
        assert state.equity == state.account.balance + value
        assert state.open_positions == sum(trade.state not in ENDED for trade in live)
        assert state.unproved_orders == sum(bool(attempts) for attempts in unproved.values())
        assert state.by_asset == {trade.asset: trade for trade in live}
        assert len(state.by_asset) == len(live), "two trades in one asset"
        assert state.by_signature == {a.signature: trade for trade in live for a in trade.attempts}
        assert all(attempts or trade.state not in ENDED for trade in live for attempts in [unproved[trade.trade_id]])

    def _check_outputs(self, outputs: list[Any]) -> None:
        state, keep = self.engine.state, self.settings.sizing.keep
        for output in outputs:
            if isinstance(output, Submit):
                found = state.find(output.signature)
                assert found is not None
                assert found[1].state in MAY_LAND, "bytes of a known fate are to be submitted"
                assert output.side == "sell" or state.free >= keep or found[1].state == "sent", "what is kept is spent"
            elif isinstance(output, Place) and output.order.side == "buy":
                trade = state.trades[output.order.trade_id]
                assert not trade.unproved(), "a purchase is made while an older one may land"
                assert output.order.amount <= state.free - keep
