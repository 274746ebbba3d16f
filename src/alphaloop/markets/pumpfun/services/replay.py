"""Recorded files instead of the chain: a recording, or what others recorded, as far as it goes.

Events, in whatever file, go through a market of their own, as the collector's do: the same rows with the same bits.
Tables that hold less than events become what they allow; what they do not allow is said and not made up.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from alphaloop.core.clock import NS_PER_DAY, stopwatch
from alphaloop.core.errors import DataError
from alphaloop.core.progress import Progress
from alphaloop.markets.pumpfun.emissions import Row
from alphaloop.markets.pumpfun.events import Input
from alphaloop.markets.pumpfun.inference import InferenceSettings, MlInference
from alphaloop.markets.pumpfun.ingest.writer import Change, rows_of
from alphaloop.markets.pumpfun.market import PumpMarket
from alphaloop.markets.pumpfun.models_at_hand import ModelsAtHand
from alphaloop.markets.pumpfun.recording.replay import file_records, read_records
from alphaloop.markets.pumpfun.services.assembly import open_database
from alphaloop.markets.pumpfun.services.curve_tables import read_curves
from alphaloop.markets.pumpfun.services.instruction_tables import read_coins, read_creates, read_instructions
from alphaloop.markets.pumpfun.services.reading import FileReading, write_reading
from alphaloop.markets.pumpfun.services.settings import CollectSettings
from alphaloop.markets.pumpfun.wire.decode import DamagedRecord, Other, decode, unknown_bytes
from alphaloop.markets.pumpfun.wire.records import Record
from alphaloop.stores.records import Records

ROWS_AT_ONCE: Final = 20_000
LONGEST_PAUSE_NS: Final = NS_PER_DAY
FOR_EVER_S: Final = 1e9
_SEGMENT: Final = re.compile(r"\d{19}-\d{19}\.parquet")
_NO_SIGNATURE: Final = re.compile("1*")


class _Replay:
    """A market that is fed, and the rows that it hands out, many in one transaction.

    Parameters
    ----------
    open_records : callable
        Opens the database, once there is a row for it.
    one_market : bool
        Whether all comes from one collector, whose market went on after every pause.
    models : ModelsAtHand or None
        What scores the messages.
    """

    def __init__(
        self,
        open_records: Callable[[], Records],
        settings: CollectSettings,
        one_market: bool,
        models: ModelsAtHand | None = None,
    ) -> None:
        self._one_market = one_market
        self._open_records = open_records
        self._settings = settings
        self._models = models
        self._market = PumpMarket(settings.market, models)
        self._waiting: list[Row | Change] = []
        self._known_ns = 0
        self.counts: Counter[str] = Counter()
        self.events = 0
        self.signals = 0

    def feed(self, event: Input) -> None:
        """Take in an event; after a day without one, another market begins: its books would know nothing of now."""
        if not self._one_market and self._known_ns and event.known_ns - self._known_ns > LONGEST_PAUSE_NS:
            self.end()
            self._market = PumpMarket(self._settings.market, self._models)
        self._known_ns = event.known_ns
        before = self._market.counts.signals
        self.store(row for row in self._market.apply(event) if isinstance(row, Row))
        own = rows_of(event, trades=self._settings.collector.store_trades)
        self.store([] if own is None else [own])
        self.events += 1
        self.signals += self._market.counts.signals - before

    def end(self) -> None:
        """Fire the timers up to the last event: later ones would look beyond the end of what was recorded."""
        self.store(row for row in self._market.advance(self._known_ns) if isinstance(row, Row))
        self.flush()

    def store(self, rows: Iterable[Row | Change]) -> None:
        """Take rows; they are in the database after `flush`."""
        for row in rows:
            self._waiting.append(row)
            self.counts[row.table] += isinstance(row, Row)
        if len(self._waiting) >= ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait, in one transaction."""
        if not self._waiting:
            return
        records = self._open_records()
        by_table: dict[str, list[dict[str, Any]]] = {}
        for row in self._waiting:
            if isinstance(row, Row):
                by_table.setdefault(row.table, []).append(row.values)
        with records.transaction():
            for table, values in by_table.items():
                records.add(table, values, conflict="replace")
            for change in self._waiting:
                if isinstance(change, Change):
                    records.update(change.table, change.where, change.values)
        self._waiting.clear()


