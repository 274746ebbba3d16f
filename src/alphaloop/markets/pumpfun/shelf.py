"""Every book of the market, built from one tree of settings, in the one order in which events reach them.

1. tokens        curve, price, windows of 300 s        reads nothing
2. births        symbols, what makers bought and sold  reads nothing
3. candles       one-minute candles                    reads nothing
4. washing       wash trading                          reads nothing
5. bundles       wallets that buy together             reads tokens
6. intelligence  wallets, creators, graph: its books in its own order
7. lifecycle     state of each token                   reads tokens, and whom intelligence tracks
8. crowding      stakes of tracked wallets             reads tokens, and whom intelligence tracks
9. regime        state of the market                   reads nothing; is told what came of signals
10. peaks        what came of signals                  reads nothing

Timers that are due together run in the same order. Each book has taken in an event when a later one asks it.
"""

from __future__ import annotations

from typing import Final

from alphaloop.markets.pumpfun.books.births import BirthBook
from alphaloop.markets.pumpfun.books.book import Book
from alphaloop.markets.pumpfun.books.bundles import BundleBook
from alphaloop.markets.pumpfun.books.candles import CandleBook
from alphaloop.markets.pumpfun.books.crowding import CrowdingBook
from alphaloop.markets.pumpfun.books.intelligence import Intelligence
from alphaloop.markets.pumpfun.books.lifecycle import LifecycleBook
from alphaloop.markets.pumpfun.books.regime import RegimeBook
from alphaloop.markets.pumpfun.books.tokens import TokenBook
from alphaloop.markets.pumpfun.books.washing import WashBook
from alphaloop.markets.pumpfun.outcomes.peaks import PeakBook
from alphaloop.markets.pumpfun.settings import PumpSettings


class Shelf:
    """The books by name; `books` has them all, in order."""

    def __init__(self, settings: PumpSettings) -> None:
        self.tokens: Final = TokenBook(settings.tokens)
        self.births: Final = BirthBook()
        self.candles: Final = CandleBook()
        self.washing: Final = WashBook(settings.washing)
        self.bundles: Final = BundleBook(settings.bundles, self.tokens)
        self.intelligence: Final = Intelligence(settings.intelligence, settings.outcomes)
        is_tracked = self.intelligence.discovery.is_tracked
        self.lifecycle: Final = LifecycleBook(settings.lifecycle, self.tokens, is_tracked)
        self.crowding: Final = CrowdingBook(settings.crowding, self.tokens, is_tracked)
        self.regime: Final = RegimeBook(settings.regime)
        self.peaks: Final = PeakBook(settings.outcomes)

    @property
    def books(self) -> tuple[Book, ...]:
        """Every book, in the order in which each event must reach them."""
        return (
            self.tokens,
            self.births,
            self.candles,
            self.washing,
            self.bundles,
            *self.intelligence.books,
            self.lifecycle,
            self.crowding,
            self.regime,
            self.peaks,
        )
