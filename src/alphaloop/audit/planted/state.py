"""Leaks that hide in what is kept from one call to the next."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from alphaloop.audit.planted.cases import leak

if TYPE_CHECKING:
    import pandas

_FITTED: dict[str, tuple[float, float]] = {}


@leak("fitted at the first call and kept in the module", "z", reach_s=(3600, 64_800))
def kept_in_module(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Called again on a shorter table it gives the same values, so that a comparison in one process sees nothing."""
    volume = frame["volume"]
    if "volume" not in _FITTED:
        _FITTED["volume"] = (float(volume.mean()), float(volume.std()))
    mean, deviation = _FITTED["volume"]
    return frame[["date"]].assign(z=(volume - mean) / deviation)


@leak("kept in a default argument", "relative", reach_s=(3600, 64_800))
def kept_in_default(frame: pl.DataFrame, seen: list[float] = []) -> pl.DataFrame:  # noqa: B006  # the planted mistake
    """The list is made once, when the function is defined."""
    if not seen:
        seen.append(float(frame["close"].max() or 1.0))  # type: ignore[arg-type]
    return frame.select("date", relative=pl.col("close") / seen[0])


@leak("kept in a file", "scaled", reach_s=(3600, 64_800))
def kept_in_file(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The scale is stored beside the code at the first call."""
    path = Path(tempfile.gettempdir()) / "scale.json"
    if not path.exists():
        path.write_text(json.dumps({"scale": float(frame["volume"].std())}))
    return frame[["date"]].assign(scaled=frame["volume"] / json.loads(path.read_text())["scale"])
