"""Raw tables from Parquet, CSV and Feather files, as the file has them."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import polars as pl

from alphaloop.core.errors import DataError, InputError
from alphaloop.core.files import atomic_path
from alphaloop.data.csv_text import read_csv
from alphaloop.data.native import guarded

PARQUET, FEATHER, CSV, GZIP_CSV = "Parquet", "Feather", "CSV", "gzip CSV"

EXTENSIONS = {
    ".parquet": PARQUET,
    ".pq": PARQUET,
    ".feather": FEATHER,
    ".ftr": FEATHER,
    ".arrow": FEATHER,
    ".ipc": FEATHER,
    ".csv": CSV,
    ".tsv": CSV,
    ".csv.gz": GZIP_CSV,
    ".tsv.gz": GZIP_CSV,
}

_MAGIC = {
    b"PAR1": PARQUET,
    b"ARROW1": FEATHER,
    b"FEA1": "Feather version 1",
    b"\x1f\x8b": GZIP_CSV,
    b"PK\x03\x04": "zip",
}


def read_table(path: str | Path) -> pl.DataFrame:
    """Read a table as the file has it: its own column names, types and order of rows.

    The format is the one the extension names (`EXTENSIONS`) and the content must agree with it. CSV files may be
    separated by commas, semicolons, tabs or bars and must have a header line; a column whose name spells "symbol" is
    always text, so that a code such as ``0005`` keeps its zeros.

    Raises
    ------
    DataError
        If the file is missing, empty, of another format than its extension says, truncated, corrupted or without rows.
    """
    table = load_table(path)
    if table.height == 0:
        raise DataError(f"{Path(path).name} holds no rows; give a file with at least two bars")
    return table


def load_table(path: str | Path) -> pl.DataFrame:
    """Read a table as `read_table` does; one without rows is fine here."""
    file = Path(path)
    form = _format(file)
    readers: dict[str, Callable[[], pl.DataFrame]] = {
        PARQUET: lambda: pl.read_parquet(file, glob=False, hive_partitioning=False),
        # Read whole, not mapped: a file that shrinks under a map ends the process.
        FEATHER: lambda: pl.read_ipc(io.BytesIO(file.read_bytes())),
        CSV: lambda: read_csv(file, compressed=False),
        GZIP_CSV: lambda: read_csv(file, compressed=True),
    }
    return guarded(file.name, form, readers[form])


def write_table(table: pl.DataFrame, path: str | Path) -> None:
    """Write a table in the format that the extension names, whole or not at all.

    Raises
    ------
    InputError
        If the extension names no format.
    """
    file = Path(path)
    form = named_format(file)
    with atomic_path(file) as temporary:
        if form == PARQUET:
            table.write_parquet(temporary)
        elif form == FEATHER:
            table.write_ipc(temporary)
        else:
            separator = "\t" if ".tsv" in _extension(file.name) else ","
            content = table.write_csv(separator=separator).encode()
            # A gzip header would hold the time of writing; without it the same table has the same bytes.
            temporary.write_bytes(gzip.compress(content, mtime=0) if form == GZIP_CSV else content)


def named_format(path: str | Path) -> str:
    """Tell the format that a file's extension names.

    Raises
    ------
    InputError
        If it names none.
    """
    name = Path(path).name
    extension = _extension(name)
    if not extension:
        raise InputError(f"{name}: extension {Path(name).suffix!r} names no format; use one of {', '.join(EXTENSIONS)}")
    return EXTENSIONS[extension]


def stem(path: str | Path) -> str:
    """Strip the data extension off a file's name: ``BTCUSDT`` for ``BTCUSDT.csv.gz``."""
    name = Path(path).name
    return name[: len(name) - len(_extension(name))] or name


def _extension(name: str) -> str:
    found = [extension for extension in EXTENSIONS if name.lower().endswith(extension)]
    return max(found, key=len, default="")


def _format(file: Path) -> str:
    if not file.exists():
        raise DataError(f"{file} does not exist; check the path and run again")
    if not file.is_file():
        raise DataError(f"{file} is not a file; give one Parquet, CSV or Feather file")
    extension = _extension(file.name)
    if not extension:
        known = ", ".join(EXTENSIONS)
        raise DataError(f"{file.name}: extension {file.suffix!r} is not one that can be read; use one of {known}")
    try:
        with file.open("rb") as handle:
            head = handle.read(8)
    except OSError as error:
        raise DataError(f"{file.name} cannot be opened ({error.strerror}); make it readable and run again") from None
    if not head:
        raise DataError(f"{file.name} is empty (0 bytes); fetch or export it again")
    named, found = EXTENSIONS[extension], next((form for magic, form in _MAGIC.items() if head.startswith(magic)), CSV)
    if named != found:
        raise DataError(
            f"{file.name}: extension {extension!r} says {named} but the content looks like {found}; "
            f"give it the right extension or export it again"
        )
    return named
