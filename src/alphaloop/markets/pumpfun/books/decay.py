"""How fast the worth of following a wallet fades: by eight delays, the best one and the half-life.

For an entry of a followed wallet at time t, a follower that comes d seconds later buys at the reserves in force at t +
d. The delays d are `delays_s`, of which the first is no shorter than an order takes. Two things are measured:

- what is **left** to it, ``ln(highest price in [t + d, t + horizon_s] / price at t + d)``, at least 0: a rise that
  nobody sells the top of, before costs. Its mean over the entries is the wallet's decay curve;
- what it **keeps**, ``received / paid - 1``: a buy of `size_sol`, sold as a whole at the reserves in force at ``t +
  horizon_s``, after both trades' own effect on the price, the curve's fees and the network's (the trade of the
  outcomes). Where no buy is possible any more nothing is paid, and nothing kept.

Prices are those of the curve; a coin that left it is sold at its last reserves, near which its pool opens.

Computed once in `every_s` for the wallets with a newly resolved entry, from `min_entries` of them on:

- best follow delay: the delay at which most is kept on average, the shortest one of equals; NaN where nothing is kept
  at any: then the wallet is not to be followed like this at all;
- half-life: the delay at which half of what is left at the first delay remains, linear between the delays; the last
  delay where that is not reached (then it is that or longer), NaN where nothing is left even at the first.

Followed are the tracked wallets and those with an alpha of `follow_alpha` or more. Of one coin, `max_open` entries
are watched at a time; further ones are not measured. An entry's watch goes when it is resolved, a coin's prices with
its last watch, a wallet's curve when the wallet book forgets the wallet.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import ClassVar, Final, Self

import msgspec
from pydantic import Field, model_validator

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books.agenda import Agenda
from alphaloop.markets.pumpfun.books.alpha import AlphaBook
from alphaloop.markets.pumpfun.books.discovery import DiscoveryBook
from alphaloop.markets.pumpfun.books.peaks_since import Peaks
from alphaloop.markets.pumpfun.books.roster import Step
from alphaloop.markets.pumpfun.books.stateful import StatefulBook
from alphaloop.markets.pumpfun.books.wallets import WalletBook
from alphaloop.markets.pumpfun.curve.quotes import QuoteError, buy_exact_in, sale_proceeds
from alphaloop.markets.pumpfun.curve.reserves import Reserves
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL, AnyEvent, Trade
from alphaloop.markets.pumpfun.outcomes.settings import OutcomeSettings

NEVER_NS: Final = 2**62


class DecaySettings(Settings):
    """The delays and the horizon."""

    every_s: int = Field(default=3600, ge=1, description="seconds between two rounds")
    delays_s: tuple[int, ...] = Field(
        default=(1, 5, 15, 30, 60, 120, 300, 600), min_length=2, description="seconds after the entry, rising from 1"
    )
    horizon_s: int = Field(default=1800, ge=1, description="seconds after the entry within which the price is followed")
    min_entries: int = Field(default=5, ge=1, description="resolved entries from which a wallet has a decay")
    follow_alpha: float = Field(default=50.0, ge=0, le=100, description="alpha from which a wallet is followed")
    max_open: int = Field(default=64, ge=1, description="entries of one coin that are watched at a time")

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not all(a < b for a, b in pairwise((0, *self.delays_s, self.horizon_s))):
            raise ValueError(
                f"delays_s must rise from 1 or more, for nobody follows at once, and end before horizon_s, got "
                f"{self.delays_s}"
            )
        return self


class Bought(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """A follower's buy after a delay: the price then, base units, and lamports paid; 0 of both where it had no buy."""

    price: float
    tokens: int = 0
    paid: int = 0


class Watch(msgspec.Struct, array_like=True, gc=False):
    """An entry of a followed wallet, and a follower's buys at the delays that are over."""

    number: int
    entered_ns: int
    buys: list[Bought]


