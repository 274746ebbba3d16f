from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from alphaloop.core.errors import DataError, InputError
from alphaloop.data.times import join_date_and_clock, parse_moment, parse_times

NOON = 1_704_110_400 * 10**9  # 2024-01-01T12:00:00Z


def parse(values: object, timezone: str | None = None, dtype: pl.DataType | None = None) -> list[int]:
    return parse_times(pl.Series("date", values, dtype=dtype), timezone, "x.csv").tolist()


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
def test_epoch_numbers_are_told_by_magnitude(unit: int) -> None:
    assert parse([NOON // 10**9 * unit, NOON // 10**9 * unit + 60 * unit]) == [NOON, NOON + 60 * 10**9]
    assert parse([str(NOON // 10**9 * unit)]) == [NOON]
    assert parse([float(NOON // 10**9 * unit)]) == [NOON]


def test_a_file_that_changes_from_milliseconds_to_microseconds_is_read() -> None:
    assert parse([NOON // 10**6, NOON // 10**3 + 60_000_000]) == [NOON, NOON + 60 * 10**9]


def test_fractions_of_epoch_seconds_are_kept() -> None:
    assert parse([1_704_110_400.5]) == [NOON + 5 * 10**8]


@pytest.mark.parametrize("value", [0, 20240101, 99_999_999, 10**19, -5, float("nan"), float("inf"), 1e30])
def test_numbers_that_are_no_epoch_are_refused(value: float) -> None:
    with pytest.raises(DataError, match=r"x.csv: row 2 has time"):
        parse_times(pl.Series("date", [NOON // 10**9, value], dtype=None, strict=False), None, "x.csv")


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-01T12:00:00Z",
        "2024-01-01 12:00:00Z",
        "2024-01-01T12:00Z",
        "2024-01-01 12:00:00+00:00",
        "2024-01-01 12:00:00+00",
        "2024-01-01 12:00:00.000 UTC",
        "2024-01-01T14:00:00+02:00",
        "2024-01-01 14:00:00+02",
        "2024-01-01 06:30:00-0530",
        "2024/01/01 12:00:00Z",
        "2024.01.01 12:00:00 GMT",
    ],
)
def test_text_with_a_zone_is_utc(text: str) -> None:
    assert parse([text]) == [NOON]


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-01 12:00",
        "2024-01-01T12:00:00.000000",
        "2024.01.01 12:00:00",
        "01.01.2024 12:00:00.000",
        "20240101 120000",
    ],
)
def test_text_without_a_zone_needs_one(text: str) -> None:
    with pytest.raises(
        DataError, match=r"x.csv: times have no zone \(row 1 has .* in column 'date'\); .*--timezone UTC"
    ):
        parse([text])
    assert parse([text], "UTC") == [NOON]
    assert parse([text], "America/New_York") == [NOON + 5 * 3600 * 10**9]


def test_the_zone_of_a_file_is_its_own() -> None:
    assert parse(["2024-01-01T12:00:00Z"], "America/New_York") == [NOON]
    aware = pl.Series([datetime(2024, 1, 1, 13)]).dt.replace_time_zone("Europe/Berlin")
    assert parse_times(aware, "America/New_York", "x").tolist() == [NOON]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_datetimes_of_every_unit(unit: str) -> None:
    assert parse([datetime(2024, 1, 1, 12, tzinfo=UTC)], dtype=pl.Datetime(unit, "UTC")) == [NOON]
    assert parse([datetime(2024, 1, 1, 12)], "UTC", dtype=pl.Datetime(unit)) == [NOON]


def test_dates_are_local_midnights() -> None:
    assert parse([date(2024, 1, 1)], "UTC") == [NOON - 12 * 3600 * 10**9]
    assert parse(["2024-01-01"], "UTC") == [NOON - 12 * 3600 * 10**9]
    with pytest.raises(DataError, match="no zone"):
        parse([date(2024, 1, 1)])


def test_formats_may_differ_from_row_to_row() -> None:
    assert parse(["2024-01-01 12:00:00Z", "2024-01-01T12:01Z", "2024-01-01 12:02:00.5Z"]) == [
        NOON,
        NOON + 60 * 10**9,
        NOON + 120_500_000_000,
    ]


@pytest.mark.parametrize("local", ["2024-03-31 02:30:00", "2024-10-27 02:30:00"])
def test_a_local_time_that_clocks_skip_or_repeat_is_refused(local: str) -> None:
    with pytest.raises(
        DataError, match=r"row 2 has local time .* skips or repeats in Europe/Berlin; store the file in UTC"
    ):
        parse(["2024-03-01 02:30:00", local], "Europe/Berlin")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["2024-01-01T12:00:00Z", "2024-01-01T12:01:00"], "row 2 has time .* without a zone while other rows name one"),
        (
            ["2024-01-01T12:00:00Z", "2024-13-01T12:01:00Z"],
            "row 2 has time '2024-13-01T12:01:00Z', which cannot be read",
        ),
        (["2024-01-01 12:00", "noon"], "row 2 has time 'noon', which cannot be read; write times as ISO 8601"),
        (["1704110400", "noon"], "row 2 has time 'noon', which cannot be read"),
        (["yesterday"], "row 1 has time 'yesterday'"),
        (["3024-01-01T12:00:00Z"], r"row 1 has a time outside 1800 to 2200 \(\d+ us since 1970\)"),
        ([True], "holds Boolean, not times"),
    ],
)
def test_times_that_cannot_be_read_are_refused(values: list[object], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        parse(values, "UTC")


@pytest.mark.parametrize(
    "dtype",
    [pl.Date(), pl.Datetime("ms"), pl.Datetime("us", "UTC"), pl.Datetime("ns", "Asia/Tokyo"), pl.Datetime("ms", "UTC")],
)
@pytest.mark.parametrize("extreme", [2**31 - 1, -(2**31), 2**63 - 1, -(2**63)])
def test_times_that_no_calendar_holds_are_refused(dtype: pl.DataType, extreme: int) -> None:
    if dtype == pl.Date and abs(extreme) > 2**31:
        return
    times = pl.Series("date", [0, extreme], dtype=pl.Int64).cast(pl.Int32 if dtype == pl.Date else pl.Int64).cast(dtype)
    if dtype != pl.Date and abs(extreme) <= 2**31:
        assert len(parse_times(times, "UTC", "x.csv")) == 2
    else:
        with pytest.raises(DataError, match="row 2 has a time outside 1800 to 2200"):
            parse_times(times, "UTC", "x.csv")


def test_an_unknown_zone_is_refused() -> None:
    for zone in ("UTCC", "../etc", "", "Europe"):
        with pytest.raises(DataError, match="IANA name such as UTC"):
            parse(["2024-01-01 12:00"], zone)


def test_date_and_clock_are_joined() -> None:
    joined = join_date_and_clock(pl.Series("d", ["2024.01.01"]), pl.Series("t", ["12:00"]))
    assert parse_times(joined, "UTC", "x").tolist() == [NOON]
    typed = join_date_and_clock(pl.Series("d", [date(2024, 1, 1)]), pl.Series("t", ["12:00:00"]).str.to_time())
    assert parse_times(typed, "UTC", "x").tolist() == [NOON]


def test_one_moment() -> None:
    assert parse_moment("2024-01-01T12:00:00Z", "--since") == NOON
    assert parse_moment("2024-01-01T13:00+01:00", "--since") == NOON
    assert parse_moment("2024-01-01", "--since") == NOON - 12 * 3600 * 10**9
    with pytest.raises(InputError, match="--since 'soon' is not a time"):
        parse_moment("soon", "--since")


def test_a_million_rows_are_int64() -> None:
    times = parse_times(pl.Series(np.arange(NOON, NOON + 10**6)), None, "x")
    assert times.dtype == np.int64
    assert times[-1] == NOON + 10**6 - 1
