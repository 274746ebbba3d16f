"""Which of four regimes the whole market is in.

The rules are tested in this order; a rule with a missing input does not hold, and where none holds the market is in
transition:

====  =============  ==================================================================================================
code  regime         rule (limits are settings)
====  =============  ==================================================================================================
0     bear           graduation_rate_24h < 2 %, tokens_created_1h < 15 and sol_volume_1h < 50
3     bull_euphoria  graduation_rate_2h > 8 %, tokens_created_1h > 100 and sol_volume_1h > 500
1     transition     tokens_created_1h or graduation_rate_2h more than 50 % away from its average of 7 days
2     bull_normal    graduation_rate_2h > 3 % and tokens_created_1h > 30
====  =============  ==================================================================================================

Confidence: bear and euphoria have ``0.5 + 0.5 m``, where `m` is the smallest distance of their inputs beyond the limit,
as a share of the limit and at most 1; normal and transition have 0.6. Before the inputs of the last two hours are known
the regime is transition with confidence 0.

The market is judged at whole multiples of `every_s`, from the eleven inputs of `Snapshot`. Windows end at that moment
and are counted in slices of `every_s`, ``[now - w, now)``: the clock comes before the events that are known at `now`.
An input is missing while its window reaches back before the first event; the averages of seven days use the whole
slices seen so far once they span `average_after_s`; a rate over no created token is missing; so are outcomes where
there were none. Volumes are buys and sells on curves priced in SOL, without fees.

Features (`RegimeBook.features`), all as of the last judgement and missing before the first: market_regime (the code),
regime_confidence, tokens_created_1h, graduation_rate_2h, sol_volume_1h (SOL), hit_rate_2x_6h. The regime itself is
never missing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import IntEnum
from typing import ClassVar, Final

import msgspec
from pydantic import Field, model_validator

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL, AnyEvent, Complete, Create, Trade

HOUR_S: Final = 3_600
DAY_S: Final = 86_400
WEEK_S: Final = 7 * DAY_S
_STEADY: Final = 0.6


class Regime(IntEnum):
    """The regimes, by the number that the feature `market_regime` has."""

    BEAR = 0
    TRANSITION = 1
    BULL_NORMAL = 2
    BULL_EUPHORIA = 3


class RegimeSettings(Settings):
    """Cadence and limits. Rates are fractions, tokens and SOL are per hour."""

    every_s: int = Field(default=600, gt=0, description="cadence of the judgement and width of a slice")
    average_after_s: int = Field(default=DAY_S, gt=0, description="history from which the 7-day averages are known")
    euphoria_graduation: float = Field(default=0.08, gt=0)
    euphoria_tokens: float = Field(default=100.0, gt=0)
    euphoria_sol: float = Field(default=500.0, gt=0)
    normal_graduation: float = Field(default=0.03, gt=0)
    normal_tokens: float = Field(default=30.0, gt=0)
    transition_distance: float = Field(default=0.5, gt=0, description="share of the average")
    bear_graduation: float = Field(default=0.02, gt=0)
    bear_tokens: float = Field(default=15.0, gt=0)
    bear_sol: float = Field(default=50.0, gt=0)

    @model_validator(mode="after")
    def _divides(self) -> RegimeSettings:
        if HOUR_S % self.every_s:
            raise ValueError(f"every_s must divide an hour, got {self.every_s}")
        return self


class Snapshot(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A judgement at `known_ns` and its eleven inputs; NaN is missing.

    Parameters
    ----------
    tokens_created_1h, tokens_created_24h : float
        Tokens created in the window.
    tokens_created_7d : float
        Tokens created per hour, on average over seven days.
    graduation_rate_2h, graduation_rate_24h, graduation_rate_7d : float
        Curves completed in the window by tokens created in it.
    sol_volume_1h, sol_volume_24h : float
        SOL.
    active_wallets_1h : float
        Distinct wallets that traded.
    peak_multiple_6h, hit_rate_2x_6h : float
        Mean highest price multiple, and share that reached 2x, of the own signals resolved in the window.
    """

    known_ns: int
    code: int = Regime.TRANSITION
    confidence: float = 0.0
    tokens_created_1h: float = math.nan
    tokens_created_24h: float = math.nan
    tokens_created_7d: float = math.nan
    graduation_rate_2h: float = math.nan
    graduation_rate_24h: float = math.nan
    graduation_rate_7d: float = math.nan
    sol_volume_1h: float = math.nan
    sol_volume_24h: float = math.nan
    active_wallets_1h: float = math.nan
    peak_multiple_6h: float = math.nan
    hit_rate_2x_6h: float = math.nan


