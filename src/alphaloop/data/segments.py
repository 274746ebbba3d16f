"""What a download has so far: atomic parts in a folder beside the target, and the request that they belong to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
from polars.datatypes import DataType, DataTypeClass

from alphaloop.core.errors import DataError, InputError
from alphaloop.core.files import atomic_path, write_text
from alphaloop.core.settings import Settings
from alphaloop.data.tables import load_table

CANDLE_SCHEMA: dict[str, DataType | DataTypeClass] = {
    "symbol": pl.String,
    "date": pl.Datetime("ms", "UTC"),
    "open": pl.Float64,
    "high": pl.Float64,
    "low": pl.Float64,
    "close": pl.Float64,
    "volume": pl.Float64,
}


class Request(Settings):
    """What is to be downloaded; times are UTC nanoseconds.

    `since_ns` and `until_ns` (None: as far as there is) are what was asked for; ``[first_ns, end_ns)`` is what that
    meant on the grid of the time frame when the download began.
    """

    exchange: str
    symbol: str
    timeframe: str
    since_ns: int
    until_ns: int | None
    first_ns: int
    end_ns: int


class Segments:
    """The part folder of one target file, ``TARGET.parts``."""

    def __init__(self, target: Path) -> None:
        self.folder = target.with_name(target.name + ".parts")

    def begun(self) -> Request | None:
        """Return the request that the folder belongs to, or None when there is none."""
        path = self.folder / "request.json"
        if not path.exists():
            return None
        try:
            return Request.model_validate(json.loads(path.read_text()))
        except ValueError:
            raise DataError(
                f"{path} is not a download request; remove the folder {self.folder} and start again"
            ) from None

    def begin(self, request: Request) -> None:
        """Write down what the parts will belong to, in an empty folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        write_text(self.folder / "request.json", json.dumps(request.model_dump(), indent=2) + "\n")

    def resume(self, begun: Request, **wanted: str | int | None) -> None:
        """Check that what is wanted now is what was begun.

        Raises
        ------
        InputError
            Naming the first thing that differs.
        """
        for key, got in wanted.items():
            had = getattr(begun, key)
            if got != had:
                raise InputError(
                    f"{self.folder} holds the beginning of another download ({key} {had!r}, now {got!r}); "
                    f"repeat that command, or remove the folder"
                )

    def __contains__(self, index: int) -> bool:
        return self._path(index).exists()

    def write(self, index: int, candles: pl.DataFrame) -> None:
        """Store part `index`, whole or not at all."""
        with atomic_path(self._path(index)) as temporary:
            candles.write_parquet(temporary)

    def read(self, count: int) -> pl.DataFrame:
        """All parts ``0 .. count - 1`` as one table."""
        return pl.concat([load_table(self._path(index)) for index in range(count)])

    def remove(self) -> None:
        """Delete the folder; without its request, what is left after an interruption counts for nothing."""
        (self.folder / "request.json").unlink()
        shutil.rmtree(self.folder)

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:06d}.parquet"
