"""The lives of an order and of a position, as tables: a step that is not in the table is a defect and raises."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from alphaloop.core.errors import StateError


class OrderState(StrEnum):
    """Where an order is in its life."""

    CREATED = "created"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    PARTLY_FILLED = "partly_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


class OrderStep(StrEnum):
    """What happens to an order."""

    SUBMIT = "submit"
    ACCEPT = "accept"
    FILL_PART = "fill_part"
    FILL = "fill"
    CANCEL = "cancel"
    REJECT = "reject"
    EXPIRE = "expire"


class PositionState(StrEnum):
    """Where a position is in its life."""

    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    ABANDONED = "abandoned"


class PositionStep(StrEnum):
    """What happens to a position."""

    ENTER = "enter"
    ABANDON = "abandon"
    LEAVE = "leave"
    STAY = "stay"
    CLOSE = "close"


_O, _S = OrderState, OrderStep
#: A venue may fill, cancel or refuse before its acknowledgement reaches us, so SUBMITTED leads wherever ACCEPTED does.
ORDER_STEPS: Mapping[tuple[OrderState, OrderStep], OrderState] = {
    (_O.CREATED, _S.SUBMIT): _O.SUBMITTED,
    (_O.SUBMITTED, _S.ACCEPT): _O.ACCEPTED,
    (_O.SUBMITTED, _S.REJECT): _O.REJECTED,
    (_O.SUBMITTED, _S.FILL_PART): _O.PARTLY_FILLED,
    (_O.SUBMITTED, _S.FILL): _O.FILLED,
    (_O.SUBMITTED, _S.CANCEL): _O.CANCELLED,
    (_O.SUBMITTED, _S.EXPIRE): _O.EXPIRED,
    (_O.ACCEPTED, _S.FILL_PART): _O.PARTLY_FILLED,
    (_O.ACCEPTED, _S.FILL): _O.FILLED,
    (_O.ACCEPTED, _S.CANCEL): _O.CANCELLED,
    (_O.ACCEPTED, _S.EXPIRE): _O.EXPIRED,
    (_O.PARTLY_FILLED, _S.FILL_PART): _O.PARTLY_FILLED,
    (_O.PARTLY_FILLED, _S.FILL): _O.FILLED,
    (_O.PARTLY_FILLED, _S.CANCEL): _O.CANCELLED,
    (_O.PARTLY_FILLED, _S.EXPIRE): _O.EXPIRED,
}

_P, _T = PositionState, PositionStep
#: A bracket at the venue may close an OPEN position without our asking; an exit order that dies leads back to OPEN.
POSITION_STEPS: Mapping[tuple[PositionState, PositionStep], PositionState] = {
    (_P.OPENING, _T.ENTER): _P.OPEN,
    (_P.OPENING, _T.ABANDON): _P.ABANDONED,
    (_P.OPEN, _T.LEAVE): _P.CLOSING,
    (_P.OPEN, _T.CLOSE): _P.CLOSED,
    (_P.CLOSING, _T.STAY): _P.OPEN,
    (_P.CLOSING, _T.CLOSE): _P.CLOSED,
}

State = TypeVar("State", OrderState, PositionState)
Step = TypeVar("Step", OrderStep, PositionStep)


def advance(table: Mapping[tuple[State, Step], State], state: State, step: Step, what: str) -> State:
    """Look up the state after `step`.

    Raises
    ------
    StateError
        If the table has no such step; `what` names the order or position.
    """
    try:
        return table[state, step]
    except KeyError:
        possible = ", ".join(sorted(s for before, s in table if before == state)) or "nothing"
        raise StateError(
            f"{what} is {state} and cannot {step}; possible from here: {possible}; compare the journal with the venue"
        ) from None
