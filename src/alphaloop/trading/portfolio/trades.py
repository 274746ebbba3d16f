"""A trade from its decision to its end, and the transactions that were tried for it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from alphaloop.core.errors import StateError
from alphaloop.trading.portfolio.attempts import MAY_LAND, UNPROVED, Attempt, AttemptState
from alphaloop.trading.portfolio.inputs import Side

__all__ = [
    "ENDED",
    "HOLDING",
    "MAY_LAND",
    "STEPS",
    "UNPROVED",
    "Attempt",
    "AttemptState",
    "ExitReason",
    "Trade",
    "TradeState",
]


class ExitReason(StrEnum):
    """What ended a position; each outranks those below it, except for the last, which a person gives."""

    ANTI_SIGNAL = "anti_signal"
    TAKE_PROFIT = "take_profit"
    TRAILING_STOP = "trailing_stop"
    STOP_LOSS = "stop_loss"
    TIMEOUT = "timeout"
    MANUAL = "manual"


MOST_ATTEMPTS = 128
"""Transactions of one trade that are remembered."""


class TradeState(StrEnum):
    """Where a trade is in its life.

    ``intent``: decided, nothing handed over; ``submitted``: its purchase may land; ``landed``: it did, but what it
    did is not read yet; ``open``; ``exit_submitted``: a sale may land; ``closed``; ``failed``: it never held anything.
    """

    INTENT = "intent"
    SUBMITTED = "submitted"
    LANDED = "landed"
    OPEN = "open"
    EXIT_SUBMITTED = "exit_submitted"
    CLOSED = "closed"
    FAILED = "failed"


_T = TradeState
# Tuples, because an enumeration's hash is slow and its identity is not.
ENDED = (_T.CLOSED, _T.FAILED)
HOLDING = (_T.OPEN, _T.EXIT_SUBMITTED)

#: A step that is not here is a defect. A purchase may be proved to have landed before anybody said that it was sent,
#: and a purchase that was thought dead may turn out to have landed when the chain is read again.
STEPS: dict[TradeState, frozenset[TradeState]] = {
    _T.INTENT: frozenset({_T.SUBMITTED, _T.LANDED, _T.OPEN, _T.FAILED}),
    _T.SUBMITTED: frozenset({_T.INTENT, _T.LANDED, _T.OPEN, _T.FAILED}),
    _T.LANDED: frozenset({_T.OPEN, _T.FAILED}),
    _T.OPEN: frozenset({_T.EXIT_SUBMITTED, _T.CLOSED}),
    _T.EXIT_SUBMITTED: frozenset({_T.OPEN, _T.CLOSED}),
    _T.CLOSED: frozenset(),
    _T.FAILED: frozenset(),
}


class Trade(msgspec.Struct, kw_only=True):
    """One position, wanted, held or past.

    Attributes
    ----------
    budget : int
        Money that the purchase may use.
    decided_ns : int
        By the trader's clock.
    known_ns : int
        When the signal's features were taken, by the clock that also stamps prices and warnings.
    spent, received : int
        Of the wallet, everything included: above 0 both; what failed transactions cost is in `spent`.
    quantity, bought, sold : int
        Base units held, ever bought, and ever sold.
    entry_price, exit_price : float
        Of the market with its fees, over all fills; 0 while there is none.
    peak : float
        Highest price since the fill; `last` and `last_ns` are the newest.
    exit_wanted : str
        Reason of an exit that was decided; it stays until the trade is closed.
    retry_ns : int
        When the next sale is tried, unless the one under way comes true before; 0 while no exit is wanted.
    tries : int
        Sales that were tried, which is also the step of escalation.
    refusals : int
        Sales in a row that could not even be made.
    buys : int
        Purchases that were tried.
    moved_ns : int
        When it was found to trade elsewhere than before; 0 if it was not.
    missing_ns : int
        Since when the wallet is said to hold less than `quantity`; 0 if it is not.
    verify_ns : int
        When the wallet is asked again; 0 if nothing is missing.
    is_gone : bool
        The wallet has said so twice, and only a sale under way can still explain it.
    """

    trade_id: str
    signal_id: str
    asset: str
    source: str
    strategy: str
    score: float
    budget: int
    decided_ns: int
    context: dict[str, Any]
    known_ns: int = 0
    venue: str = "curve"
    state: TradeState = TradeState.INTENT
    attempts: list[Attempt] = []
    quantity: int = 0
    bought: int = 0
    sold: int = 0
    spent: int = 0
    received: int = 0
    entry_price: float = 0.0
    exit_price: float = 0.0
    entered_ns: int = 0
    exited_ns: int = 0
    last: float = 0.0
    last_ns: int = 0
    peak: float = 0.0
    exit_wanted: str = ""
    exit_ns: int = 0
    retry_ns: int = 0
    tries: int = 0
    refusals: int = 0
    buys: int = 0
    moved_ns: int = 0
    missing_ns: int = 0
    verify_ns: int = 0
    is_gone: bool = False
    reason: str = ""

    def step(self, state: TradeState) -> None:
        """Go on to `state`.

        Raises
        ------
        StateError
            If no trade in its present state does that.
        """
        if state not in STEPS[self.state]:
            raise StateError(
                f"trade {self.trade_id} of {self.asset} is {self.state} and cannot become {state}; compare the journal "
                "with the chain"
            )
        self.state = state

    @property
    def is_over(self) -> bool:
        """Whether it is closed or failed and nothing of it can land any more."""
        return self.state in ENDED and not self.unproved()

    @property
    def net(self) -> int:
        """What the wallet gained."""
        return self.received - self.spent

    @property
    def reserved(self) -> int:
        """What its transactions under way may take from the free balance.

        Of several sales only one can do anything; the others cost their network fee at most.
        """
        return sum(attempt.most for attempt in self.unproved())

    @property
    def reason_of_exit(self) -> ExitReason | None:
        """Why it is or was left."""
        return ExitReason(self.exit_wanted) if self.exit_wanted else None

    def unproved(self, side: Side | None = None) -> list[Attempt]:
        """Transactions that may land or have landed unread."""
        return [a for a in self.attempts if a.state in UNPROVED and (side is None or a.side == side)]

    def prune(self) -> list[Attempt]:
        """Drop the oldest sales that did nothing where they have become many; what they cost stays booked.

        An asset that cannot be sold is tried for as long as it is held, and its record must not grow with that.
        """
        if len(self.attempts) <= MOST_ATTEMPTS:
            return []
        idle = [a for a in self.attempts if a.side == "sell" and not (a.is_unproved or a.is_filled)]
        dropped = idle[: len(self.attempts) - MOST_ATTEMPTS // 2]
        gone = {attempt.signature for attempt in dropped}
        self.attempts = [attempt for attempt in self.attempts if attempt.signature not in gone]
        return dropped

    def set_back(self, by_ns: int, now_ns: int) -> None:
        """Move the trader's own times back with its clock.

        Prices are stamped elsewhere; none that comes from now on may be passed over for one from the future.
        """
        self.last_ns = min(self.last_ns, now_ns)
        for name in _OWN_TIMES:
            if getattr(self, name):
                setattr(self, name, getattr(self, name) - by_ns)
        for attempt in self.attempts:
            if attempt.again_ns:
                attempt.again_ns -= by_ns
            if attempt.landed_ns:
                attempt.landed_ns -= by_ns


_OWN_TIMES = ("decided_ns", "entered_ns", "exit_ns", "retry_ns", "moved_ns", "missing_ns", "verify_ns")
