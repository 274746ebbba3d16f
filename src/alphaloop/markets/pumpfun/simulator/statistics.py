"""How launches go, computed in one way from any recording, real or simulated.

A recording becomes a `Market`: its launches, and every trade with its age. What a real set shows of a market depends
on how it was collected, so each kind of collection is one function here, applied to a simulated market as the collector
was applied to the real one: `glances` (each coin once, minutes after its launch), `watches` (each coin for a while) and
`minutes` (everybody for a minute). `whole` sees all, which no real set at hand does.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import DataError
from alphaloop.core.random import stream
from alphaloop.markets.pumpfun.curve.reserves import START
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL, AmmTrade, Complete, Create, Input, Migration, Trade
from alphaloop.markets.pumpfun.recording.replay import read_events

Samples: TypeAlias = dict[str, NDArray[np.float64]]

MINUTES_S: Final = 5 * 60.0
HALF_HOUR_S: Final = 30 * 60.0
GLANCE_S: Final = (30.0, 180.0)
"""Ages at which the collector of new pools saw a coin."""


class Market(msgspec.Struct):
    """A recording as two tables.

    Attributes
    ----------
    launches : DataFrame with mint, launch (number), at_s, graduated
        `at_s` seconds since the recording began.
    trades : DataFrame with launch, at_s, age_s, wallet (number), is_buy, sol, multiple, pool
        In order of time; `sol` without charges, `multiple` the price after the trade over that of a fresh coin.
    seconds : float
        What the recording spans.
    """

    launches: pl.DataFrame
    trades: pl.DataFrame
    seconds: float

    @property
    def count(self) -> int:
        """Number of launches."""
        return self.launches.height


class _Columns:
    """Growing columns of the trades."""

    def __init__(self) -> None:
        self.launch, self.wallet = array("i"), array("i")
        self.at_s, self.sol, self.multiple = array("d"), array("d"), array("d")
        self.is_buy, self.pool = array("b"), array("b")

    def add(self, launch: int, wallet: int, at_s: float, event: Trade | AmmTrade, price: float) -> None:
        self.launch.append(launch)
        self.wallet.append(wallet)
        self.at_s.append(at_s)
        self.sol.append(event.sol_amount / LAMPORTS_PER_SOL)
        self.multiple.append(price / START.price)
        self.is_buy.append(event.is_buy)
        self.pool.append(isinstance(event, AmmTrade))

    def table(self) -> pl.DataFrame:
        names = ("launch", "wallet", "at_s", "sol", "multiple", "is_buy", "pool")
        table = pl.DataFrame({name: np.asarray(getattr(self, name)) for name in names})
        return table.with_columns(pl.col("is_buy", "pool").cast(pl.Boolean))


def read_market(path: Path | str) -> Market:
    """Read a recording.

    Raises
    ------
    DataError
        If it cannot be read or holds no launch.
    """
    return market_of(read_events(path), str(path))


def market_of(events: Iterable[Input], source: str = "simulation") -> Market:
    """Gather events in order of time; coins whose launch is not among them, or not priced in SOL, are left out.

    Raises
    ------
    DataError
        If they hold no launch; `source` names them in the sentence.
    """
    columns, wallets = _Columns(), dict[str, int]()
    numbers: dict[str, int] = {}
    pools: dict[str, str] = {}
    mints, launched, completed = list[str](), list[float](), set[str]()
    first_ns = last_ns = 0
    for event in events:
        first_ns, last_ns = first_ns or event.event_ns, max(last_ns, event.event_ns)
        at_s = (event.known_ns - first_ns) / NS_PER_S
        if isinstance(event, Trade | AmmTrade):
            launch = numbers.get(event.mint or pools.get(getattr(event, "pool", ""), ""))
            if launch is not None:
                wallet = wallets.setdefault(event.wallet, len(wallets))
                columns.add(launch, wallet, at_s, event, _price(event))
        elif isinstance(event, Create) and not event.quote_mint:
            numbers[event.mint] = len(mints)
            mints.append(event.mint)
            launched.append(at_s)
        elif isinstance(event, Migration):
            pools[event.pool] = event.mint
        elif isinstance(event, Complete):
            completed.add(event.mint)
    if not mints:
        raise DataError(f"{source} holds no launch; give a recording of more than a few seconds")
    launches = pl.DataFrame({"mint": mints, "launch": range(len(mints)), "launched_s": launched}).with_columns(
        pl.col("launch").cast(pl.Int32), graduated=pl.col("mint").is_in(list(completed))
    )
    trades = columns.table().join(launches.select("launch", "launched_s"), on="launch", maintain_order="left")
    trades = trades.with_columns(age_s=(pl.col("at_s") - pl.col("launched_s")).clip(lower_bound=0)).drop("launched_s")
    return Market(launches, trades, (last_ns - first_ns) / NS_PER_S)


def glances(market: Market, seed: int = 0, ages_s: tuple[float, float] = GLANCE_S) -> Samples:
    """Each coin once, at a random age: trades so far, share of buys, mean trade, price; without a trade, unseen."""
    ages = stream(seed, "glances").uniform(*ages_s, market.count)
    looked = market.launches.with_columns(looked_s=pl.Series(ages)).filter(
        pl.col("launched_s") + pl.col("looked_s") <= market.seconds
    )
    seen = market.trades.join(looked.select("launch", "looked_s"), on="launch")
    seen = seen.filter(pl.col("age_s") <= pl.col("looked_s"))
    found = seen.group_by("launch", maintain_order=True).agg(
        trades=pl.len(),
        buys=pl.col("is_buy").sum(),
        mean_trade_sol=pl.col("sol").mean(),
        multiple=pl.col("multiple").last(),
    )
    return {
        "trades": _floats(found["trades"]),
        "buy_share": _floats(found["buys"] / found["trades"]),
        "mean_trade_sol": _floats(found["mean_trade_sol"]),
        "multiple": _floats(found["multiple"]),
    }


def watches(market: Market, span_s: float) -> Samples:
    """Each coin from its launch on for `span_s`: the last change, the highest price, the buyers."""
    watched = market.launches.filter(pl.col("launched_s") + span_s <= market.seconds)
    seen = market.trades.join(watched.select("launch"), on="launch", how="semi").filter(pl.col("age_s") <= span_s)
    found = watched.select("launch").join(
        seen.group_by("launch").agg(
            last_s=pl.col("age_s").max(),
            peak=pl.col("multiple").max(),
            buyers=pl.col("wallet").filter("is_buy").n_unique(),
        ),
        on="launch",
        how="left",
        maintain_order="left",
    )
    return {
        "last_change_s": _floats(found["last_s"].fill_null(0.0)),
        "peak_multiple": _floats(found["peak"].fill_null(1.0)),
        "buyers": _floats(found["buyers"].fill_null(0)),
    }


def minutes(market: Market, span_s: float, seed: int = 0, windows: int = 40) -> Samples:
    """Everybody for `span_s`, at random moments: launches and trades a second, trades per coin, gaps between trades."""
    starts = stream(seed, "minutes").uniform(0, max(market.seconds - span_s, 0.0), windows)
    parts: dict[str, list[NDArray[np.float64]]] = {}
    for start_s in np.sort(starts).tolist():
        seen = market.trades.filter(
            pl.col("at_s").is_between(start_s, start_s + span_s, closed="left"), ~pl.col("pool")
        )
        launched = market.launches.filter(pl.col("launched_s").is_between(start_s, start_s + span_s, closed="left"))
        for name, values in minute_samples(seen, launched["launched_s"], span_s).items():
            parts.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def minute_samples(seen: pl.DataFrame, launched_s: pl.Series, span_s: float) -> Samples:
    """What one minute shows; `seen` needs launch, wallet, at_s and is_buy."""
    ordered = seen.sort("launch", "at_s", maintain_order=True)
    gaps = ordered.select(pl.col("at_s").floor().diff().over("launch")).to_series()
    per_coin = seen.group_by("launch").agg(pl.len(), pl.col("is_buy").mean())
    per_wallet = seen.group_by("wallet").agg(pl.col("launch").n_unique())
    return {
        "launches_per_s": np.array([len(launched_s) / span_s]),
        "trades_per_s": np.array([seen.height / span_s]),
        "buy_share": np.array([seen["is_buy"].mean() if seen.height else np.nan], np.float64),
        "trades_per_coin": _floats(per_coin["len"]),
        "coins_per_wallet": _floats(per_wallet["launch"]),
        "gap_in_coin_s": _floats(gaps.drop_nulls()),
        "gap_of_launches_s": _floats(launched_s.floor().sort().diff().drop_nulls()),
    }


def whole(market: Market) -> Samples:
    """All that a complete recording shows; shares of dead count coins launched early enough to be judged."""
    per = market.trades.group_by("launch").agg(
        trades=pl.len(),
        buyers=pl.col("wallet").filter("is_buy").n_unique(),
        last_s=pl.col("age_s").max(),
        peak=pl.col("multiple").max(),
    )
    found = market.launches.join(per, on="launch", how="left").with_columns(
        pl.col("trades", "buyers", "last_s").fill_null(0), pl.col("peak").fill_null(1.0)
    )
    old = found.filter(pl.col("launched_s") + 2 * HALF_HOUR_S <= market.seconds)
    curve = market.trades.filter(~pl.col("pool"))
    gaps = curve.sort("launch", "at_s", maintain_order=True).select(pl.col("at_s").diff().over("launch")).to_series()
    return {
        "life_s": _floats(old["last_s"]),
        "dead_within_5_min": _floats((old["last_s"] < MINUTES_S).cast(pl.Float64)),
        "dead_within_30_min": _floats((old["last_s"] < HALF_HOUR_S).cast(pl.Float64)),
        "graduated": _floats(old["graduated"].cast(pl.Float64)),
        "trades": _floats(found["trades"]),
        "buyers": _floats(found["buyers"]),
        "peak_multiple": _floats(found["peak"]),
        "trade_sol": _floats(curve["sol"]),
        "pool_trade_sol": _floats(market.trades.filter("pool")["sol"]),
        "gap_in_coin_s": _floats(gaps.drop_nulls()),
        "gap_of_launches_s": _floats(found["launched_s"].sort().diff().drop_nulls()),
    }


def _price(event: Trade | AmmTrade) -> float:
    if isinstance(event, Trade):
        return event.price
    sign = 1 if event.is_buy else -1
    quote = event.priced_before + sign * event.sol_amount
    base = event.pool_base_before - sign * event.token_amount
    return quote / base / 1e3


def _floats(series: pl.Series) -> NDArray[np.float64]:
    return series.cast(pl.Float64).to_numpy()
