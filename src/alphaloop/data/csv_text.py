"""CSV tables: any usual separator, plain or gzip, every row as wide as the header."""

from __future__ import annotations

import csv
import gzip
import io
import mmap
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl

from alphaloop.core.errors import DataError
from alphaloop.data.columns import SYMBOL_SPELLINGS, normalise

SEPARATORS = ",;\t|"

_SAMPLE_ROWS = 10_000
_HEADER_BYTES = 65_536
_CHUNK_BYTES = 1 << 24

Content = bytes | mmap.mmap


def read_csv(file: Path, compressed: bool) -> pl.DataFrame:
    """Read a CSV file with a header line; a column whose name spells "symbol" is always text.

    Raises
    ------
    DataError
        If the text is not UTF-8 CSV, the gzip stream is damaged, or a row is wider or narrower than the header.
    """
    if compressed:
        content = _gunzip(file)
        return _parse(file.name, content, content)
    with _mapped(file) as mapped:
        return _parse(file.name, mapped, file)


def _parse(name: str, content: Content, source: Path | bytes) -> pl.DataFrame:
    separator, columns = _header(name, content)
    _check_widths(name, content, separator, len(columns))
    text = {column: pl.String for column in columns if normalise(column) in SYMBOL_SPELLINGS}

    def parse(sample: int | None) -> pl.DataFrame:
        return pl.read_csv(source, separator=separator, schema_overrides=text, infer_schema_length=sample)

    try:
        table = parse(_SAMPLE_ROWS)
    except pl.exceptions.ComputeError:
        # A later row does not fit the type that the first rows suggest; with all rows seen the column becomes wider.
        table = parse(None)
    return table.head(max(table.height - _blank_lines_at_end(content), 0))


@contextmanager
def _mapped(file: Path) -> Iterator[mmap.mmap]:
    with file.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        yield mapped


def _gunzip(file: Path) -> bytes:
    try:
        with gzip.open(file, "rb") as handle:
            content = handle.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{file.name}: the gzip stream is truncated or corrupted ({error}); fetch it again") from None
    if not content.strip():
        raise DataError(f"{file.name} is empty inside its gzip stream; fetch or export it again")
    return content


def _header(name: str, content: Content) -> tuple[str, list[str]]:
    head = content[:_HEADER_BYTES]
    if b"\x00" in head:
        raise DataError(f"{name} holds zero bytes and is not UTF-8 text; export it again as UTF-8 CSV")
    line = head.decode("utf-8-sig", errors="replace").lstrip("\r\n").splitlines()[:1]
    if not line or not line[0].strip():
        raise DataError(f"{name} has no header line; fetch or export it again")
    separator = max(SEPARATORS, key=line[0].count)
    columns = [column.strip() for column in next(csv.reader([line[0]], delimiter=separator))]
    repeated = next((column for column in columns if column and columns.count(column) > 1), None)
    if repeated is not None and not _is_number(repeated):
        raise DataError(f"{name}: column {repeated!r} appears more than once in the header; rename one of them")
    return separator, columns


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_widths(name: str, content: Content, separator: str, width: int) -> None:
    """Refuse a row with more or fewer fields than the header: the reader would fill a short one with nulls."""
    separators, lines, quoted = _count(content, separator)
    if not quoted and separators == lines * (width - 1):
        return
    with io.TextIOWrapper(io.BytesIO(bytes(content)), encoding="utf-8-sig", errors="replace", newline="") as text:
        records = csv.reader(text, delimiter=separator)
        blank_at = None
        seen = -1
        for fields in records:
            if not fields and seen < 0:
                continue
            seen += 1
            if not fields:
                blank_at = blank_at or seen
            elif blank_at is not None:
                raise DataError(f"{name}: row {blank_at} is blank; remove the line")
            elif len(fields) != width:
                raise DataError(
                    f"{name}: row {seen} has {len(fields)} fields where the header has {width}; "
                    f"the file is truncated or the row is damaged, so export it again"
                )


def _count(content: Content, separator: str) -> tuple[int, int, bool]:
    """Separators, lines (the last one may lack its end), and whether there are quotes."""
    data = np.frombuffer(content, np.uint8)
    separators = lines = 0
    quoted = False
    for begin in range(0, len(data), _CHUNK_BYTES):
        chunk = data[begin : begin + _CHUNK_BYTES]
        separators += int(np.count_nonzero(chunk == ord(separator)))
        lines += int(np.count_nonzero(chunk == ord("\n")))
        quoted = quoted or bool((chunk == ord('"')).any())
    return separators, lines + int(content[-1:] != b"\n"), quoted


def _blank_lines_at_end(content: Content) -> int:
    tail = content[-_HEADER_BYTES:]
    return max(tail[len(tail.rstrip(b"\r\n")) :].count(b"\n") - 1, 0)
