"""Which wallets are bots, by three patterns; any one is enough.

- high-frequency: so many coins entered within a window of a few hours;
- micro-buyer: so many buys within a day, and their usual size is tiny;
- quick-flipper: so many round trips, and the usual one takes seconds.

A verdict holds for `memory_s` after the run that last saw a pattern; a wallet that mends its ways is no bot for ever.
Wallets are looked at once in `every_s`, and only those that traded since. A verdict is dropped at the first run after
it ended, when no answer depends on it any more.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec
from pydantic import Field

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books import samples
from alphaloop.markets.pumpfun.books.agenda import Agenda
from alphaloop.markets.pumpfun.books.roster import Wallet
from alphaloop.markets.pumpfun.books.stateful import StatefulBook
from alphaloop.markets.pumpfun.books.wallets import WalletBook
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL

HIGH_FREQUENCY, MICRO_BUYER, QUICK_FLIPPER = "high_frequency", "micro_buyer", "quick_flipper"


class BotSettings(Settings):
    """Limits of the three patterns."""

    every_s: int = Field(default=1800, ge=1, description="seconds between two looks")
    memory_s: int = Field(default=7 * 86_400, ge=0, description="a verdict holds for so long after a pattern was seen")
    fast_entries: int = Field(default=20, ge=2, description="high-frequency: coins entered")
    fast_window_s: int = Field(default=7200, ge=1, description="high-frequency: within so many seconds")
    micro_buys: int = Field(default=30, ge=2, description="micro-buyer: buys")
    micro_window_s: int = Field(default=86_400, ge=1, description="micro-buyer: within so many seconds")
    micro_median_sol: float = Field(default=0.02, gt=0, description="micro-buyer: median of the kept buys is below")
    flip_trips: int = Field(default=10, ge=2, description="quick-flipper: round trips")
    flip_median_s: float = Field(default=20.0, gt=0, description="quick-flipper: median holding time is below")


class BotState(msgspec.Struct):
    """Until when each verdict holds, by the number of the wallet, and which pattern it was."""

    until_ns: dict[int, int] = {}
    patterns: dict[int, str] = {}
    agenda: Agenda = msgspec.field(default_factory=lambda: Agenda(1))


class BotBook(StatefulBook[BotState]):
    """Who is a bot; see the module."""

    name: ClassVar[str] = "bots"
    form = BotState

    def __init__(self, wallets: WalletBook, settings: BotSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or BotSettings()
        self.state.agenda = Agenda(self.settings.every_s)
        self._wallets = wallets
        wallets.follow(self.name)

    @property
    def every_s(self) -> int:
        """Seconds between two looks."""
        return self.settings.every_s

    def run(self, now_ns: int) -> None:
        """Judge the wallets that changed, and drop the verdicts that ended."""
        for name in self.state.agenda.due(now_ns):
            self._expire(int(name), now_ns)
        for number in self._wallets.take_changed(self.name):
            wallet = self._wallets.get(number)
            pattern = self.pattern(wallet) if wallet is not None else None
            if pattern is None:
                continue
            until = now_ns + self.settings.memory_s * NS_PER_S
            if number not in self.state.until_ns:
                self.state.agenda.add(str(number), until)
            self.state.until_ns[number] = until
            self.state.patterns[number] = pattern

    def _expire(self, number: int, now_ns: int) -> None:
        until = self.state.until_ns[number]
        if until > now_ns:
            self.state.agenda.add(str(number), until)
        else:
            del self.state.until_ns[number], self.state.patterns[number]

    def is_bot(self, number: int) -> bool:
        """Say whether a verdict stands against the wallet of that number."""
        return number in self.state.until_ns

    def pattern(self, wallet: Wallet) -> str | None:
        """Name the first pattern that the last trades show, `HIGH_FREQUENCY`, `MICRO_BUYER` or `QUICK_FLIPPER`."""
        limits = self.settings
        if _within(wallet.entered_at, limits.fast_entries, limits.fast_window_s):
            return HIGH_FREQUENCY
        if (
            _within(wallet.bought_at, limits.micro_buys, limits.micro_window_s)
            and samples.median(samples.numbers(wallet.sizes)) < limits.micro_median_sol * LAMPORTS_PER_SOL
        ):
            return MICRO_BUYER
        results = wallet.results
        if (
            results is not None
            and results.trips >= limits.flip_trips
            and samples.median(samples.numbers(results.holds)) < limits.flip_median_s * NS_PER_S
        ):
            return QUICK_FLIPPER
        return None


def _within(times: bytes, count: int, window_s: int) -> bool:
    """Whether the last `count` times, as many as there must be, lie within `window_s` seconds."""
    return samples.count(times) >= count and samples.nth_last(times, 1) - samples.nth_last(times, count) <= (
        window_s * NS_PER_S
    )
