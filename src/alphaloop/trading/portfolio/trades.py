"""A trade from its decision to its end, and the transactions that were tried for it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from alphaloop.core.errors import StateError
from alphaloop.trading.portfolio.attempts import UNPROVED, Attempt, AttemptState
from alphaloop.trading.portfolio.inputs import Side

__all__ = ["ENDED", "HOLDING", "STEPS", "UNPROVED", "Attempt", "AttemptState", "ExitReason", "Trade", "TradeState"]


class ExitReason(StrEnum):
    """What ended a position; each outranks those below it, except for the last, which a person gives."""

    ANTI_SIGNAL = "anti_signal"
    TAKE_PROFIT = "take_profit"
    TRAILING_STOP = "trailing_stop"
    STOP_LOSS = "stop_loss"
    TIMEOUT = "timeout"
    MANUAL = "manual"


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
ENDED = frozenset({_T.CLOSED, _T.FAILED})
HOLDING = frozenset({_T.OPEN, _T.EXIT_SUBMITTED})

#: A step that is not here is a defect. A purchase may be proved to have landed before anybody said that it was sent,
#: and a purchase that was thought dead may turn out to have landed when the chain is read again.
STEPS: dict[TradeState, frozenset[TradeState]] = {
    _T.INTENT: frozenset({_T.SUBMITTED, _T.LANDED, _T.OPEN, _T.FAILED}),
    _T.SUBMITTED: frozenset({_T.INTENT, _T.LANDED, _T.OPEN, _T.FAILED}),
    _T.LANDED: frozenset({_T.OPEN, _T.SUBMITTED, _T.FAILED}),
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
    spent, received : int
        Of the wallet, everything included: above 0 both; what failed transactions cost is in `spent`.
    quantity : int
        Base units held.
    entry_price, exit_price : float
        Of the market with its fees; 0 while there is none.
    peak : float
        Highest price since the fill; `last` and `last_ns` are the newest.
    exit_wanted : str
        Reason of an exit that was decided; it stays until the trade is closed.
    retry_ns : int
        When an exit is tried again; 0 if one is under way or none is wanted.
    tries : int
        Sales that were tried, which is also the step of escalation.
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
    venue: str = "curve"
    state: TradeState = TradeState.INTENT
    attempts: list[Attempt] = []
    quantity: int = 0
    bought: int = 0
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
    buys: int = 0
    verifying: bool = False
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
        return self.state in ENDED and not any(attempt.state in UNPROVED for attempt in self.attempts)

    @property
    def net(self) -> int:
        """What the wallet gained."""
        return self.received - self.spent

    @property
    def reserved(self) -> int:
        """What its transactions under way may take from the free balance.

        Of several sales only one can do anything; the others cost their network fee at most.
        """
        return sum(attempt.most for attempt in self.attempts if attempt.state in UNPROVED)

    @property
    def reason_of_exit(self) -> ExitReason | None:
        """Why it is or was left."""
        return ExitReason(self.exit_wanted) if self.exit_wanted else None

    def unproved(self, side: Side | None = None) -> list[Attempt]:
        """Transactions that may land or have landed unread."""
        return [a for a in self.attempts if a.state in UNPROVED and (side is None or a.side == side)]
