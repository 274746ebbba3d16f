"""The live state of curves on the bus, at a bounded rate that is counted in known time."""

from __future__ import annotations

import msgspec

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.emissions import Emission, Publish
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL
from alphaloop.markets.pumpfun.schedule import NEVER_NS, next_multiple
from alphaloop.markets.pumpfun.shelf import Shelf
from alphaloop.markets.pumpfun.signals.coin import coin_state
from alphaloop.markets.pumpfun.signals.messages import TokenState, encode
from alphaloop.markets.pumpfun.signals.settings import LiveSettings


class _State(msgspec.Struct):
    due_ns: int = NEVER_NS
    changed: dict[str, bool] = {}


class LiveStates:
    """Tells ``token:<mint>`` after a trade: the first of a period at once, the last of it when the period ends.

    Periods are `token_every_s` long and end at whole multiples of that since the epoch. So a reader is never further
    behind than one period, no token is told more than twice in one, and a replay tells the same states. Memory: one
    entry for each token that traded in the current period.
    """

    def __init__(self, settings: LiveSettings, shelf: Shelf, out: list[Emission]) -> None:
        self.settings, self.shelf, self.out = settings, shelf, out
        self._every_ns = settings.token_every_s * NS_PER_S
        self._state = _State()

    @property
    def due_ns(self) -> int:
        """When the current period ends."""
        return self._state.due_ns

    def changed(self, mint: str, known_ns: int) -> None:
        """Note an event of a token."""
        if not self._every_ns:
            return
        state = self._state
        if mint in state.changed:
            state.changed[mint] = True
            return
        state.changed[mint] = False
        if state.due_ns == NEVER_NS:
            state.due_ns = next_multiple(known_ns, self._every_ns)
        self._tell(mint, known_ns)

    def fire(self, due_ns: int) -> None:
        """End a period."""
        changed = self._state.changed
        self._state = _State()
        for mint, again in changed.items():
            if again:
                self._tell(mint, due_ns)

    def _tell(self, mint: str, now_ns: int) -> None:
        token = self.shelf.tokens.get(mint)
        if token is None:
            return
        flow = token.flow(now_ns)
        message = TokenState(
            token_mint=mint,
            known_ns=now_ns,
            last_trade_ns=token.last_ns,
            created_ns=token.created_ns,
            creator=token.creator,
            price=token.price,
            peak_price=token.peak_price,
            virtual_sol=token.virtual_sol,
            virtual_token=token.virtual_token,
            real_sol=token.real_sol,
            real_token=token.real_token,
            progress=token.progress,
            market_cap_sol=token.market_cap_sol,
            complete=bool(token.completed_ns),
            mayhem=token.mayhem,
            trades=token.trades,
            unique_buyers=len(token.buyers),
            buys_60s=flow.buys_60s,
            sells_60s=flow.sells_60s,
            buys_300s=flow.buys_300s,
            sells_300s=flow.sells_300s,
            sol_net_60s=flow.net_60s / LAMPORTS_PER_SOL,
            coin=coin_state(token),
        )
        self.out.append(Publish(f"token:{mint}", encode(message), self.settings.token_keep_s))

    def save(self) -> bytes:
        """Give the whole state."""
        return msgspec.msgpack.encode(self._state)

    def restore(self, state: bytes) -> None:
        """Take over a state that `save` gave."""
        self._state = msgspec.msgpack.decode(state, type=_State)
