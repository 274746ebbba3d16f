"""Rows that are the events themselves: coins as they are born, completed and migrated, and their trades."""

from __future__ import annotations

from typing import Final

import msgspec

from alphaloop.markets.pumpfun.emissions import Row
from alphaloop.markets.pumpfun.events import Complete, Create, Input, Migration, Trade

TOKEN_COLUMNS = (
    *("mint", "name", "symbol", "uri", "bonding_curve", "user", "creator", "token_program", "quote_mint", "signature"),
    *("slot", "event_ns", "known_ns", "supply", "mayhem", "cashback_coin"),
)


SAID_ONCE: Final = frozenset({"signals", "genesis_observations", "anti_signals"})
"""Tables of what was said, with the models of that time: a restart that replays events must not say it otherwise."""


class Change(msgspec.Struct, frozen=True):
    """New values in the rows of a table that have these values in the columns of `where`."""

    table: str
    where: dict[str, str]
    values: dict[str, str | int]


def rows_of(event: Input, *, trades: bool = True) -> Row | Change | None:
    """Give what the tables `tokens` and `trades` are to hold of an event; None if nothing."""
    if isinstance(event, Trade):
        return Row("trades", msgspec.structs.asdict(event)) if trades else None
    if isinstance(event, Create):
        return Row("tokens", {name: getattr(event, name) for name in TOKEN_COLUMNS})
    if isinstance(event, Complete):
        return Change("tokens", {"mint": event.mint}, {"completed_ns": event.known_ns})
    if isinstance(event, Migration):
        return Change("tokens", {"mint": event.mint}, {"migrated_ns": event.known_ns, "pool": event.pool})
    return None