class _Slice(msgspec.Struct, gc=False):
    created: int = 0
    graduated: int = 0
    lamports: int = 0
    outcomes: int = 0
    hits: int = 0
    multiples: list[float] = []
    newest_of: int = 0
    wallets: list[str] = []


class _State(msgspec.Struct, gc=False):
    started_ns: int = 0
    slices: dict[int, _Slice] = {}
    seen_in: dict[str, int] = {}
    current: Snapshot = msgspec.field(default_factory=lambda: Snapshot(known_ns=0))
    snapshots: list[Snapshot] = []


class RegimeBook:
    """Counts per slice of the last seven days, and the last judgement.

    Memory: 1,008 slices at the default cadence, and the wallets of the last hour. What is dropped is older than the
    longest window that counts it.
    """

    name: ClassVar[str] = "regime"

    def __init__(self, settings: RegimeSettings | None = None) -> None:
        self.settings = settings or RegimeSettings()
        self.every_s: int | None = self.settings.every_s
        self._slice_ns = self.settings.every_s * NS_PER_S
        self._take_over(_State())

    def _take_over(self, state: _State) -> None:
        self._state, self._slices, self._seen_in = state, state.slices, state.seen_in

    def update(self, event: AnyEvent) -> None:
        """Take in an event; coins that are not priced in SOL do not count."""
        if not self._state.started_ns:
            self._state.started_ns = event.known_ns
        if isinstance(event, Trade):
            if not event.quote_mint:
                number = event.known_ns // self._slice_ns
                now = self._slices.get(number) or self._slice(number)
                now.lamports += event.sol_amount
                if self._seen_in.get(event.wallet) != number:
                    self._see(event.wallet, number, now)
        elif isinstance(event, Create):
            if not event.quote_mint:
                self._slice(event.known_ns // self._slice_ns).created += 1
        elif isinstance(event, Complete) and not event.quote_mint:
            self._slice(event.known_ns // self._slice_ns).graduated += 1

    def _slice(self, number: int) -> _Slice:
        return self._slices.setdefault(number, _Slice())

    def _see(self, wallet: str, number: int, now: _Slice) -> None:
        """Count a wallet in the newest slice that it traded in, and in no other."""
        before = self._slices.get(self._seen_in.get(wallet, -1))
        if before is not None:
            before.newest_of -= 1
        self._seen_in[wallet] = number
        now.newest_of += 1
        now.wallets.append(wallet)

    def outcome(self, hit: bool, resolved_ns: int, *, peak_multiple: float = math.nan) -> None:
        """Take in that one of our own signals was resolved.

        Parameters
        ----------
        hit : bool
            Whether its price reached twice the entry.
        resolved_ns : int
            When that was known.
        peak_multiple : float
            Highest price by entry; NaN keeps the signal out of the mean.
        """
        current = self._slice(resolved_ns // self._slice_ns)
        current.outcomes += 1
        current.hits += hit
        if not math.isnan(peak_multiple):
            current.multiples.append(peak_multiple)

    def run(self, now_ns: int) -> None:
        """Judge the market."""
        self._drop(now_ns)
        inputs = self._inputs(now_ns)
        code, confidence = judge(self.settings, inputs)
        self._state.current = msgspec.structs.replace(inputs, code=int(code), confidence=confidence)
        self._state.snapshots.append(self._state.current)

    def _drop(self, now_ns: int) -> None:
        """Drop the slices older than a week and the wallets last seen more than an hour ago."""
        week, hour = (now_ns // self._slice_ns - span * NS_PER_S // self._slice_ns for span in (WEEK_S, HOUR_S))
        for number in [number for number in self._slices if number < week]:
            self._drop_wallets(number)
            del self._slices[number]
        for number in [number for number, counts in self._slices.items() if number < hour and counts.wallets]:
            self._drop_wallets(number)

    def _drop_wallets(self, number: int) -> None:
        old = self._slices[number]
        for wallet in old.wallets:
            if self._seen_in.get(wallet) == number:
                del self._seen_in[wallet]
        old.wallets, old.newest_of = [], 0

    def _window(self, now_ns: int, span_s: int) -> Iterator[_Slice]:
        """Give the slices of ``[now - span, now)``, oldest first."""
        end = now_ns // self._slice_ns
        for number in range(end - span_s * NS_PER_S // self._slice_ns, end):
            counts = self._slices.get(number)
            if counts is not None:
                yield counts

    def _inputs(self, now_ns: int) -> Snapshot:
        started_ns = self._state.started_ns or now_ns
        history_s = (now_ns - started_ns) / NS_PER_S
        whole_s = (now_ns // self._slice_ns + -started_ns // self._slice_ns) * self.settings.every_s
        hour, two, day, week = (list(self._window(now_ns, span)) for span in (HOUR_S, 2 * HOUR_S, DAY_S, WEEK_S))
        has_hour, has_day = history_s >= HOUR_S, history_s >= DAY_S
        if whole_s < WEEK_S:
            week = list(self._window(now_ns, whole_s))
        averaged_s = min(whole_s, WEEK_S)
        has_average = averaged_s >= self.settings.average_after_s
        resolved = list(self._window(now_ns, 6 * HOUR_S))
        multiples = [multiple for counts in resolved for multiple in counts.multiples]
        created_week = sum(counts.created for counts in week)
        return Snapshot(
            known_ns=now_ns,
            tokens_created_1h=_known(has_hour, sum(counts.created for counts in hour)),
            tokens_created_24h=_known(has_day, sum(counts.created for counts in day)),
            tokens_created_7d=_known(has_average, created_week * HOUR_S / max(1, averaged_s)),
            graduation_rate_2h=_known(history_s >= 2 * HOUR_S, _graduation(two)),
            graduation_rate_24h=_known(has_day, _graduation(day)),
            graduation_rate_7d=_known(has_average, _graduation(week)),
            sol_volume_1h=_known(has_hour, sum(counts.lamports for counts in hour) / LAMPORTS_PER_SOL),
            sol_volume_24h=_known(has_day, sum(counts.lamports for counts in day) / LAMPORTS_PER_SOL),
            active_wallets_1h=_known(has_hour, sum(counts.newest_of for counts in hour)),
            peak_multiple_6h=_ratio(math.fsum(multiples), len(multiples)),
            hit_rate_2x_6h=_ratio(sum(c.hits for c in resolved), sum(c.outcomes for c in resolved)),
        )

    def current(self) -> tuple[int, float]:
        """Give code and confidence of the last judgement; transition with confidence 0 before the first."""
        return self._state.current.code, self._state.current.confidence

    def features(self, now_ns: int) -> dict[str, float]:
        """Give the six market-context features, as of the last judgement at or before `now_ns`."""
        snapshot = self._state.current
        return {
            "market_regime": float(snapshot.code),
            "regime_confidence": snapshot.confidence,
            "tokens_created_1h": snapshot.tokens_created_1h,
            "graduation_rate_2h": snapshot.graduation_rate_2h,
            "sol_volume_1h": snapshot.sol_volume_1h,
            "hit_rate_2x_6h": snapshot.hit_rate_2x_6h,
        }

    def snapshots(self) -> list[Snapshot]:
        """Hand out the judgements since the last call, each once."""
        snapshots, self._state.snapshots = self._state.snapshots, []
        return snapshots

    def save(self) -> bytes:
        """Give the whole state."""
        return msgspec.msgpack.encode(self._state)

    def restore(self, state: bytes) -> None:
        """Take over a state that `save` gave."""
        self._take_over(msgspec.msgpack.decode(state, type=_State))


def judge(limits: RegimeSettings, inputs: Snapshot) -> tuple[Regime, float]:
    """Regime and confidence for the inputs, by the rules of the module; whatever `inputs` says of both is ignored."""
    created, sol, graduation = inputs.tokens_created_1h, inputs.sol_volume_1h, inputs.graduation_rate_2h
    below = (
        1.0 - inputs.graduation_rate_24h / limits.bear_graduation,
        1.0 - created / limits.bear_tokens,
        1.0 - sol / limits.bear_sol,
    )
    if all(distance > 0 for distance in below):
        return Regime.BEAR, 0.5 + 0.5 * min(1.0, *below)
    above = (
        graduation / limits.euphoria_graduation - 1.0,
        created / limits.euphoria_tokens - 1.0,
        sol / limits.euphoria_sol - 1.0,
    )
    if all(distance > 0 for distance in above):
        return Regime.BULL_EUPHORIA, 0.5 + 0.5 * min(1.0, *above)
    away = limits.transition_distance
    if (
        abs(created - inputs.tokens_created_7d) > away * inputs.tokens_created_7d
        or abs(graduation - inputs.graduation_rate_7d) > away * inputs.graduation_rate_7d
    ):
        return Regime.TRANSITION, _STEADY
    if graduation > limits.normal_graduation and created > limits.normal_tokens:
        return Regime.BULL_NORMAL, _STEADY
    return Regime.TRANSITION, 0.0 if math.isnan(created) or math.isnan(graduation) else _STEADY


def _known(whole: bool, value: float) -> float:
    return float(value) if whole else math.nan


def _ratio(part: float, whole: int) -> float:
    return part / whole if whole else math.nan


def _graduation(counts: list[_Slice]) -> float:
    return _ratio(sum(c.graduated for c in counts), sum(c.created for c in counts))