def replay_into(
    path: Path,
    database: str,
    settings: CollectSettings,
    report: Path | None,
    progress: Progress,
    models: ModelsAtHand | None = None,
) -> dict[str, Any]:
    """Replay a recording, a file or a folder of files into a database, and say what each file allowed.

    Parameters
    ----------
    report : Path or None
        Also write what is returned, as ``.html`` or ``.json``.
    models : ModelsAtHand, optional
        What scores the messages, and after the replay every stored signal and launch, however old.

    Raises
    ------
    DataError
        If the path does not exist, the recording is damaged, or nothing in the files can be used; there is then no new
        database.
    """
    if not path.exists():
        raise DataError(f"--replay {path}: there is no such file or folder; give a recording or recorded files")
    began, recorded, scores = stopwatch(), is_recording(path), 0
    with ExitStack() as stack:
        # Opened late, so that a file that holds nothing leaves nothing behind.
        opened = cache(lambda: stack.enter_context(open_database(database)))
        if recorded:
            opened()
        replay = _Replay(opened, settings, recorded, models)
        readings = [_recording(path, replay, progress)] if recorded else _files(path, replay, settings)
        replay.end()
        if models is not None and replay.counts:
            scores = MlInference(opened(), models, InferenceSettings(lookback_s=FOR_EVER_S)).score_pending()
    result: dict[str, Any] = {
        "path": str(path),
        "seconds": round(stopwatch() - began, 3),
        "events": replay.events,
        "signals": replay.signals,
        "stored_rows": sum(replay.counts.values()),
        "scores": scores,
        "tables": dict(sorted((+replay.counts).items())),
        "files": [reading.plain() for reading in readings],
    }
    if report is not None:
        write_reading(report, result)
    if not replay.events and not replay.counts:
        raise DataError(f"--replay {path}: {_nothing(readings)}; give a recording, or files of events or curves")
    return result


def _nothing(readings: list[FileReading]) -> str:
    """Say why nothing came of files."""
    reasons = [f"{reading.file} does not allow {reading.not_allowed[0]}" for reading in readings if reading.not_allowed]
    if not reasons:
        return "there is nothing in it"
    return "nothing in it can be used: " + reasons[0] + (f", and {len(reasons) - 1} more" if reasons[1:] else "")


def is_recording(path: Path) -> bool:
    """Whether a path is a folder that the recorder wrote."""
    return path.is_dir() and any(
        file.suffix == ".wal" or _SEGMENT.fullmatch(file.name) for file in path.iterdir() if file.is_file()
    )


def _recording(path: Path, replay: _Replay, progress: Progress) -> FileReading:
    reading, kinds = FileReading(path.name, "recording"), Counter[str]()
    for record in read_records(path):
        _take(record, replay, reading, kinds)
        if reading.rows % ROWS_AT_ONCE == 0:
            progress("replay", reading.rows, 0)
    _say_kinds(reading, kinds)
    return reading