class Watched(msgspec.Struct, array_like=True, gc=False):
    """A coin with entries that are watched.

    Attributes
    ----------
    reserves : Reserves
        Of the curve, as they are in force.
    ends_ns : list of int
        For each delay, and last for the horizon, when it ends for the first entry for which it is not over; `NEVER_NS`
        where it is over for all.
    waiting : list of int
        The index of that entry in `open`.
    next_ns : int
        The first of `ends_ns`.
    open : list of Watch
        Oldest first.
    """

    reserves: Reserves
    ends_ns: list[int]
    waiting: list[int]
    next_ns: int = NEVER_NS
    peaks: Peaks = msgspec.field(default_factory=Peaks)
    open: list[Watch] = []


class Curve(msgspec.Struct, array_like=True, gc=False):
    """A wallet's resolved entries, the sums of what was left and kept at each delay, and what was made of them."""

    entries: int
    left: list[float]
    kept: list[float]
    best_delay_s: float = math.nan
    half_life_s: float = math.nan


class DecayState(msgspec.Struct):
    """What `DecayBook` knows."""

    coins: dict[str, Watched] = {}
    curves: dict[int, Curve] = {}
    changed: dict[int, None] = {}
    fresh: list[int] = []
    agenda: Agenda = msgspec.field(default_factory=lambda: Agenda(1))


