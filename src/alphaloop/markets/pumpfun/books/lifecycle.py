"""In which of eight states a token is.

===  ==================  ======================================================================================
no.  state               condition, tested in the order 7, 6, 0, 4, 3, 2, 1, 5; windows end at the moment judged
===  ==================  ======================================================================================
0    launch              younger than `launch_s`
1    early_accumulation  younger than `early_s`, more buys than sells in 60 s, buys not below the earlier pace
2    momentum            `momentum_buys` buys and `momentum_new_buyers` first buys in 60 s, more buys than sells,
                         buys at least `momentum_pace` times the earlier pace
3    euphoria            `euphoria_buys` buys and a net inflow of `euphoria_sol` in 60 s, price up by
                         `euphoria_rise` within them
4    distribution        `distribution_sellers` tracked wallets sold in 60 s, tracked wallets together took SOL
                         out, and all others together put SOL in
5    decline             buys at most `decline_pace` times the earlier pace, or no fewer sells than buys, in 60 s
6    dead                no trade for `dead_s`
7    graduated           the curve is complete
===  ==================  ======================================================================================

The earlier pace is that of the buys per minute in the 240 s before the last 60, or in as much of them as the token has
existed. Where no condition holds the state settles: launch and early accumulation stay (or become) early accumulation
while the token is younger than `early_s` and decline after that, euphoria becomes momentum, momentum, distribution and
decline stay, dead becomes decline. A token whose creation was not seen counts as old.

Tokens are judged each 60 s; creation, completion and the first trade after death are judged at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import IntEnum
from typing import ClassVar, Final

import msgspec
from pydantic import Field, model_validator

from alphaloop.core.clock import NS_PER_S, to_ns
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books.token_state import LONG_NS, SHORT_NS, Flow, TokenState
from alphaloop.markets.pumpfun.books.tokens import TokenBook
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL, AnyEvent, Complete, Create, Trade

_SHORT_S: Final = SHORT_NS / NS_PER_S
_LONG_S: Final = LONG_NS / NS_PER_S


class Stage(IntEnum):
    """The states, by the number that the feature `lifecycle_state` has."""

    LAUNCH = 0
    EARLY_ACCUMULATION = 1
    MOMENTUM = 2
    EUPHORIA = 3
    DISTRIBUTION = 4
    DECLINE = 5
    DEAD = 6
    GRADUATED = 7


class LifecycleSettings(Settings):
    """The limits of the states."""

    every_s: int = Field(default=60, gt=0, description="cadence of the judgement")
    launch_s: float = Field(default=60.0, gt=0, description="age below which a token is in launch")
    early_s: float = Field(default=300.0, gt=0, description="age below which a token may accumulate early")
    dead_s: float = Field(default=300.0, gt=0, description="time without a trade after which a token is dead")
    momentum_buys: int = Field(default=10, ge=1, description="buys in 60 s")
    momentum_new_buyers: int = Field(default=5, ge=0, description="first buys in 60 s")
    momentum_pace: float = Field(default=0.7, ge=0, description="buys in 60 s by the earlier buys per minute")
    euphoria_buys: int = Field(default=30, ge=1, description="buys in 60 s")
    euphoria_sol: float = Field(default=10.0, description="net inflow in 60 s, SOL")
    euphoria_rise: float = Field(default=0.3, description="rise of the price in 60 s, as a fraction")
    distribution_sellers: int = Field(default=2, ge=1, description="tracked wallets that sold in 60 s")
    decline_pace: float = Field(default=0.5, ge=0, description="buys in 60 s by the earlier buys per minute")

    @model_validator(mode="after")
    def _ordered(self) -> LifecycleSettings:
        if not self.launch_s <= self.early_s:
            raise ValueError(f"early_s must be at least launch_s = {self.launch_s}")
        return self


class Change(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A token went from one state to another; `before` is None at its first."""

    mint: str
    known_ns: int
    before: int | None
    after: int


class _State(msgspec.Struct, array_like=True, gc=False):
    alive: dict[str, int] = {}
    changes: list[Change] = []


