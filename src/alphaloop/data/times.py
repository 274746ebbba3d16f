"""Times of a file as UTC nanoseconds: no zone is ever guessed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import DataError, InputError

# Magnitudes of epoch numbers do not overlap between 1973 and 5138: (smallest absolute value, nanoseconds per unit).
EPOCH_UNITS = ((10**17, 1), (10**14, 10**3), (10**11, 10**6), (10**8, 10**9))

_DATES = ("%Y-%m-%d", "%Y.%m.%d", "%Y/%m/%d", "%Y%m%d", "%d.%m.%Y")
_CLOCKS = ("%H:%M:%S%.f", "%H:%M", "%H%M%S")
FORMATS = (
    *(f"{date}{gap}{clock}" for date in _DATES for gap in ("T", " ") for clock in _CLOCKS),
    *_DATES[:3],
    _DATES[4],
)
_ZONE = r"\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s*(Z|z|UTC|GMT|[+-]\d{2}(:?\d{2})?)$"
_ZERO_OFFSET = r"\s*(Z|z|UTC|GMT|[+-]00(:?00)?)$"
_NUMBER = r"^\s*[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\s*$"

_TICK_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "d": 86_400 * NS_PER_S}
_EARLIEST_NS = -5_364_662_400 * NS_PER_S  # 1800-01-01
_LATEST_NS = 7_258_118_400 * NS_PER_S  # 2200-01-01


def parse_times(column: pl.Series, timezone: str | None, source: str) -> NDArray[np.int64]:
    """UTC nanoseconds of every row.

    Zone-aware datetimes, ISO strings with an offset, and epoch numbers (seconds, milliseconds, microseconds or
    nanoseconds, told row by row from their magnitude) are taken as they are. Datetimes, dates and strings without a
    zone need `timezone`, which applies to them alone.

    Parameters
    ----------
    column : Series (n,)
    timezone : IANA name such as ``UTC`` or ``America/New_York``, or None
    source : name of the file, for errors

    Raises
    ------
    DataError
        With the first row whose time is missing, unreadable, zone-less, out of range, or skipped or repeated by a
        change of the clocks.
    """
    if timezone is not None:
        _check_zone(timezone, source)
    nulls = column.is_null()
    if nulls.any():
        raise DataError(f"{source}: row {_first(nulls)} has no time; fill it in or remove the row")
    if column.dtype.is_temporal():
        _check_range(column, source)
    if column.dtype == pl.String:
        return _from_text(column, timezone, source)
    if column.dtype.is_numeric():
        return _from_numbers(column, column, source)
    if column.dtype == pl.Date:
        return _localised(column.cast(pl.Datetime("us")), column, timezone, source)
    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone is None:
            return _localised(column, column, timezone, source)
        return _nanoseconds(column)
    raise DataError(
        f"{source}: column {column.name!r} holds {column.dtype}, not times; name the column of times 'date'"
    )


def parse_moment(text: str, option: str) -> int:
    """UTC nanoseconds of one ISO 8601 day or time, taken as UTC where it names no zone; `option` names it in errors.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InputError(f"{option} {text!r} is not a time; write it as 2024-01-31 or 2024-01-31T09:30:00Z") from None
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return round((aware - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 1_000


def join_date_and_clock(date: pl.Series, clock: pl.Series) -> pl.Series:
    """One column of text from a date column and a time-of-day column, null where either is null."""
    frame = pl.DataFrame({"date": date.cast(pl.String), "clock": clock.cast(pl.String)})
    return frame.select(pl.concat_str("date", "clock", separator=" ").alias(f"{date.name} {clock.name}")).to_series()


def _first(mask: pl.Series | NDArray[np.bool_]) -> int:
    """1-based row of the first True."""
    return int(np.argmax(np.asarray(mask))) + 1


def _check_zone(timezone: str, source: str) -> None:
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise DataError(
            f"{source}: time zone {timezone!r} is not known; give an IANA name such as UTC or America/New_York"
        ) from None


def _from_numbers(numbers: pl.Series, shown: pl.Series, source: str) -> NDArray[np.int64]:
    values = numbers.cast(pl.Int64, strict=False) if numbers.dtype.is_integer() else numbers.cast(pl.Float64)
    fraction = np.zeros(len(values))
    if values.dtype == pl.Float64:
        raw = values.to_numpy()
        bad = ~(np.abs(raw) < 2.0**63)
        if bad.any():
            raise DataError(
                f"{source}: row {_first(bad)} has time {shown[_first(bad) - 1]!r}; give a time or remove the row"
            )
        whole = np.floor(raw).astype(np.int64)
        fraction = raw - whole
    else:
        whole = values.fill_null(0).to_numpy()
    magnitude = np.abs(whole)
    unit = np.zeros(len(whole), np.int64)
    for smallest, nanoseconds in reversed(EPOCH_UNITS):
        unit[magnitude >= smallest] = nanoseconds
    bad = (unit == 0) | (magnitude > _LATEST_NS // np.maximum(unit, 1))
    if bad.any():
        row = _first(bad)
        raise DataError(
            f"{source}: row {row} has time {shown[row - 1]!r}, which is no epoch number in s, ms, us or ns "
            f"between 1973 and 2200; write times as ISO 8601 with a zone"
        )
    out: NDArray[np.int64] = whole * unit + np.rint(fraction * unit).astype(np.int64)
    return out


def _from_text(column: pl.Series, timezone: str | None, source: str) -> NDArray[np.int64]:
    if re.match(_NUMBER, column[0]):
        numbers = column.str.strip_chars()
        whole = numbers.cast(pl.Int64, strict=False)
        parsed = numbers.cast(pl.Float64, strict=False) if whole.has_nulls() else whole
        _require(parsed, column, source)
        return _from_numbers(parsed, column, source)
    zoned = column.str.contains(_ZONE)
    if not zoned.any():
        local = _parse(column.str.strip_chars(), "", column, source)
        return _localised(local, column, timezone, source)
    if not zoned.all():
        row = _first(~zoned)
        raise DataError(
            f"{source}: row {row} has time {column[row - 1]!r} without a zone while other rows name one; "
            f"write every time with its zone"
        )
    if column.str.contains(_ZERO_OFFSET).all():
        return _nanoseconds(_parse(column.str.replace(_ZERO_OFFSET, ""), "", column, source))
    offsets = column.str.replace(_ZERO_OFFSET, "+0000").str.replace(r"\s*([+-]\d{2}):?$", "${1}00")
    return _nanoseconds(_parse(offsets, "%z", column, source))


def _parse(text: pl.Series, suffix: str, shown: pl.Series, source: str) -> pl.Series:
    """Datetimes of `text`; formats may differ from row to row (a midnight without seconds among others)."""
    parsed = pl.Series([None] * len(text), dtype=pl.Datetime("us"))
    pending = text
    for _ in FORMATS:
        layout = _layout_of(pending.drop_nulls().head(1), suffix)
        if layout is None:
            break
        found = pending.str.to_datetime(layout, time_unit="us", strict=False)
        if found.dtype != parsed.dtype:
            found = found.dt.replace_time_zone(None)
        parsed = parsed.zip_with(parsed.is_not_null(), found)
        pending = pl.select(pl.when(parsed.is_null()).then(text)).to_series()
    _require(parsed, shown, source)
    _check_range(parsed, source)
    return parsed


def _layout_of(one: pl.Series, suffix: str) -> str | None:
    """Find the first format that reads the only value of `one`; None when there is no value or no format."""
    for layout in FORMATS if one.len() else ():
        if not one.str.to_datetime(layout + suffix, time_unit="us", strict=False).has_nulls():
            return layout + suffix
    return None


def _require(parsed: pl.Series, shown: pl.Series, source: str) -> None:
    nulls = parsed.is_null()
    if nulls.any():
        row = _first(nulls)
        raise DataError(
            f"{source}: row {row} has time {shown[row - 1]!r}, which cannot be read; "
            f"write times as ISO 8601 such as 2024-01-31T09:30:00Z"
        )


def _localised(local: pl.Series, shown: pl.Series, timezone: str | None, source: str) -> NDArray[np.int64]:
    if timezone is None:
        raise DataError(
            f"{source}: times have no zone (row 1 has {str(shown[0])!r} in column {shown.name!r}); "
            f"say which zone they are in, for example with --timezone UTC"
        )
    if timezone == "UTC":
        return _nanoseconds(local)
    placed = local.dt.replace_time_zone(timezone, non_existent="null", ambiguous="null")
    nulls = placed.is_null()
    if nulls.any():
        row = _first(nulls)
        raise DataError(
            f"{source}: row {row} has local time {str(shown[row - 1])!r}, which a change of the clocks skips or "
            f"repeats in {timezone}; store the file in UTC"
        )
    return _nanoseconds(placed)


def _check_range(times: pl.Series, source: str) -> None:
    """Refuse times outside 1800 to 2200; they are shown as numbers because no calendar may hold them."""
    if not isinstance(times.dtype, pl.Date | pl.Datetime):
        return
    unit = times.dtype.time_unit if isinstance(times.dtype, pl.Datetime) else "d"
    ticks = times.to_physical().cast(pl.Int64).to_numpy()
    bad = (ticks < _EARLIEST_NS // _TICK_NS[unit]) | (ticks > _LATEST_NS // _TICK_NS[unit])
    if bad.any():
        row = _first(bad)
        raise DataError(
            f"{source}: row {row} has a time outside 1800 to 2200 ({ticks[row - 1]} {unit} since 1970); correct the row"
        )


def _nanoseconds(times: pl.Series) -> NDArray[np.int64]:
    unit = times.dtype.time_unit  # type: ignore[attr-defined]
    out: NDArray[np.int64] = times.to_physical().to_numpy() * _TICK_NS[unit]
    return out
