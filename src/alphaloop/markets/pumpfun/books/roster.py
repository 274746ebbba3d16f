"""The records of wallets and coins that the wallet books share, and how long they are kept.

They are structs without a dict of their own and outside the garbage collector's rounds: two million wallets, most of
which trade a handful of times, are to fit beside everything else.
"""

from __future__ import annotations

import msgspec
from pydantic import Field

from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books.agenda import Agenda
from alphaloop.markets.pumpfun.books.peaks_since import Peaks
from alphaloop.markets.pumpfun.books.profits import Position, Results


class Wallet(msgspec.Struct, array_like=True, gc=False):
    """What is kept of a wallet. Only trades on the curve count, and only those of coins priced in SOL.

    Attributes
    ----------
    number : int
        Short name in the books' tables; never given twice.
    seen_ns : int
        Known time of its last trade.
    entries : int
        Coins bought. A coin that comes back after it was over is a new one.
    ranked, rank_sum, top10 : int
        Entries into coins whose creation was seen; the sum of their buy ranks (1 is the first); those up to 10.
    age_sum : float
        Seconds from the coin's creation, summed over the same entries.
    aged_buys, under_60, under_300 : int
        Buys of coins whose creation was seen, and those of them within so many seconds of it.
    spent, largest : int
        Lamports of all buys and of the largest, without fees.
    size_m2 : float
        Sum of squared deviations of the buys from their mean, in SOL squared (Welford's).
    active_hours, last_hour : int
        Hours of the clock with a buy, and the last of them since the epoch.
    graduated : int
        Entries whose coin graduated before its record went.
    bought_at, sizes, entered_at : bytes
        Known time and lamports of the last buys, known time of the last entries; see `samples`.
    """

    number: int
    address: str
    seen_ns: int
    buys: int = 0
    sells: int = 0
    entries: int = 0
    ranked: int = 0
    rank_sum: int = 0
    top10: int = 0
    age_sum: float = 0.0
    aged_buys: int = 0
    under_60: int = 0
    under_300: int = 0
    spent: int = 0
    largest: int = 0
    size_m2: float = 0.0
    active_hours: int = 0
    last_hour: int = -1
    graduated: int = 0
    bought_at: bytes = b""
    sizes: bytes = b""
    entered_at: bytes = b""
    results: Results | None = None

    @property
    def trades(self) -> int:
        """Buys and sells so far."""
        return self.buys + self.sells


class Entrance(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """A wallet's first buy of a coin."""

    number: int
    known_ns: int
    slot: int
    lamports: int


class Coin(msgspec.Struct, array_like=True, gc=False):
    """What is kept of a coin while it is traded.

    Attributes
    ----------
    created_ns : int
        Known time of its creation; 0 if that was not seen, and then nobody has a rank or an age in it.
    seen_ns : int
        Known time of its last trade, or of its creation.
    price : float
        SOL per token after the last trade on the curve; 0 before the first.
    graduated_ns : int
        Known time of its completion; 0 before.
    positions : dict of int to Position
        By the number of the wallet, in the order of their first buys; None for a wallet that holds nothing any more.
    entrances : list of Entrance
        The last few of them, oldest first.
    peaks : Peaks
        Prices after each trade on the curve.
    """

    mint: str
    created_ns: int
    created_slot: int
    creator: str
    seen_ns: int
    price: float = 0.0
    graduated_ns: int = 0
    positions: dict[int, Position | None] = {}
    entrances: list[Entrance] = []
    peaks: Peaks = msgspec.field(default_factory=Peaks)


class Step(msgspec.Struct, frozen=True, gc=False):
    """What the last trade on the curve meant: read by the books that are fed after `WalletBook`.

    Attributes
    ----------
    entry : bool
        Whether it is the wallet's first buy of the coin.
    rank : int
        Place among the coin's buyers by first buy, from 1, at an entry; 0 where it is not one or not known.
    price_before : float
        The coin's price before the trade; 0 if there was none.
    """

    known_ns: int
    coin: Coin
    wallet: Wallet
    entry: bool
    rank: int
    price_before: float


class WalletSettings(Settings):
    """How long things are remembered, and how many of the last ones one by one."""

    every_s: int = Field(default=600, ge=1, description="seconds between two rounds of forgetting")
    coin_idle_s: int = Field(default=21_600, ge=60, description="a coin without a trade for so long is over")
    graduated_keep_s: int = Field(default=86_400, ge=60, description="sales in the pool are followed for so long")
    wallet_idle_s: int = Field(
        default=30 * 86_400, ge=3600, description="a wallet is forgotten after so long without a trade"
    )
    dust_fraction: float = Field(
        default=0.01, ge=0, lt=1, description="part of a position that may be left when it closes"
    )
    recent_buys: int = Field(default=64, ge=2, description="buys per wallet kept one by one, for medians")
    recent_entries: int = Field(default=20, ge=2, description="entries per wallet whose times are kept")
    recent_trips: int = Field(default=32, ge=2, description="round trips per wallet whose holding times are kept")
    recent_entrances: int = Field(default=12, ge=2, description="last first buys per coin that are kept")
    judged_from_buys: int = Field(default=10, ge=1, description="wallets with fewer buys are judged by no other book")


class WalletState(msgspec.Struct):
    """What `WalletBook` knows."""

    wallets: dict[int, Wallet] = {}
    coins: dict[str, Coin] = {}
    next_number: int = 0
    coin_agenda: Agenda = msgspec.field(default_factory=lambda: Agenda(1))
    wallet_agenda: Agenda = msgspec.field(default_factory=lambda: Agenda(1))
    changed: dict[str, dict[int, None]] = {}
    forgotten: dict[str, dict[int, str]] = {}
    foreign: int = 0
    unmatched: int = 0
