"""Raw tables from Parquet, CSV and Feather files, as the file has them."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from pathlib import Path

import polars as pl

from alphaloop.core.errors import DataError, InputError
from alphaloop.core.files import atomic_path
from alphaloop.data.columns import SYMBOL_SPELLINGS, normalise

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
_SEPARATORS = ",;\t|"
_SAMPLE_ROWS = 10_000
_HEADER_BYTES = 65_536


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
    readers: dict[str, Callable[[Path], pl.DataFrame]] = {
        PARQUET: lambda source: pl.read_parquet(source, glob=False, hive_partitioning=False, use_pyarrow=False),
        FEATHER: lambda source: pl.read_ipc(io.BytesIO(source.read_bytes())),
        CSV: lambda source: _read_csv(source, source),
        GZIP_CSV: lambda source: _read_csv(source, _gunzip(source)),
    }
    return _guarded(file, form, readers[form])


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


def _guarded(file: Path, form: str, read: Callable[[Path], pl.DataFrame]) -> pl.DataFrame:
    """Run a reader; whatever it raises, a panic of the reader's native code too, becomes one `DataError`."""
    try:
        return read(file)
    except DataError:
        raise
    except BaseException as error:
        # pyo3's PanicException derives from BaseException so that nobody swallows it by accident; here it can only mean
        # that the bytes are damaged. A person's Ctrl-C is not a property of the file.
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
            raise
        reason = (" ".join(str(error).split()) or type(error).__name__)[:160].rstrip(" .")
        raise DataError(
            f"{file.name} cannot be read as {form}, it is truncated or corrupted ({reason}); fetch or export it again"
        ) from None


def _gunzip(file: Path) -> bytes:
    try:
        with gzip.open(file, "rb") as handle:
            content = handle.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{file.name}: the gzip stream is truncated or corrupted ({error}); fetch it again") from None
    if not content.strip():
        raise DataError(f"{file.name} is empty inside its gzip stream; fetch or export it again")
    return content


def _read_csv(file: Path, content: Path | bytes) -> pl.DataFrame:
    separator, names = _header(file, content)
    text = {name: pl.String for name in names if normalise(name) in SYMBOL_SPELLINGS}

    def parse(sample: int | None) -> pl.DataFrame:
        return pl.read_csv(content, separator=separator, schema_overrides=text, infer_schema_length=sample)

    try:
        return parse(_SAMPLE_ROWS)
    except pl.exceptions.ComputeError:
        # A later row does not fit the type that the first rows suggest; with all rows seen the column becomes wider.
        return parse(None)


def _header(file: Path, content: Path | bytes) -> tuple[str, list[str]]:
    if isinstance(content, bytes):
        head = content[:_HEADER_BYTES]
    else:
        with content.open("rb") as handle:
            head = handle.read(_HEADER_BYTES)
    if b"\x00" in head:
        raise DataError(f"{file.name} holds zero bytes and is not UTF-8 text; export it again as UTF-8 CSV")
    line = head.decode("utf-8-sig", errors="replace").lstrip("\r\n").splitlines()[:1]
    if not line or not line[0].strip():
        raise DataError(f"{file.name} has no header line; fetch or export it again")
    separator = max(_SEPARATORS, key=line[0].count)
    names = [name.strip().strip('"') for name in line[0].split(separator)]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise DataError(f"{file.name}: column {repeated!r} appears more than once in the header; rename one of them")
    return separator, names
