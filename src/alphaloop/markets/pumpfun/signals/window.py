"""A launch under watch: its trades of 60 s, and the features that can be read from them alone."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec

from alphaloop.core.clock import NS_PER_DAY, NS_PER_S
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL, UNITS_PER_TOKEN, Create, Trade

HOUR_NS: Final = 3_600 * NS_PER_S
BIG_BUY: Final = LAMPORTS_PER_SOL
SMALL_BUY: Final = LAMPORTS_PER_SOL // 20
BUCKET_NS: Final = 5 * NS_PER_S
RECENT_NS: Final = 20 * NS_PER_S
PARTS_S: Final = ((0, 10), (10, 30), (30, 60))
UNKNOWN: Final = math.nan


class Tick(msgspec.Struct, array_like=True, gc=False):
    """A trade of a window; `at_ns` counts from creation, amounts are lamports and base units."""

    at_ns: int
    wallet: str
    is_buy: bool
    sol: int
    tokens: int
    price: float


class Window(msgspec.Struct, gc=False, kw_only=True):
    """A launch from its creation on; prices are SOL per token, reserves lamports and base units.

    `aborted` says that the early check found it dead, `announced` that a signal was made of it.
    """

    mint: str
    created_ns: int
    event_ns: int
    signature: str
    log_index: int
    creator: str
    user: str
    name: str
    symbol: str
    has_uri: bool
    supply: int
    symbol_seen: int
    start_price: float
    price: float
    real_sol: int = 0
    aborted: bool = False
    announced: bool = False
    ticks: list[Tick] = []

    def add(self, trade: Trade) -> None:
        """Take in a trade of the token."""
        price = trade.price
        at = trade.known_ns - self.created_ns
        self.ticks.append(Tick(at, trade.wallet, trade.is_buy, trade.sol_amount, trade.token_amount, price))
        self.price = price
        self.real_sol = trade.real_sol

    @property
    def buyers(self) -> dict[str, int]:
        """Lamports that each buyer spent, in the order of their first buys."""
        spent: dict[str, int] = {}
        for tick in self.ticks:
            if tick.is_buy:
                spent[tick.wallet] = spent.get(tick.wallet, 0) + tick.sol
        return spent


def opened(event: Create, symbol_seen: int) -> Window:
    """The window of a new token; `symbol_seen` counts earlier tokens of 24 h with its symbol."""
    price = (event.virtual_sol / LAMPORTS_PER_SOL) / (event.virtual_token / UNITS_PER_TOKEN)
    return Window(
        mint=event.mint,
        created_ns=event.known_ns,
        event_ns=event.event_ns,
        signature=event.signature,
        log_index=event.log_index,
        creator=event.creator or event.user,
        user=event.user,
        name=event.name,
        symbol=event.symbol,
        has_uri=bool(event.uri),
        supply=event.supply,
        symbol_seen=symbol_seen,
        start_price=price,
        price=price,
    )


def window_features(window: Window, now_ns: int) -> dict[str, float]:
    """The features of a launch that its own trades tell; `now_ns` is the snapshot, trades before it are in."""
    age_ns = now_ns - window.created_ns
    buys = [tick for tick in window.ticks if tick.is_buy]
    sells = [tick for tick in window.ticks if not tick.is_buy]
    return {
        **_flow(buys, sells),
        **_timing(window.ticks, buys, age_ns),
        **_prices(window, age_ns),
        **_concentration(window, sells, age_ns),
        **_developer(window),
        **_metadata(window),
        "same_5s_bucket_max_wallets": float(_fullest_bucket(buys)),
    }


def _flow(buys: Sequence[Tick], sells: Sequence[Tick]) -> dict[str, float]:
    sizes = sorted(tick.sol for tick in buys)
    count, sol_in, sol_out = len(sizes), sum(sizes), sum(tick.sol for tick in sells)
    trades, volume = count + len(sells), sol_in + sol_out
    mean = sol_in / count if count else UNKNOWN
    variance = sum((size - mean) ** 2 for size in sizes) / count if count else UNKNOWN
    return {
        "n_trades": float(trades),
        "n_buys": float(count),
        "n_sells": float(len(sells)),
        "sol_in": _sol(sol_in),
        "sol_out": _sol(sol_out),
        "sol_net": _sol(sol_in - sol_out),
        "buy_sell_count_ratio": count / trades if trades else UNKNOWN,
        "buy_sell_sol_ratio": sol_in / volume if volume else UNKNOWN,
        "avg_buy_sol": _sol(mean),
        "median_buy_sol": _sol((sizes[(count - 1) // 2] + sizes[count // 2]) / 2) if count else UNKNOWN,
        "max_buy_sol": _sol(sizes[-1]) if count else UNKNOWN,
        "std_buy_sol": _sol(math.sqrt(variance)) if count else UNKNOWN,
        "n_buys_over_1sol": float(sum(size > BIG_BUY for size in sizes)),
        "pct_buys_under_0p05sol": sum(size < SMALL_BUY for size in sizes) / count if count else UNKNOWN,
    }


def _timing(ticks: Sequence[Tick], buys: Sequence[Tick], age_ns: int) -> dict[str, float]:
    found = {"first_buy_delay_s": buys[0].at_ns / NS_PER_S if buys else UNKNOWN}
    counts = {}
    for first, last in PARTS_S:
        part = [tick.sol for tick in buys if first * NS_PER_S <= tick.at_ns < last * NS_PER_S]
        over = age_ns >= last * NS_PER_S
        counts[first] = len(part)
        found[f"buys_{first}_{last}s"] = float(len(part)) if over else UNKNOWN
        found[f"sol_{first}_{last}s"] = _sol(sum(part)) if over else UNKNOWN
    over = age_ns >= PARTS_S[-1][1] * NS_PER_S
    late, early = counts[30], counts[0] + counts[10]
    found["acceleration"] = (late - early) / (late + early) if over and late + early else UNKNOWN
    moments = [0, *(tick.at_ns for tick in ticks), age_ns]
    found["max_gap_s"] = max(later - earlier for earlier, later in pairwise(moments)) / NS_PER_S
    return found


def _prices(window: Window, age_ns: int) -> dict[str, float]:
    start, highest = window.start_price, max([window.start_price, *(tick.price for tick in window.ticks)])
    return {
        **{f"ret_{end}s": _return_at(window, end * NS_PER_S, age_ns) for end in (60, 10, 30)},
        "max_multiple": highest / start,
        "drawdown_from_peak": 1.0 - window.price / highest,
        "price_slope": _slope(window.ticks),
        "price_volatility": _volatility(window),
        "real_sol": _sol(window.real_sol),
        "market_cap_sol": window.price * (window.supply / UNITS_PER_TOKEN) if window.supply else UNKNOWN,
    }


def _return_at(window: Window, end_ns: int, age_ns: int) -> float:
    if age_ns < end_ns:
        return UNKNOWN
    price = next((tick.price for tick in reversed(window.ticks) if tick.at_ns < end_ns), window.start_price)
    return price / window.start_price - 1.0


def _slope(ticks: Sequence[Tick]) -> float:
    """Least squares slope of log price over minutes; at least two trades at different times."""
    if len(ticks) < 2:
        return UNKNOWN
    times = [tick.at_ns / (60 * NS_PER_S) for tick in ticks]
    logs = [math.log(tick.price) for tick in ticks]
    time, log = sum(times) / len(times), sum(logs) / len(logs)
    spread = sum((t - time) ** 2 for t in times)
    return sum((t - time) * (p - log) for t, p in zip(times, logs, strict=True)) / spread if spread else UNKNOWN


def _volatility(window: Window) -> float:
    """Standard deviation of log returns from trade to trade, the creation's price first; at least two returns."""
    logs = [math.log(window.start_price), *(math.log(tick.price) for tick in window.ticks)]
    returns = [later - earlier for earlier, later in pairwise(logs)]
    if len(returns) < 2:
        return UNKNOWN
    mean = sum(returns) / len(returns)
    return math.sqrt(sum((value - mean) ** 2 for value in returns) / len(returns))


