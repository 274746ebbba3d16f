"""``alphaloop data``: check market-data files and download candles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from alphaloop.cli.output import JsonFlag, emit, exit_codes, note, progress_bar, say

app = typer.Typer(no_args_is_help=True)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="Parquet, CSV (also .csv.gz) or Feather.")],
    timezone: Annotated[
        str | None, typer.Option(help="Zone of times that name none, such as UTC or America/New_York.")
    ] = None,
    stamp: Annotated[str, typer.Option(help="What a bar's time names: its open or its close.")] = "open",
    symbol: Annotated[
        str | None, typer.Option(help="Name where the file has no symbol column; else the one to keep.")
    ] = None,
    step_s: Annotated[float | None, typer.Option(help="Seconds from bar to bar; found when not given.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Read a file as training would, refuse it with one sentence, or say what its bars are worth."""
    with exit_codes():
        from alphaloop.data.bars import parse_stamp, read_bars
        from alphaloop.data.quality import report

        bars = read_bars(file, timezone=timezone, stamp=parse_stamp(stamp), symbol=symbol, step_s=step_s)
        quality = report(bars)
        result = {
            "ok": True,
            "file": bars.source,
            "sha256": bars.sha256,
            "rows": len(bars),
            "symbols": list(bars.symbols),
            "step_s": quality.step_s,
            "quality": quality.to_dict(),
        }
        emit(result, as_json, _show_check)


@app.command()
def download(
    exchange: Annotated[str, typer.Option(help="Name of the exchange in ccxt, such as binance or kraken.")],
    symbol: Annotated[str, typer.Option(help="Symbol as ccxt writes it, such as BTC/USDT.")],
    since: Annotated[str, typer.Option(help="First day or time, ISO 8601; UTC where it names no zone.")],
    out: Annotated[Path, typer.Option(help="File to write: .parquet, .csv, .csv.gz or .feather.")],
    timeframe: Annotated[str, typer.Option(help="Length of a candle: 1m, 5m, 1h, 1d, ...")] = "1m",
    until: Annotated[str | None, typer.Option(help="End, not included; without it, the last finished candle.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Download candles; after an interruption the same command goes on where it was."""
    with exit_codes(), progress_bar(as_json) as progress:
        from alphaloop.data import download as downloads
        from alphaloop.data.exchange import open_exchange
        from alphaloop.data.times import parse_moment

        first_ns = parse_moment(since, "--since")
        end_ns = None if until is None else parse_moment(until, "--until")
        candles = open_exchange(exchange)
        done = downloads.download(candles, symbol, timeframe, first_ns, end_ns, out, progress=progress)
        emit({"ok": True, **done.to_dict()}, as_json, _show_download)


def _show_check(result: Mapping[str, Any]) -> None:
    say(f"{result['file']}: {result['rows']:,} bars of {len(result['symbols'])} symbol(s), step {result['step_s']:g} s")
    for quality in result["quality"]["symbols"]:
        _show_symbol(quality)


def _show_symbol(quality: Mapping[str, Any]) -> None:
    gaps, volume = quality["gaps"], quality["zero_volume_share"]
    say()
    say(f"{quality['symbol']}  {quality['rows']:,} bars, {quality['first']} to {quality['last']}")
    say(f"  hours    {quality['session']}, {quality['missing_in_session']:.2%} of the bars in usual hours absent")
    if gaps["count"]:
        longest = f"longest {gaps['longest_s'] / 3600:.3g} h from {gaps['longest']}"
        say(f"  gaps     {gaps['count']:,}, {gaps['missing_share']:.2%} of all bars, {longest}, first {gaps['first']}")
    else:
        say("  gaps     none")
    say(f"  flat     {quality['flat_share']:.2%} of the bars, at most {quality['longest_flat']} in a row")
    unknown = quality["unknown_volume_share"]
    say(
        "  volume   unknown"
        if unknown == 1
        else f"  volume   zero in {volume:.2%}, unknown in {unknown:.2%} of the bars"
    )
    for move in quality["largest_moves"]:
        doubt = ", suspect: the next bar takes it back" if move["suspect"] else ""
        say(f"  move     {move['log_return']:+.2%} at {move['time']} ({move['sigmas']:.0f} robust sigmas{doubt})")
    if quality["repeated_bars"]:
        say(f"  repeats  {quality['repeated_bars']:,} bars equal the bar before them, volume included")
    if quality["last_bar_suspect"]:
        say("  last bar looks unfinished: its volume and range are among the smallest; leave it out if in doubt")


def _show_download(result: Mapping[str, Any]) -> None:
    say(f"{result['path']}: {result['rows']:,} candles, {result['first']} to {result['last']}")
    if result["resumed_rows"]:
        say(f"  {result['resumed_rows']:,} were there from an earlier call")
    if result["absent_rows"]:
        say(f"  the exchange has no candle for {result['absent_rows']:,} of the times asked for")
    if result["refused_rows"]:
        say(f"  {result['refused_rows']:,} impossible candles were left out")
    note(f"next: alphaloop data check {result['path']}")
