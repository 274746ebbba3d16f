"""Which of four regimes the whole market is in, judged by `regime_rules`.

The market is judged at whole multiples of `every_s`, from the eleven inputs of `Snapshot`. Windows end at that moment
and are counted in slices of `every_s`, ``[now - w, now)``: the clock comes before the events that are known at `now`.
An input is missing while its window reaches back before the first event; the averages of seven days use the whole
slices seen so far once they span `average_after_s`; a rate over no created token is missing; so are outcomes where
there were none. Volumes are buys and sells on curves priced in SOL, without fees.

Features (`RegimeBook.features`), all as of the last judgement and missing before the first: market_regime (the code),
regime_confidence, tokens_created_1h, graduation_rate_2h, sol_volume_1h (SOL), hit_rate_2x_6h. A judgement always names
a regime: transition without confidence where its inputs are missing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import msgspec

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.books.regime_rules import (
    DAY_S,
    HOUR_S,
    WEEK_S,
    Regime,
    RegimeSettings,
    Snapshot,
    judge,
)
from alphaloop.markets.pumpfun.books.stateful import StatefulBook
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL, AnyEvent, Complete, Create, Trade


class _Slice(msgspec.Struct, array_like=True, gc=False):
    created: int = 0
    graduated: int = 0
    lamports: int = 0
    outcomes: int = 0
    hits: int = 0
    multiples: list[float] = []
    newest_of: int = 0
    wallets: list[str] = []


__all__ = ["Regime", "RegimeBook", "RegimeSettings", "Snapshot"]


class RegimeBookState(msgspec.Struct, array_like=True, gc=False):
    """First event, slices by number, newest slice of each wallet, last judgement, uncollected judgements."""

    started_ns: int = 0
    slices: dict[int, _Slice] = {}
    seen_in: dict[str, int] = {}
    current: Snapshot = msgspec.field(default_factory=lambda: Snapshot(known_ns=0))
    snapshots: list[Snapshot] = []


class RegimeBook(StatefulBook[RegimeBookState]):
    """Counts per slice of the last seven days, and the last judgement.

    Memory: 1,008 slices at the default cadence, and the wallets of the last hour. What is dropped is older than the
    longest window that counts it.
    """

    name: ClassVar[str] = "regime"
    form = RegimeBookState

    def __init__(self, settings: RegimeSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or RegimeSettings()
        self.every_s: int | None = self.settings.every_s
        self._slice_ns = self.settings.every_s * NS_PER_S
        self.restored()

    def restored(self) -> None:
        """Take over what the state holds, for quick access."""
        self._slices, self._seen_in = self.state.slices, self.state.seen_in

    def update(self, event: AnyEvent) -> None:
        """Take in an event; coins that are not priced in SOL do not count."""
        if not self.state.started_ns:
            self.state.started_ns = event.known_ns
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
        self.state.current = msgspec.structs.replace(inputs, code=int(code), confidence=confidence)
        self.state.snapshots.append(self.state.current)

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
        started_ns = self.state.started_ns or now_ns
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
        return self.state.current.code, self.state.current.confidence

    def features(self, now_ns: int) -> dict[str, float]:
        """Give the six market-context features, as of the last judgement at or before `now_ns`."""
        snapshot = self.state.current
        judged = snapshot.known_ns > 0
        return {
            "market_regime": float(snapshot.code) if judged else math.nan,
            "regime_confidence": snapshot.confidence if judged else math.nan,
            "tokens_created_1h": snapshot.tokens_created_1h,
            "graduation_rate_2h": snapshot.graduation_rate_2h,
            "sol_volume_1h": snapshot.sol_volume_1h,
            "hit_rate_2x_6h": snapshot.hit_rate_2x_6h,
        }

    def snapshots(self) -> list[Snapshot]:
        """Hand out the judgements since the last call, each once."""
        snapshots, self.state.snapshots = self.state.snapshots, []
        return snapshots


def _known(whole: bool, value: float) -> float:
    return float(value) if whole else math.nan


def _ratio(part: float, whole: int) -> float:
    return part / whole if whole else math.nan


def _graduation(counts: list[_Slice]) -> float:
    return _ratio(sum(c.graduated for c in counts), sum(c.created for c in counts))