def _concentration(window: Window, sells: Sequence[Tick], age_ns: int) -> dict[str, float]:
    spent = window.buyers
    times: dict[str, int] = defaultdict(int)
    first: dict[str, int] = {}
    held: dict[str, int] = defaultdict(int)
    for tick in window.ticks:
        held[tick.wallet] += tick.tokens if tick.is_buy else -tick.tokens
        if tick.is_buy:
            times[tick.wallet] += 1
            first.setdefault(tick.wallet, tick.at_ns)
    sellers = {tick.wallet for tick in sells}
    count, total = len(spent), sum(spent.values())
    shares = sorted((value / total for value in spent.values()), reverse=True) if total else []
    return {
        "unique_buyers": float(count),
        "unique_sellers": float(len(sellers)),
        "repeat_buyer_pct": sum(n > 1 for n in times.values()) / count if count else UNKNOWN,
        "top1_buyer_share": shares[0] if shares else UNKNOWN,
        "top3_buyer_share": sum(shares[:3]) if shares else UNKNOWN,
        "buyer_hhi": sum(share * share for share in shares) if shares else UNKNOWN,
        "holder_retention": sum(held[wallet] > 0 for wallet in spent) / count if count else UNKNOWN,
        "pct_buyers_sold": sum(wallet in sellers for wallet in spent) / count if count else UNKNOWN,
        "new_buyers_last_20s": float(sum(at >= age_ns - RECENT_NS for at in first.values())),
    }


def _developer(window: Window) -> dict[str, float]:
    own = [tick for tick in window.ticks if tick.wallet in (window.creator, window.user)]
    bought = [tick for tick in own if tick.is_buy]
    tokens = sum(tick.tokens for tick in bought)
    return {
        "dev_buy_sol": _sol(sum(tick.sol for tick in bought)),
        "dev_supply_pct": tokens / window.supply if window.supply else UNKNOWN,
        "dev_sold": float(len(own) > len(bought)),
    }


def _metadata(window: Window) -> dict[str, float]:
    return {
        "name_len": float(len(window.name)),
        "symbol_len": float(len(window.symbol)),
        "symbol_seen_24h": float(window.symbol_seen),
        "has_uri": float(window.has_uri),
        "hour_of_day": float(window.created_ns % NS_PER_DAY // HOUR_NS),
        "day_of_week": float((window.created_ns // NS_PER_DAY + 3) % 7),
    }


def _fullest_bucket(buys: Sequence[Tick]) -> int:
    buckets: dict[int, dict[str, None]] = defaultdict(dict)
    for tick in buys:
        buckets[tick.at_ns // BUCKET_NS][tick.wallet] = None
    return max(map(len, buckets.values()), default=0)


def _sol(lamports: float) -> float:
    return lamports / LAMPORTS_PER_SOL
