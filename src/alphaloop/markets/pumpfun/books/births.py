"""The last day's tokens: their symbols, and what their makers bought and sold of them.

A copied symbol is a mark of a copied token; a maker who sells is the first to know.
"""

from __future__ import annotations

import math
from typing import ClassVar

import msgspec

from alphaloop.core.clock import NS_PER_DAY
from alphaloop.markets.pumpfun.events import AnyEvent, Create, Trade


class Birth(msgspec.Struct, gc=False):
    """A creation; `bought` and `sold` are base units that its creator or sender has traded on the curve."""

    known_ns: int
    symbol: str
    creator: str
    user: str
    bought: int = 0
    sold: int = 0


class _State(msgspec.Struct):
    births: dict[str, Birth] = {}
    uses: dict[str, int] = {}


class BirthBook:
    """Each token for 24 hours after its creation; letter case does not tell symbols apart.

    A token is forgotten as soon as a later creation is 24 hours younger: symbols are compared within a day, and what
    the maker of an older token holds counts as unknown.
    """

    name: ClassVar[str] = "births"
    every_s: int | None = None

    def __init__(self) -> None:
        self._state = _State()

    def update(self, event: AnyEvent) -> None:
        """Take in an event."""
        if isinstance(event, Trade):
            birth = self._state.births.get(event.mint)
            if birth is not None and event.wallet in (birth.creator, birth.user):
                if event.is_buy:
                    birth.bought += event.token_amount
                else:
                    birth.sold += event.token_amount
        elif isinstance(event, Create):
            self._create(event)

    def _create(self, event: Create) -> None:
        births, uses = self._state.births, self._state.uses
        oldest = event.known_ns - NS_PER_DAY
        while births and births[first := next(iter(births))].known_ns <= oldest:
            self._forget(first)
        if event.mint in births:
            self._forget(event.mint)
        births[event.mint] = Birth(event.known_ns, event.symbol, event.creator, event.user)
        folded = event.symbol.casefold()
        uses[folded] = uses.get(folded, 0) + 1

    def _forget(self, mint: str) -> None:
        folded = self._state.births.pop(mint).symbol.casefold()
        left = self._state.uses[folded] - 1
        if left:
            self._state.uses[folded] = left
        else:
            del self._state.uses[folded]

    def run(self, now_ns: int) -> None:
        """Do nothing: creations make room for themselves."""

    def symbol(self, mint: str) -> str:
        """Symbol of a token; empty if it was not created in the last day."""
        birth = self._state.births.get(mint)
        return birth.symbol if birth is not None else ""

    def namesakes(self, mint: str) -> int:
        """How many other tokens of the last day have the symbol of this one; 0 if it is not known."""
        birth = self._state.births.get(mint)
        return self._state.uses[birth.symbol.casefold()] - 1 if birth is not None else 0

    def maker_sold(self, mint: str) -> float:
        """Share of what its maker bought on the curve and has sold there; NaN if unknown or nothing was bought."""
        birth = self._state.births.get(mint)
        return birth.sold / birth.bought if birth is not None and birth.bought else math.nan

    def save(self) -> bytes:
        """Give the whole state."""
        return msgspec.msgpack.encode(self._state)

    def restore(self, state: bytes) -> None:
        """Take over a state that `save` gave."""
        self._state = msgspec.msgpack.decode(state, type=_State)
