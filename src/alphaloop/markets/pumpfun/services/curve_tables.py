"""Tables of curves that somebody polled: prices, candles and outcomes, but no wallets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from alphaloop.core.clock import NS_PER_S, to_ns
from alphaloop.markets.pumpfun.books.candles import CandleBook
from alphaloop.markets.pumpfun.curve.reserves import START, TOKENS_FOR_SALE
from alphaloop.markets.pumpfun.emissions import Row
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL, Trade
from alphaloop.markets.pumpfun.outcomes.peaks import PeakBook
from alphaloop.markets.pumpfun.outcomes.settings import OutcomeSettings
from alphaloop.markets.pumpfun.services.reading import FileReading

CONSTANT: Final = START.virtual_sol * START.virtual_token
FULL_SOL: Final = CONSTANT / (START.virtual_token - TOKENS_FOR_SALE) / LAMPORTS_PER_SOL
"""Virtual SOL of a curve that is sold out; what lies above is another account, a pool."""
BLIND_S: Final = 30.0
"""A pause between two polls of one coin that is longer than this is a gap: what happened in it is not known."""
KIND: Final = "curve"


def read_curves(path: Path, frame: pl.DataFrame, settings: OutcomeSettings) -> tuple[FileReading, list[Row]]:
    """Turn polls of curves into candles and into outcomes from the first poll of each coin on.

    Parameters
    ----------
    frame : polars.DataFrame
        Columns `timestamp` (UTC), `mint`, and `sol_in_pool` (virtual SOL) or `price_sol` (SOL per token, 0 for none).
    """
    reading = FileReading(path.name, "curve snapshots" if "sol_in_pool" in frame.columns else "curve metrics")
    reading.rows = frame.height
    priced = "sol_in_pool" not in frame.columns
    polls = (
        frame.select("timestamp", "mint", sol=_virtual_sol(priced)).drop_nulls().sort("timestamp", maintain_order=True)
    )
    usable = polls.filter(pl.col("sol").is_between(START.virtual_sol / LAMPORTS_PER_SOL - 1e-9, FULL_SOL))
    rows: list[Row] = []
    outcomes: list[dict[str, Any]] = []
    moves = 0
    candles = CandleBook()
    for trade in _moves(usable):
        candles.update(trade)
        moves += 1
    candles.run(2**62)
    rows += [Row("candles_1m", msgspec.structs.asdict(candle)) for candle in candles.closed()]
    reading.allowed.append(
        f"{len(rows):,} one-minute candles of {usable['mint'].n_unique()} coins, from {moves:,} moves"
    )
    if not priced:
        for _, polled in usable.group_by("mint", maintain_order=True):
            outcomes += _outcomes(polled, settings)
        rows += [Row("signal_outcomes", outcome) for outcome in outcomes]
        seen = sum(bool(outcome["observed"]) for outcome in outcomes)
        reading.allowed.append(
            f"{len(outcomes):,} outcomes (kind {KIND!r}) from each coin's first poll on, {seen:,} of them observed; "
            f"the rest are missing, for the polls of the coin end or pause for more than {BLIND_S:g} s"
        )
        reading.not_allowed.append("exact peaks: between two polls nobody looked, so multiples are lower bounds")
    else:
        reading.not_allowed.append("outcomes: its prices come from another source than the curve, and most are missing")
    if frame.height > usable.height:
        reading.not_allowed.append(f"{frame.height - usable.height:,} polls of pools or without a price: no curve")
    reading.not_allowed += [
        "trades: a poll shows the net change of the reserves, so volumes are net and counts are of changes",
        "wallets, signals, bundles, washing, creators: no row names a wallet",
        "launch windows: no row says when a coin was created",
    ]
    return reading, rows


def _virtual_sol(priced: bool) -> pl.Expr:
    """Virtual SOL; from a price by ``price = v**2 / k``, with `k` in SOL times tokens."""
    if not priced:
        return pl.col("sol_in_pool")
    constant = CONSTANT / LAMPORTS_PER_SOL / 1e6
    return pl.when(pl.col("price_sol") > 0).then((pl.col("price_sol") * constant).sqrt())


def _moves(polls: pl.DataFrame) -> Iterator[Trade]:
    """Yield each change of a curve between two polls as one trade of nobody."""
    last: dict[str, int] = {}
    known_ns = 0
    for at, mint, sol in polls.iter_rows():
        virtual_sol = round(sol * LAMPORTS_PER_SOL)
        before = last.get(mint, START.virtual_sol)
        known_ns = max(known_ns + 1, _ns(at))
        if virtual_sol != before or mint not in last:
            yield _trade(mint, before, virtual_sol, known_ns)
        last[mint] = virtual_sol


def _outcomes(polls: pl.DataFrame, settings: OutcomeSettings) -> Iterator[dict[str, Any]]:
    """What came of buying a coin after its first poll; missing where the polls end or pause."""
    book = PeakBook(settings)
    mint = polls["mint"][0]
    before, known_ns = START.virtual_sol, 0
    for at, _, sol in polls.iter_rows():
        now_ns = max(known_ns + 1, _ns(at))
        if known_ns and now_ns - known_ns > to_ns(BLIND_S):
            book.gap(known_ns, now_ns, "the recorder did not look")
        virtual_sol = round(sol * LAMPORTS_PER_SOL)
        trade = _trade(mint, before, virtual_sol, now_ns)
        if virtual_sol != before or not known_ns:
            book.update(trade)
        if not known_ns:
            book.open(f"{KIND}:{mint}", KIND, mint, now_ns, trade.price)
        before, known_ns = virtual_sol, now_ns
    book.end(known_ns)
    return (outcome.to_row() for outcome in book.drain())


def _trade(mint: str, before: int, after: int, known_ns: int) -> Trade:
    tokens = CONSTANT // after
    return Trade(
        signature=f"{KIND}:{mint}",
        log_index=0,
        slot=0,
        event_ns=known_ns,
        known_ns=known_ns,
        mint=mint,
        wallet="",
        is_buy=after >= before,
        sol_amount=abs(after - before),
        token_amount=abs(tokens - CONSTANT // before),
        virtual_sol=after,
        virtual_token=tokens,
        real_sol=max(0, after - START.virtual_sol),
        real_token=max(0, tokens - (START.virtual_token - TOKENS_FOR_SALE)),
    )


def _ns(at: datetime) -> int:
    since = at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1_000
