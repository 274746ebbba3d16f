"""What the recorded sets show of real launches, in the terms of `statistics`.

Each set sees a part, in its own way, of one hour or another of 2025. What a set cannot tell is not guessed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.curve.reserves import START
from alphaloop.markets.pumpfun.simulator.statistics import Samples, minute_samples

POOLS: Final = "memecoin/solana_new_pools_2025-10-03_05.parquet"
SNAPSHOTS: Final = "pumpfun/curve_snapshots_2025-06-06.parquet"
METRICS: Final = "pumpfun/curve_metrics_2025-06-02_05.parquet"
INSTRUCTIONS: Final = "pumpfun/instructions_2025-06-05.parquet"
CREATES: Final = "pumpfun/creates_2025-06-05.parquet"
SWAPS: Final = "memecoin/solana_dex_trades.parquet"

WATCH_S: Final = 480.0
"""Most coins of the snapshots were watched for about eight minutes or not at all."""

ON_CURVE_SOL: Final = 116.0
LEAST_USD: Final = 1.0


def glances(folder: Path) -> Samples:
    """New pools on the curve, each seen once, half a minute to three minutes after its first trade."""
    pools = _read(folder, POOLS).filter(pl.col("dex_id") == "pump-fun")
    found = pools.select(
        trades=pl.col("transactions_h24_buys") + pl.col("transactions_h24_sells"),
        buys=pl.col("transactions_h24_buys"),
        sol=pl.col("volume_usd_h24").cast(pl.Float64) / pl.col("quote_token_price_usd").cast(pl.Float64),
        multiple=pl.col("base_token_price_native_currency").cast(pl.Float64) / START.price,
    ).filter(pl.col("trades") > 0)
    priced = found["multiple"].drop_nulls()
    return {
        "trades": found["trades"].cast(pl.Float64).to_numpy(),
        "buy_share": (found["buys"] / found["trades"]).to_numpy(),
        "mean_trade_sol": (found["sol"] / found["trades"]).drop_nulls().to_numpy(),
        "multiple": priced.filter(priced > 0.9).to_numpy(),
    }


def watches(folder: Path, span_s: float = WATCH_S) -> Samples:
    """Coins that a recorder polled: those watched for `span_s` give the last change, all give price and buyers."""
    seen = _read(folder, SNAPSHOTS).filter(pl.col("sol_in_pool") <= ON_CURVE_SOL).sort("mint", "timestamp")
    age_s = (pl.col("timestamp") - pl.col("timestamp").min().over("mint")).dt.total_microseconds() / 1e6
    seen = seen.with_columns(age_s=age_s, moved=pl.col("sol_in_pool").diff().over("mint").abs() > 1e-7)
    long_enough = seen.group_by("mint").agg(pl.col("age_s").max()).filter(pl.col("age_s") >= 0.9 * span_s)
    per = (
        seen.filter(pl.col("age_s") <= span_s)
        .join(long_enough.select("mint"), on="mint", how="semi")
        .group_by("mint", maintain_order=True)
        .agg(
            last_s=pl.col("age_s").filter("moved").max().fill_null(0.0),
            peak=(pl.col("sol_in_pool").max() * 1e9 / START.virtual_sol) ** 2,
            buyers=pl.col("unique_buyers").max(),
        )
    )
    return {
        "last_change_s": per["last_s"].to_numpy(),
        "peak_multiple": per["peak"].to_numpy(),
        "buyers": per["buyers"].cast(pl.Float64).to_numpy(),
    }


def minutes(folder: Path) -> tuple[Samples, float]:
    """Every instruction of 81 seconds, and that span; seconds are the clock's finest step."""
    all_seen = _read(folder, INSTRUCTIONS).with_columns(
        at_s=(pl.col("block_time") - pl.col("block_time").min()).dt.total_seconds().cast(pl.Float64)
    )
    trades = all_seen.filter(pl.col("method").is_in(["buy", "sell"])).select(
        "at_s", is_buy=pl.col("method") == "buy", launch=pl.col("mint"), wallet=pl.col("signer")
    )
    span_s = float(all_seen["at_s"].to_numpy().max()) + 1.0
    launched = all_seen.filter(pl.col("method") == "create")["at_s"]
    return minute_samples(trades, launched, span_s), span_s


def launch_gaps(folder: Path) -> Samples:
    """Whole seconds between launches, of the longer capture of creations."""
    times = _read(folder, CREATES)["block_time"].sort()
    return {"gap_of_launches_s": times.diff().drop_nulls().dt.total_seconds().cast(pl.Float64).to_numpy()}


def swaps(folder: Path) -> Samples:
    """Sizes of swaps against SOL in pools of coins that have left the curve, dust left out."""
    found = _read(folder, SWAPS).filter(pl.col("volume_usd") >= LEAST_USD, pl.col("pool_name").str.ends_with("/ SOL"))
    return {"pool_trade_sol": found["quote_amount"].drop_nulls().to_numpy()}


def metrics(folder: Path) -> Samples:
    """Highest progress of the coins that an older recorder polled."""
    per = _read(folder, METRICS).group_by("mint", maintain_order=True).agg(pl.col("progress").max())
    return {"progress": per["progress"].to_numpy() / 100.0}


def _read(folder: Path, name: str) -> pl.DataFrame:
    path = folder / name
    if not path.is_file():
        raise DataError(f"{path} is not there; give the folder that holds {Path(name).parent}/ and memecoin/")
    return pl.read_parquet(path)
