from __future__ import annotations

import gzip
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from alphaloop.core.errors import DataError, InputError
from alphaloop.data.native import guarded, refusing_panics
from alphaloop.data.tables import named_format, read_table, stem, write_table

FRAME = pl.DataFrame({"symbol": ["A", "B", "C"], "x": [1.5, 2.0, None], "n": [1, 2, 3]})
NAMES = ["x.parquet", "x.feather", "x.csv", "x.csv.gz", "x.tsv"]


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_table_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    write_table(FRAME, tmp_path / name)
    assert read_table(tmp_path / name).equals(FRAME)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_table_has_the_same_bytes(tmp_path: Path, name: str) -> None:
    for folder in ("a", "b"):
        write_table(FRAME, tmp_path / folder / name)
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert [path.name for path in (tmp_path / "a").iterdir()] == [name]


def test_extensions_name_formats(tmp_path: Path) -> None:
    assert named_format("a.b.CSV.GZ") == "gzip CSV"
    assert stem("/x/BTC.USDT.csv.gz") == "BTC.USDT"
    assert stem("EURUSD_M1.Parquet") == "EURUSD_M1"
    with pytest.raises(InputError, match=r"extension '.xlsx' names no format; use one of .parquet"):
        write_table(FRAME, tmp_path / "x.xlsx")


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    assert "does not exist; check the path" in refusal(tmp_path / "no.csv")
    (tmp_path / "d.csv").mkdir()
    assert "is not a file" in refusal(tmp_path / "d.csv")


def test_an_unknown_extension_is_refused(tmp_path: Path) -> None:
    for name in ("x.xlsx", "x", "x.json.gz"):
        (tmp_path / name).write_text("a,b\n1,2\n")
        assert "is not one that can be read; use one of .parquet, .pq" in refusal(tmp_path / name)


def test_content_must_be_what_the_extension_says(tmp_path: Path) -> None:
    write_table(FRAME, tmp_path / "x.parquet")
    (tmp_path / "x.csv").write_bytes((tmp_path / "x.parquet").read_bytes())
    assert "extension '.csv' says CSV but the content looks like Parquet" in refusal(tmp_path / "x.csv")
    (tmp_path / "y.csv").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert "looks like gzip CSV" in refusal(tmp_path / "y.csv")
    (tmp_path / "y.csv.gz").write_bytes(b"a,b\n1,2\n")
    assert "looks like CSV" in refusal(tmp_path / "y.csv.gz")
    with zipfile.ZipFile(tmp_path / "z.csv", "w") as archive:
        archive.writestr("a.csv", "a,b\n1,2\n")
    assert "looks like zip" in refusal(tmp_path / "z.csv")
    (tmp_path / "z.feather").write_bytes(b"FEA1" + b"\0" * 100)
    assert "looks like Feather version 1" in refusal(tmp_path / "z.feather")


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    assert "is empty (0 bytes)" in refusal(tmp_path / name)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_without_rows_is_refused(tmp_path: Path, name: str) -> None:
    write_table(FRAME.clear(), tmp_path / name)
    assert "holds no rows" in refusal(tmp_path / name)


@pytest.mark.parametrize("name", ["x.parquet", "x.feather", "x.csv.gz"])
def test_a_truncated_file_is_refused_at_every_length(tmp_path: Path, name: str) -> None:
    write_table(FRAME, tmp_path / name)
    content = (tmp_path / name).read_bytes()
    for length in range(8, len(content), max(len(content) // 40, 1)):
        (tmp_path / name).write_bytes(content[:length])
        assert "truncated or corrupted" in refusal(tmp_path / name)


def test_a_csv_cut_inside_a_row_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b,c\n1,2,3\n4,5")
    assert "row 2 has 2 fields where the header has 3; the file is truncated" in refusal(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_text('a,b,c\n1,"2,5",3\n4,5,6,7\n')
    assert "row 2 has 4 fields" in refusal(tmp_path / "x.csv")


def test_quoted_fields_may_hold_separators_and_line_ends(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text('a,b\n"1,5","two\nlines"\n"2","x"\n')
    assert read_table(tmp_path / "x.csv").rows() == [("1,5", "two\nlines"), ("2", "x")]


def test_blank_lines_at_the_end_are_nothing_and_elsewhere_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n3,4\n\n\n")
    assert read_table(tmp_path / "x.csv").rows() == [(1, 2), (3, 4)]
    (tmp_path / "x.csv").write_text("a,b\r\n1,2\r\n3,4\r\n\r\n")
    assert read_table(tmp_path / "x.csv").rows() == [(1, 2), (3, 4)]
    (tmp_path / "x.csv").write_text("a,b\n1,2\n\n3,4\n")
    assert "row 2 is blank; remove the line" in refusal(tmp_path / "x.csv")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_byte_order_marks_and_line_ends(tmp_path: Path, separator: str) -> None:
    text = "\ufeffsymbol,x\r\n0005,1.5\r\n7,2".replace(",", separator)
    (tmp_path / "x.csv").write_bytes(text.encode())
    assert read_table(tmp_path / "x.csv").rows() == [("0005", 1.5), ("7", 2.0)]


def test_a_late_change_of_type_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("x,y\n" + "1,2\n" * 20_000 + "1.5,2\n")
    assert read_table(tmp_path / "x.csv")["x"][-1] == 1.5


def test_damaged_text_is_refused(tmp_path: Path) -> None:
    for content, reason in (
        (b"a,b\n1,\xff\xfe\n", "cannot be read as CSV"),
        ("a,b\n1,2\n".encode("utf-16"), "zero bytes"),
        (b"a,a\n1,2\n", "column 'a' appears more than once"),
        (b"\n \n", "no header line"),
    ):
        (tmp_path / "x.csv").write_bytes(content)
        assert reason in refusal(tmp_path / "x.csv")
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b" \n"))
    assert "empty inside its gzip stream" in refusal(tmp_path / "x.csv.gz")


class _Panic(BaseException):
    pass


def _raise(error: BaseException) -> Callable[[], None]:
    def read() -> None:
        os.write(2, b"thread panicked at line 1\n")
        raise error

    return read


def test_a_panic_of_native_code_becomes_one_sentence_and_its_backtrace_is_not_shown(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(
        DataError, match=r"^x.csv cannot be read as CSV, it is truncated or corrupted \(boom at\); fetch"
    ):
        guarded("x.csv", "CSV", _raise(_Panic("boom\n at { file: 1 }")))
    assert capfd.readouterr().err == ""


def test_a_panic_on_values_is_refused_and_a_defect_stays_a_defect(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(DataError, match=r"x.csv holds values that cannot be read \(overflowed\)"),
        refusing_panics("x.csv"),
    ):
        _raise(_Panic("overflowed"))()
    assert capfd.readouterr().err == ""
    for error in (ZeroDivisionError("ours"), KeyboardInterrupt()):
        with pytest.raises(type(error)), refusing_panics("x.csv"):
            raise error


def test_an_interrupt_stays_an_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt):
        guarded("x.csv", "CSV", _raise(KeyboardInterrupt()))


def test_what_a_good_read_prints_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    assert guarded("x.csv", "CSV", lambda: os.write(2, b"a warning\n")) == 10
    assert capfd.readouterr().err == "a warning\n"