def _files(path: Path, replay: _Replay, settings: CollectSettings) -> list[FileReading]:
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    waiting: list[tuple[Record, int]] = []
    readings: list[FileReading] = []
    for file in files:
        reading, found, rows = _read(file, settings)
        reading.file = str(file.relative_to(path)) if path.is_dir() else file.name
        waiting += [(record, len(readings)) for record in found]
        readings.append(reading)
        replay.store(rows)
    kinds = [Counter[str]() for _ in readings]
    # Files of different times make one recording, in the order of their blocks.
    waiting.sort(key=lambda pair: pair[0].known_ns)
    known_ns = 0
    for record, place in waiting:
        reading, known_ns = readings[place], max(known_ns + 1, record.known_ns)
        name = record.signature
        if _NO_SIGNATURE.fullmatch(name):
            # Its key would be that of every other line without a signature.
            name = f"{reading.file}#{reading.rows}"
        _take(msgspec.structs.replace(record, known_ns=known_ns, signature=name), replay, reading, kinds[place])
        kinds[place]["of a newer layout, its new fields kept"] += _is_longer(record)
    for place in dict.fromkeys(place for _, place in waiting):
        _say_kinds(readings[place], kinds[place])
        readings[place].not_allowed.append(
            "windows and outcomes beyond these transactions: what came before and after them is not in the file"
        )
    return readings


def _take(record: Record, replay: _Replay, reading: FileReading, kinds: Counter[str]) -> None:
    reading.rows += 1
    try:
        event = decode(record)
    except DamagedRecord as damage:
        reading.not_allowed.append(f"record {record.signature}:{record.log_index}: {damage}")
        return
    if event is None or isinstance(event, Other):
        kinds["without use for any book"] += 1
        return
    kinds[type(event).__name__] += 1
    replay.feed(event)


def _is_longer(record: Record) -> bool:
    try:
        return unknown_bytes(record.data) > 0
    except DamagedRecord:  # told where it is decoded
        return False


def _say_kinds(reading: FileReading, kinds: Counter[str]) -> None:
    said = ", ".join(f"{count:,} {name}" for name, count in (+kinds).items()) or "none"
    reading.allowed.append(f"events through every book, to signals, windows and outcomes: {said}")


def _read(file: Path, settings: CollectSettings) -> tuple[FileReading, list[Record], list[Row]]:
    """Recognise a file by its content; gives its records, or the rows of a table that holds less."""
    if file.suffix == ".parquet":
        return _read_table(file, settings)
    if file.suffix not in (".json", ".jsonl"):
        return FileReading(file.name, "other", 0, [], ["anything: it is neither JSON nor Parquet"]), [], []
    coins = _coins(file)
    if coins is not None:
        reading, rows = read_coins(file, coins)
        return reading, [], rows
    try:
        found = list(file_records(file))
    except DataError as error:
        return FileReading(file.name, "other JSON", 0, [], [f"events: {error}"]), [], []
    reading = FileReading(file.name, "notifications or transactions")
    if not found:
        reading.not_allowed.append("anything: no event of the program is in it")
    return reading, found, []


def _read_table(file: Path, settings: CollectSettings) -> tuple[FileReading, list[Record], list[Row]]:
    try:
        frame = pl.read_parquet(file)
    except (pl.exceptions.PolarsError, OSError) as error:
        return FileReading(file.name, "other", 0, [], [f"anything: it cannot be read ({error})"]), [], []
    columns = set(frame.columns)
    if {"timestamp", "mint"} <= columns and columns & {"sol_in_pool", "price_sol"}:
        reading, rows = read_curves(file, frame, settings.market.outcomes)
    elif {"block_time", "transaction_signature", "signer", "mint_address", "all_accounts"} <= columns:
        reading, rows = read_creates(file, frame)
    elif {"block_time", "transaction_signature", "signer", "method", "mint", "all_accounts"} <= columns:
        reading, rows = read_instructions(file, frame)
    else:
        named = ", ".join(sorted(columns)[:8])
        reading = FileReading(
            file.name, "other table", frame.height, [], [f"anything: columns {named} say nothing here"]
        )
        rows = []
    return reading, [], rows


def _coins(file: Path) -> list[dict[str, Any]] | None:
    try:
        content = msgspec.json.decode(file.read_bytes())
    except (msgspec.DecodeError, OSError):
        return None
    coins = content if isinstance(content, list) else [content]
    wanted = {"mint", "creator", "created_timestamp", "virtual_sol_reserves"}
    return coins if coins and all(isinstance(coin, dict) and wanted <= coin.keys() for coin in coins) else None