class LifecycleBook:
    """The state of each living token; dead and graduated ones are told from the token book and cost nothing here.

    Update it after the token book that it reads. `is_tracked` is asked when a token is judged.
    """

    name: ClassVar[str] = "lifecycle"

    def __init__(self, settings: LifecycleSettings, tokens: TokenBook, is_tracked: Callable[[str], bool]) -> None:
        self.settings = settings
        self.every_s: int | None = settings.every_s
        self._tokens = tokens
        self._is_tracked = is_tracked
        self._dead_ns = to_ns(settings.dead_s)
        self._state = _State()
        self._alive = self._state.alive

    def update(self, event: AnyEvent) -> None:
        """Take in an event."""
        if isinstance(event, Trade):
            if event.mint not in self._alive and not event.quote_mint:
                self._judge(event.mint, event.known_ns)
        elif isinstance(event, Create | Complete) and not event.quote_mint:
            self._judge(event.mint, event.known_ns)

    def run(self, now_ns: int) -> None:
        """Judge the living tokens."""
        for mint in list(self._alive):
            self._judge(mint, now_ns)

    def _judge(self, mint: str, now_ns: int) -> None:
        token = self._tokens.get(mint)
        if token is None:
            self._alive.pop(mint, None)
            return
        before = self._alive.get(mint)
        if before is None and token.first_ns < now_ns:
            before = int(Stage.GRADUATED if 0 < token.completed_ns < now_ns else Stage.DEAD)
        after = self._stage(token, before, now_ns)
        if after == before:
            return
        self._state.changes.append(Change(mint, now_ns, before, int(after)))
        if after >= Stage.DEAD:
            self._alive.pop(mint, None)
        else:
            self._alive[mint] = int(after)

    def _stage(self, token: TokenState, before: int | None, now_ns: int) -> Stage:
        limits = self.settings
        if token.completed_ns:
            return Stage.GRADUATED
        idle_ns = now_ns - (token.last_ns or token.first_ns)
        if idle_ns >= self._dead_ns:
            return Stage.DEAD
        age_s = (now_ns - token.created_ns) / NS_PER_S if token.created_ns else math.inf
        if age_s < limits.launch_s:
            return Stage.LAUNCH
        if idle_ns >= SHORT_NS:  # no buy in 60 s is no more than no sell
            return Stage.DECLINE
        flow = token.flow(now_ns)
        if flow.sells_60s >= limits.distribution_sellers and self._distributes(token, flow, now_ns):
            return Stage.DISTRIBUTION
        return stage_by_flow(limits, flow, token.price, age_s) or _settled(limits, before, age_s)

    def _distributes(self, token: TokenState, flow: Flow, now_ns: int) -> bool:
        sellers: dict[str, None] = {}
        net = 0
        for _, is_buy, lamports, wallet, _, _ in token.since(now_ns - SHORT_NS):
            if self._is_tracked(wallet):
                net += lamports if is_buy else -lamports
                if not is_buy:
                    sellers[wallet] = None
        return len(sellers) >= self.settings.distribution_sellers and net < 0 < flow.net_60s - net

    def state(self, mint: str) -> int | None:
        """Give the state as last judged, 0 to 7; None if the token was never seen."""
        stage = self._alive.get(mint)
        if stage is not None:
            return stage
        token = self._tokens.get(mint)
        if token is None:
            return None
        return int(Stage.GRADUATED if token.completed_ns else Stage.DEAD)

    def changes(self) -> list[Change]:
        """Hand out the changes since the last call, each once."""
        changes, self._state.changes = self._state.changes, []
        return changes

    def save(self) -> bytes:
        """Give the whole state."""
        return msgspec.msgpack.encode(self._state)

    def restore(self, state: bytes) -> None:
        """Take over a state that `save` gave."""
        self._state = msgspec.msgpack.decode(state, type=_State)
        self._alive = self._state.alive


def stage_by_flow(limits: LifecycleSettings, flow: Flow, price: float, age_s: float) -> Stage | None:
    """State of a token past its launch by its flow alone: 3, 2, 1, 5 in this order, None if no condition holds."""
    buys, sells = flow.buys_60s, flow.sells_60s
    minutes = (min(age_s, _LONG_S) - _SHORT_S) / _SHORT_S
    pace, earlier = buys * minutes, flow.buys_300s - buys
    if (
        buys >= limits.euphoria_buys
        and flow.net_60s >= limits.euphoria_sol * LAMPORTS_PER_SOL
        and price >= (1.0 + limits.euphoria_rise) * flow.price_60s_ago
    ):
        return Stage.EUPHORIA
    if buys > sells:
        if (
            buys >= limits.momentum_buys
            and flow.new_buyers_60s >= limits.momentum_new_buyers
            and pace >= limits.momentum_pace * earlier
        ):
            return Stage.MOMENTUM
        if age_s < limits.early_s and pace >= earlier:
            return Stage.EARLY_ACCUMULATION
    if sells >= buys or pace <= limits.decline_pace * earlier:
        return Stage.DECLINE
    return None


def _settled(limits: LifecycleSettings, before: int | None, age_s: float) -> Stage:
    """State where no condition holds."""
    if before in (Stage.EUPHORIA, Stage.MOMENTUM):
        return Stage.MOMENTUM
    if before == Stage.DISTRIBUTION:
        return Stage.DISTRIBUTION
    if before in (Stage.LAUNCH, Stage.EARLY_ACCUMULATION) and age_s < limits.early_s:
        return Stage.EARLY_ACCUMULATION
    return Stage.DECLINE
