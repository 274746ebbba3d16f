"""Tables of instructions and of coins: who did what and when, but for how much nobody wrote down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import polars as pl

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.curve.reserves import SUPPLY
from alphaloop.markets.pumpfun.emissions import Row
from alphaloop.markets.pumpfun.services.reading import FileReading

WINDOW_S: Final = 60
EARLY_S: Final = 30
BUCKET_S: Final = 5
BUNDLE_WALLETS: Final = 3
PAIR_WALLETS: Final = 200
"""Coins with more buyers than this are left out of the pairs: in a crowd everybody meets everybody."""
TRADED: Final = "TradeEvent"


def read_instructions(path: Path, frame: pl.DataFrame) -> tuple[FileReading, list[Row]]:
    """Turn instructions into coins, counted launch windows, buyers, bundles by time and pairs that buy together.

    Parameters
    ----------
    frame : polars.DataFrame
        Columns `block_time`, `transaction_signature`, `signer`, `method`, `mint`, `all_accounts`.
    """
    reading = FileReading(path.name, "instructions", frame.height)
    whole = frame.filter(pl.col("method") == TRADED)["transaction_signature"].unique()
    trades = frame.filter(pl.col("method").is_in(["buy", "sell"]) & pl.col("mint").is_not_null())
    done = trades.filter(pl.col("transaction_signature").is_in(whole.implode()))
    creates = frame.filter((pl.col("method") == "create") & pl.col("mint").is_not_null())
    rows = [_token(row) for row in creates.iter_rows(named=True)]
    end = frame["block_time"].max()
    reading.windows = [_window(row, done, end) for row in creates.iter_rows(named=True)]
    buys = done.filter(pl.col("method") == "buy")
    bundles = _bundles(buys)
    reading.allowed += [
        f"{len(rows):,} coins with their creators, in the table tokens",
        f"{len(reading.windows):,} launch windows, in this report, with buys, sells and buyers counted, no amounts",
        f"{done.height:,} trades that left a {TRADED} ({buys.height:,} buys) of {done['signer'].n_unique():,} "
        f"wallets in {done['mint'].n_unique():,} coins, and the order of the buyers of each coin",
        f"{bundles:,} times {BUNDLE_WALLETS} or more wallets bought one coin within {BUCKET_S} s",
        f"{_pairs(buys):,} pairs of wallets that bought two or more coins both",
    ]
    if trades.height > done.height:
        reading.not_allowed.append(
            f"{trades.height - done.height:,} buys and sells without a {TRADED} in their transaction: they failed, or "
            "the recording cut them off"
        )
    reading.not_allowed += [
        "trades in the books: no amounts and no reserves, and 0 would be a lie",
        "prices, candles, outcomes, signals, profits: all follow from amounts",
        "bundle scores: the uniformity of sizes needs sizes",
    ]
    return reading, rows


def read_creates(path: Path, frame: pl.DataFrame) -> tuple[FileReading, list[Row]]:
    """Turn create instructions into coins and launches per creator."""
    reading = FileReading(path.name, "create instructions", frame.height)
    rows = [_token(row | {"mint": row["mint_address"]}) for row in frame.iter_rows(named=True)]
    creators = Counter(row.values["creator"] for row in rows)
    reading.allowed += [
        f"{len(rows):,} coins with their creators, in the table tokens",
        f"launches of {len(creators):,} creators, {sum(count > 1 for count in creators.values()):,} with more than one",
    ]
    reading.not_allowed += [
        "launch windows: no trade is in the file, and a window without its trades would count as dead",
        "names and symbols: they are in the instruction's data, which was not kept",
    ]
    return reading, rows


def read_coins(path: Path, coins: Sequence[Mapping[str, Any]]) -> tuple[FileReading, list[Row]]:
    """Turn coins of the front end's API into coins."""
    reading = FileReading(path.name, "coins of the front end's API", len(coins))
    rows = []
    for coin in coins:
        created_ns = int(coin["created_timestamp"]) * 1_000_000
        token = _row(str(coin["mint"]), str(coin["creator"]), "", created_ns, str(coin.get("bonding_curve") or ""))
        named = {"name": coin.get("name"), "symbol": coin.get("symbol"), "uri": coin.get("metadata_uri")}
        supply = int(coin.get("total_supply") or SUPPLY)
        rows.append(Row("tokens", token | {key: str(value or "") for key, value in named.items()} | {"supply": supply}))
    complete = sum(bool(coin.get("complete")) for coin in coins)
    reading.allowed.append(f"{len(rows):,} coins with name and creator, in the table tokens; {complete:,} are complete")
    reading.not_allowed += [
        "books and outcomes: the reserves are those of an unknown moment after the last trade",
        "when the complete ones completed: the API says that, not when",
    ]
    return reading, rows


def _token(row: Mapping[str, Any]) -> Row:
    accounts = [account.partition("(")[0] for account in (row["all_accounts"] or "").split("|")]
    curve = accounts[2] if len(accounts) > 2 else ""
    return Row("tokens", _row(row["mint"], row["signer"], row["transaction_signature"], _ns(row["block_time"]), curve))


def _row(mint: str, creator: str, signature: str, known_ns: int, curve: str) -> dict[str, Any]:
    empty = dict.fromkeys(("name", "symbol", "uri", "token_program", "quote_mint"), "")
    return empty | {
        "mint": mint,
        "bonding_curve": curve,
        "user": creator,
        "creator": creator,
        "signature": signature,
        "slot": 0,
        "event_ns": known_ns,
        "known_ns": known_ns,
        "supply": SUPPLY,
        "mayhem": False,
        "cashback_coin": False,
    }


def _window(created: Mapping[str, Any], trades: pl.DataFrame, end: Any) -> dict[str, Any]:
    """Count the first minute of a coin; block times are whole seconds, so the windows are, too."""
    begin = created["block_time"]
    age = (pl.col("block_time") - begin).dt.total_seconds()
    seen = trades.filter((pl.col("mint") == created["mint"]) & (age >= 0) & (age < WINDOW_S)).with_columns(age=age)
    buys = seen.filter(pl.col("method") == "buy")
    watched_s = min(WINDOW_S, int((end - begin).total_seconds()))
    return {
        "mint": created["mint"],
        "created_ns": _ns(begin),
        "watched_s": watched_s,
        "buys_30s": buys.filter(pl.col("age") < EARLY_S).height if watched_s >= EARLY_S else None,
        "buys_60s": buys.height if watched_s >= WINDOW_S else None,
        "sells_60s": seen.height - buys.height if watched_s >= WINDOW_S else None,
        "buyers_60s": buys["signer"].n_unique() if watched_s >= WINDOW_S else None,
        "creator_bought": created["signer"] in buys["signer"].to_list(),
    }


def _bundles(buys: pl.DataFrame) -> int:
    bucket = pl.col("block_time").dt.epoch("s") // BUCKET_S
    wallets = buys.group_by("mint", bucket=bucket).agg(pl.col("signer").n_unique())
    return wallets.filter(pl.col("signer") >= BUNDLE_WALLETS).height


def _pairs(buys: pl.DataFrame) -> int:
    met: Counter[tuple[str, str]] = Counter()
    for wallets in buys.group_by("mint").agg(pl.col("signer").unique().sort())["signer"].to_list():
        if len(wallets) <= PAIR_WALLETS:
            met.update(combinations(wallets, 2))
    return sum(count >= 2 for count in met.values())


def _ns(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp()) * NS_PER_S
