"""Everything that goes into the portfolio engine and comes out of it, in one place."""

from __future__ import annotations

from typing import TypeAlias

from alphaloop.trading.portfolio.inputs import (
    Adopted,
    Command,
    Input,
    Mark,
    Opened,
    Scored,
    Side,
    Tick,
    Warned,
)
from alphaloop.trading.portfolio.outputs import (
    Decision,
    Level,
    Notice,
    Order,
    Output,
    Place,
    Submit,
    Verify,
)
from alphaloop.trading.portfolio.reports import (
    Balance,
    Dead,
    Drafted,
    Failed,
    Filled,
    Holding,
    Landed,
    Learnt,
    NotStored,
    Refused,
    Sent,
    Unsent,
)
from alphaloop.trading.portfolio.trades import ExitReason

AnyInput: TypeAlias = (
    Opened
    | Scored
    | Mark
    | Warned
    | Tick
    | Drafted
    | Refused
    | NotStored
    | Sent
    | Unsent
    | Landed
    | Filled
    | Failed
    | Dead
    | Holding
    | Learnt
    | Balance
    | Adopted
    | Command
)

__all__ = [
    "Adopted",
    "AnyInput",
    "Balance",
    "Command",
    "Dead",
    "Decision",
    "Drafted",
    "ExitReason",
    "Failed",
    "Filled",
    "Holding",
    "Input",
    "Landed",
    "Learnt",
    "Level",
    "Mark",
    "NotStored",
    "Notice",
    "Opened",
    "Order",
    "Output",
    "Place",
    "Refused",
    "Scored",
    "Sent",
    "Side",
    "Submit",
    "Tick",
    "Unsent",
    "Verify",
    "Warned",
]
