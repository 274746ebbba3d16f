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
PARTS_NS: Final = tuple(
    (f"buys_{first}_{last}s", f"sol_{first}_{last}s", first * NS_PER_S, last * NS_PER_S)
    for first, last in ((0, 10), (10, 30), (30, 60))
)
RETURNS_NS: Final = tuple((f"ret_{end}s", end * NS_PER_S) for end in (60, 10, 30))
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
    sizes = sorted([tick.sol for tick in buys])
    count, sol_in, sol_out = len(sizes), sum(sizes), sum([tick.sol for tick in sells])
    trades, volume = count + len(sells), sol_in + sol_out
    mean = sol_in / count if count else UNKNOWN
    variance = sum([(size - mean) ** 2 for size in sizes]) / count if count else UNKNOWN
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
        "n_buys_over_1sol": float(sum([size > BIG_BUY for size in sizes])),
        "pct_buys_under_0p05sol": sum([size < SMALL_BUY for size in sizes]) / count if count else UNKNOWN,
    }


def _timing(ticks: Sequence[Tick], buys: Sequence[Tick], age_ns: int) -> dict[str, float]:
    found = {"first_buy_delay_s": buys[0].at_ns / NS_PER_S if buys else UNKNOWN}
    counts, over = [], False
    for buys_name, sol_name, first_ns, last_ns in PARTS_NS:
        part = [tick.sol for tick in buys if first_ns <= tick.at_ns < last_ns]
        over = age_ns >= last_ns
        counts.append(len(part))
        found[buys_name] = float(len(part)) if over else UNKNOWN
        found[sol_name] = _sol(sum(part)) if over else UNKNOWN
    late, early = counts[2], counts[0] + counts[1]
    found["acceleration"] = (late - early) / (late + early) if over and late + early else UNKNOWN
    moments = [0, *[tick.at_ns for tick in ticks], age_ns]
    found["max_gap_s"] = max([later - earlier for earlier, later in pairwise(moments)]) / NS_PER_S
    return found


def _prices(window: Window, age_ns: int) -> dict[str, float]:
    prices = [window.start_price, *[tick.price for tick in window.ticks]]
    start, highest, logs = window.start_price, max(prices), [math.log(price) for price in prices]
    return {
        **{name: _return_at(window, end_ns, age_ns) for name, end_ns in RETURNS_NS},
        "max_multiple": highest / start,
        "drawdown_from_peak": 1.0 - window.price / highest,
        "price_slope": _slope(window.ticks, logs[1:]),
        "price_volatility": _volatility(logs),
        "real_sol": _sol(window.real_sol),
        "market_cap_sol": window.price * (window.supply / UNITS_PER_TOKEN) if window.supply else UNKNOWN,
    }


def _return_at(window: Window, end_ns: int, age_ns: int) -> float:
    if age_ns < end_ns:
        return UNKNOWN
    price = window.start_price
    for tick in reversed(window.ticks):
        if tick.at_ns < end_ns:
            price = tick.price
            break
    return price / window.start_price - 1.0


def _slope(ticks: Sequence[Tick], logs: Sequence[float]) -> float:
    """Least squares slope of log price over minutes; at least two trades at different times."""
    if len(ticks) < 2:
        return UNKNOWN
    times = [tick.at_ns / (60 * NS_PER_S) for tick in ticks]
    time, log = sum(times) / len(times), sum(logs) / len(logs)
    spread = sum([(t - time) ** 2 for t in times])
    return sum([(t - time) * (p - log) for t, p in zip(times, logs, strict=True)]) / spread if spread else UNKNOWN


def _volatility(logs: Sequence[float]) -> float:
    """Standard deviation of log returns from trade to trade, the creation's price first; at least two returns."""
    returns = [later - earlier for earlier, later in pairwise(logs)]
    if len(returns) < 2:
        return UNKNOWN
    mean = sum(returns) / len(returns)
    return math.sqrt(sum([(value - mean) ** 2 for value in returns]) / len(returns))


def _concentration(window: Window, sells: Sequence[Tick], age_ns: int) -> dict[str, float]:
    spent = window.buyers
    times: dict[str, int] = {}
    first: dict[str, int] = {}
    held: dict[str, int] = {}
    for tick in window.ticks:
        wallet = tick.wallet
        if tick.is_buy:
            held[wallet] = held.get(wallet, 0) + tick.tokens
            times[wallet] = times.get(wallet, 0) + 1
            first.setdefault(wallet, tick.at_ns)
        else:
            held[wallet] = held.get(wallet, 0) - tick.tokens
    sellers = {tick.wallet for tick in sells}
    count, total = len(spent), sum(spent.values())
    shares = sorted([value / total for value in spent.values()], reverse=True) if total else []
    return {
        "unique_buyers": float(count),
        "unique_sellers": float(len(sellers)),
        "repeat_buyer_pct": sum([n > 1 for n in times.values()]) / count if count else UNKNOWN,
        "top1_buyer_share": shares[0] if shares else UNKNOWN,
        "top3_buyer_share": sum(shares[:3]) if shares else UNKNOWN,
        "buyer_hhi": sum([share * share for share in shares]) if shares else UNKNOWN,
        "holder_retention": sum([held[wallet] > 0 for wallet in spent]) / count if count else UNKNOWN,
        "pct_buyers_sold": sum([wallet in sellers for wallet in spent]) / count if count else UNKNOWN,
        "new_buyers_last_20s": float(sum([at >= age_ns - RECENT_NS for at in first.values()])),
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
    buckets: dict[int, set[str]] = defaultdict(set)
    for tick in buys:
        buckets[tick.at_ns // BUCKET_NS].add(tick.wallet)
    return max(map(len, buckets.values()), default=0)


def _sol(lamports: float) -> float:
    return lamports / LAMPORTS_PER_SOL