class DecayBook(StatefulBook[DecayState]):
    """Decay of the followed wallets; see the module. Fed after the wallet book."""

    name: ClassVar[str] = "decay"
    form = DecayState

    def __init__(
        self,
        wallets: WalletBook,
        alpha: AlphaBook,
        discovery: DiscoveryBook,
        settings: DecaySettings | None = None,
        terms: OutcomeSettings | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings or DecaySettings()
        self.terms = terms or OutcomeSettings()
        self._size = round(self.terms.size_sol * LAMPORTS_PER_SOL)
        self._network = round(self.terms.network_sol * LAMPORTS_PER_SOL)
        self.state.agenda = Agenda(self.settings.every_s)
        self._wallets, self._alpha, self._discovery = wallets, alpha, discovery
        self._delays_ns = [delay * NS_PER_S for delay in self.settings.delays_s]
        self._dues_ns = [*self._delays_ns, self.settings.horizon_s * NS_PER_S]
        self._max_open = self.settings.max_open
        self._follow_alpha = self.settings.follow_alpha
        wallets.mourn(self.name)

    @property
    def every_s(self) -> int:
        """Seconds between two rounds."""
        return self.settings.every_s

    @property
    def fresh(self) -> list[int]:
        """Numbers of the wallets whose decay was computed in the last round."""
        return self.state.fresh

    def curve(self, number: int) -> Curve | None:
        """The decay of a wallet; None where no entry of it was resolved."""
        return self.state.curves.get(number)

    def update(self, event: AnyEvent) -> None:
        """Take in an event; only trades on the curve matter."""
        if not isinstance(event, Trade):
            return
        step = self._wallets.step
        if step is None:
            return
        watched = self.state.coins.get(event.mint)
        if watched is not None:
            if step.known_ns > watched.next_ns:
                self._advance(watched, step.known_ns)
            watched.reserves = _reserves(event)
            if watched.open:
                watched.peaks.push(step.known_ns, step.coin.price)
        if step.entry and self._followed(step):
            self._open(step, event, watched)

    def _followed(self, step: Step) -> bool:
        wallet = step.wallet
        return self._alpha.alpha(wallet.number) >= self._follow_alpha or self._discovery.is_tracked(wallet.address)

    def _open(self, step: Step, event: Trade, watched: Watched | None) -> None:
        now, price = step.known_ns, step.coin.price
        if watched is None:
            size = len(self._dues_ns)
            watched = self.state.coins[step.coin.mint] = Watched(_reserves(event), [NEVER_NS] * size, [0] * size)
            self.state.agenda.add(step.coin.mint, now + self._dues_ns[-1] + 1)
        if not watched.open:
            watched.peaks = Peaks([now], [price])
        if len(watched.open) < self._max_open:
            watched.open.append(Watch(step.wallet.number, now, []))
            watched.ends_ns = [min(end, now + due) for end, due in zip(watched.ends_ns, self._dues_ns, strict=True)]
            watched.next_ns = min(watched.ends_ns)

    def _advance(self, watched: Watched, now_ns: int) -> None:
        """Buy at what is in force at each delay that ended before `now_ns`, and resolve what is over."""
        ends_ns = watched.ends_ns
        for which, end_ns in enumerate(ends_ns):
            if now_ns > end_ns:
                self._end(watched, which, now_ns)
        if over := watched.waiting[-1]:
            del watched.open[:over]
            watched.waiting = [at - over for at in watched.waiting]
        watched.next_ns = min(ends_ns)

    def _end(self, watched: Watched, which: int, now_ns: int) -> None:
        """Let a delay, or the horizon, end for every entry for which it did before `now_ns`."""
        open_, due_ns, at = watched.open, self._dues_ns[which], watched.waiting[which]
        horizon, end_ns = which == len(self._delays_ns), watched.ends_ns[which]
        while now_ns > end_ns:
            if horizon:
                self._resolve(open_[at], watched)
            else:
                open_[at].buys.append(self._bought(watched.reserves))
            at += 1
            end_ns = open_[at].entered_ns + due_ns if at < len(open_) else NEVER_NS
        watched.waiting[which], watched.ends_ns[which] = at, end_ns

    def _bought(self, reserves: Reserves) -> Bought:
        price = reserves.price
        try:
            quote = buy_exact_in(reserves, self._size, self.terms.fees)
        except QuoteError:
            return Bought(price)
        return Bought(price, quote.token_amount, quote.total + self._network)

    def _resolve(self, watch: Watch, watched: Watched) -> None:
        curve, reserves, peaks = self.state.curves.get(watch.number), watched.reserves, watched.peaks
        if curve is None:
            size = len(self._delays_ns)
            curve = self.state.curves[watch.number] = Curve(0, [0.0] * size, [0.0] * size)
        curve.entries += 1
        for index, (delay, buy) in enumerate(zip(self._delays_ns, watch.buys, strict=True)):
            top = peaks.since(watch.entered_ns + delay)
            if top > buy.price > 0:
                curve.left[index] += math.log(top / buy.price)
            if buy.paid:
                received = sale_proceeds(reserves.virtual_token, reserves.virtual_sol, buy.tokens, self.terms.fees)
                curve.kept[index] += received / buy.paid - 1.0
        self.state.changed[watch.number] = None

    def run(self, now_ns: int) -> None:
        """Resolve the entries whose coin fell silent, then compute the decays that changed."""
        for mint in self.state.agenda.due(now_ns):
            watched = self.state.coins[mint]
            self._advance(watched, now_ns)
            if watched.open:
                self.state.agenda.add(mint, watched.open[-1].entered_ns + self._dues_ns[-1] + 1)
            else:
                del self.state.coins[mint]
        for number in self._wallets.take_forgotten(self.name):
            self.state.curves.pop(number, None)
            self.state.changed.pop(number, None)
        changed, self.state.changed = self.state.changed, {}
        self.state.fresh = []
        for number in changed:
            curve = self.state.curves[number]
            if curve.entries >= self.settings.min_entries:
                curve.best_delay_s, curve.half_life_s = self._summary(curve)
                self.state.fresh.append(number)

    def _summary(self, curve: Curve) -> tuple[float, float]:
        delays, left, kept = self.settings.delays_s, curve.left, curve.kept
        best = float(delays[kept.index(max(kept))]) if max(kept) > 0 else math.nan
        if left[0] <= 0:
            return best, math.nan
        half = 0.5 * left[0]
        for index in range(1, len(left)):
            if left[index] <= half:
                part = (left[index - 1] - half) / (left[index - 1] - left[index])
                return best, delays[index - 1] + part * (delays[index] - delays[index - 1])
        return best, float(delays[-1])


def _reserves(event: Trade) -> Reserves:
    return Reserves(event.virtual_token, event.virtual_sol, event.real_token, event.real_sol)
