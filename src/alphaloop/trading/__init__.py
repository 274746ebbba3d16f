"""Pure trading: policy, sizing, breakers, exits, ledger, engine, paper venue, results; no I/O."""

from __future__ import annotations

from alphaloop.trading.engine import Engine
from alphaloop.trading.ledger import Ledger
from alphaloop.trading.plan import Plan
from alphaloop.trading.results import Result
from alphaloop.trading.session import Session
from alphaloop.trading.venue import PaperVenue, Venue

__all__ = ["Engine", "Ledger", "PaperVenue", "Plan", "Result", "Session", "Venue"]
