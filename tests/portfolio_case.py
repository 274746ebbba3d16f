"""A portfolio engine with somebody who carries out what it asks for at once, for tests.

    desk = Desk()
    decision = desk.score("A", 0.9)     # the order is made into transaction `desk.last`, and sent
    desk.land(price=2.0)                # which lands
    desk.mark("A", 4.0)
    assert desk.sales == [...]

Money is whole units; quantities are so large that a price of 2.0 is two units of money for one of the asset.
"""

from __future__ import annotations

from typing import Any

import msgspec

from alphaloop.core.clock import NS_PER_S
from alphaloop.trading.portfolio.engine import PortfolioEngine
from alphaloop.trading.portfolio.records import (
    Balance,
    Dead,
    Decision,
    Drafted,
    Failed,
    Filled,
    Landed,
    Mark,
    Notice,
    Opened,
    Order,
    Place,
    Refused,
    Scored,
    Sent,
    Submit,
    Tick,
    Verify,
    Warned,
)
from alphaloop.trading.portfolio.settings import PortfolioSettings
from alphaloop.trading.portfolio.trades import Trade

START_NS = 1_790_000_000 * NS_PER_S
SOL = 10**9
FEE = 5_000
TIP = 20_000
RENT = 2_000_000

STRATEGY = {
    "source": "signal",
    "model": "up",
    "score_threshold": 0.8,
    "take_profit": 2.0,
    "stop_loss": 0.4,
    "max_hold_s": 600.0,
}
PHASES = [
    {"min_balance": SOL // 5, "max_open": 1, "size_fraction": 0.2},
    {"min_balance": SOL, "max_open": 2},
    {"min_balance": 10 * SOL, "max_open": 5},
]


def settings(**changes: Any) -> PortfolioSettings:
    """The usual ones; a dictionary is laid over the usual table, anything else replaces it."""
    usual: dict[str, Any] = {
        "strategies": {"plain": STRATEGY},
        "phases": PHASES,
        "sizing": {"min_size": SOL // 50, "keep": SOL // 10, "liquidity_fraction": 1.0, "least_conviction": 1.0},
        "breakers": {"min_balance": SOL * 8 // 100},
    }
    for name, value in changes.items():
        over = isinstance(value, dict) and name not in ("strategies", "regimes")
        usual[name] = {**usual.get(name, {}), **value} if over else value
    return PortfolioSettings.parse(usual, "case")


def strategies(**changes: dict[str, Any]) -> dict[str, Any]:
    """Several like the plain one, each with what is its own."""
    return {name: {**STRATEGY, **own} for name, own in changes.items()}


class Desk:
    """See the module.

    Attributes
    ----------
    now_ns : int
        Stamped on whatever is told next; `wait` moves it.
    refusal : str
        Remedy with which every sale is refused; empty: it is made.
    told : list of input
        Everything so far.
    """

    def __init__(self, balance: int = 20 * SOL, made: PortfolioSettings | None = None, **changes: Any) -> None:
        self.engine = PortfolioEngine(made or settings(**changes))
        self.now_ns = START_NS
        self.refusal = ""
        self.sends = True
        self.told: list[Any] = []
        self.outputs: list[Any] = []
        self._number = 0
        if balance:
            self.tell(Balance, amount=balance)

    # -- telling ------------------------------------------------------------------------------------------------------

    def tell(self, kind: Any, **fields: Any) -> list[Any]:
        """Give an input, carry out what it leads to, and give that."""
        told = kind(**{"at_ns": self.now_ns, **fields})
        before = len(self.outputs)
        self._apply(told)
        return self.outputs[before:]

    def _apply(self, told: Any) -> None:
        self.told.append(told)
        for output in self._watched(told):
            self.outputs.append(output)
            if isinstance(output, Place):
                self._apply(self._made(output.order))
            elif isinstance(output, Submit) and self.sends:
                self._apply(Sent(at_ns=self.now_ns, signature=output.signature))

    def _watched(self, told: Any) -> list[Any]:
        """Apply an input, and see that whatever it changed is told as changed: nobody stores anything else."""
        state = self.engine.state
        before, account = self._records(), self._account()
        changed, account_changed = state.changed, state.account_changed
        state.changed, state.account_changed = {}, False
        try:
            outputs: list[Any] = self.engine.apply(told)
            after = self._records()
            silent = {name for name in before | after if before.get(name) != after.get(name)} - state.changed.keys()
            # What `Opened` brings is stored already.
            assert isinstance(told, Opened) or not silent, f"{told} changed {silent}, and nobody is told"
            assert isinstance(told, Opened) or state.account_changed or self._account() == account, f"{told}"
        finally:
            state.changed, state.account_changed = changed | state.changed, account_changed or state.account_changed
        return outputs

    def _records(self) -> dict[str, Any]:
        """All trades as they would be stored, without their newest price: it comes again."""
        found = {name: msgspec.to_builtins(trade) for name, trade in self.engine.state.trades.items()}
        for record in found.values():
            for name in ("last", "last_ns", "context"):
                record.pop(name)
        return found

    def _account(self) -> dict[str, Any]:
        return {name: value for name, value in self.engine.state.save_account().items() if name != "now_ns"}

    def _made(self, order: Order) -> Drafted | Refused:
        if order.side == "sell" and self.refusal:
            return Refused(at_ns=self.now_ns, order_id=order.order_id, reason="not now", remedy=self.refusal)
        self._number += 1
        return Drafted(
            at_ns=self.now_ns,
            order_id=order.order_id,
            signature=f"sig{self._number}",
            last_valid=1_000,
            most=FEE + TIP + (order.amount + RENT if order.side == "buy" else 0),
            tip=TIP,
            network=FEE,
        )

    def wait(self, seconds: float, *, tick: bool = True) -> list[Any]:
        """Let time pass."""
        self.now_ns += round(seconds * NS_PER_S)
        return self.tell(Tick) if tick else []

    def score(self, asset: str = "A", p: float = 0.9, **fields: Any) -> Decision:
        """A signal of now."""
        usual = {
            "signal_id": f"s{len(self.told)}",
            "asset": asset,
            "source": "signal",
            "known_ns": self.now_ns,
            "price": 1.0,
            "liquidity": 1_000 * SOL,
            "scores": {"up": p},
        }
        out = self.tell(Scored, **{**usual, **fields})
        return next(output for output in out if isinstance(output, Decision))

    def mark(self, asset: str, price: float, *, age_s: float = 0.0) -> list[Any]:
        """A price that is known since `age_s` ago."""
        return self.tell(Mark, asset=asset, price=price, known_ns=self.now_ns - round(age_s * NS_PER_S))

    def warn(self, asset: str, *, age_s: float = 0.0) -> list[Any]:
        """An exit warning."""
        return self.tell(Warned, asset=asset, warning_id="w", known_ns=self.now_ns - round(age_s * NS_PER_S))

    # -- the chain ----------------------------------------------------------------------------------------------------

    def land(self, signature: str = "", *, price: float = 1.0, share: float = 1.0, **fields: Any) -> list[Any]:
        """A transaction did what it was made for at this price: the last one, unless another is named."""
        signature = signature or self.last
        trade = self.engine.state.by_signature[signature]
        attempt = next(attempt for attempt in trade.attempts if attempt.signature == signature)
        if attempt.side == "buy":
            quantity = int(trade.budget / price)
            filled = {"quantity": quantity, "traded": trade.budget, "cash": -trade.budget - FEE - TIP - RENT}
            filled["remaining"] = quantity
        else:
            quantity = int(trade.quantity * share)
            traded = int(quantity * price)
            filled = {"quantity": quantity, "traded": traded, "cash": traded - FEE - TIP}
            filled["remaining"] = trade.quantity - quantity
        out = self.tell(Landed, signature=signature, slot=1)
        return out + self.tell(Filled, signature=signature, **{**filled, **fields})

    def fail(self, remedy: str = "requote", signature: str = "", cost: int = FEE) -> list[Any]:
        """A transaction landed and did nothing."""
        return self.tell(Failed, signature=signature or self.last, reason="no", remedy=remedy, cost=cost)

    def die(self, signature: str = "", *, after_s: float = 60.0) -> list[Any]:
        """A transaction will never land, as is known when its block hash is too old."""
        self.wait(after_s, tick=False)
        return self.tell(Dead, signature=signature or self.last)

    def hold(self, asset: str = "A", price: float = 1.0, p: float = 0.9, **fields: Any) -> Trade:
        """A position that was opened a second ago."""
        self.score(asset, p, price=price, **fields)
        self.land(price=price)
        self.wait(1.0)
        return self.trade(asset)

    # -- looking ------------------------------------------------------------------------------------------------------

    @property
    def last(self) -> str:
        """The newest transaction."""
        return f"sig{self._number}"

    @property
    def state(self) -> Any:
        return self.engine.state

    def trade(self, asset: str = "A") -> Trade:
        return self.engine.state.by_asset[asset]

    def of(self, kind: Any) -> list[Any]:
        """Outputs of one kind so far."""
        return [output for output in self.outputs if isinstance(output, kind)]

    @property
    def sales(self) -> list[Order]:
        return [output.order for output in self.of(Place) if output.order.side == "sell"]

    @property
    def buys(self) -> list[Order]:
        return [output.order for output in self.of(Place) if output.order.side == "buy"]

    @property
    def verifies(self) -> list[Verify]:
        return self.of(Verify)

    def notices(self, event: str) -> list[dict[str, Any]]:
        return [notice.fields for notice in self.of(Notice) if notice.event == event]

    def saved(self) -> dict[str, Any]:
        """The state as it would come back from a store."""
        return msgspec.json.decode(msgspec.json.encode(self.engine.state.save()))  # type: ignore[no-any-return]
