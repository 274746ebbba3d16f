"""What was planted, for tests and reports: never for features."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from alphaloop.core.files import atomic_path
from alphaloop.markets.pumpfun.simulator.life import Life
from alphaloop.markets.pumpfun.simulator.population import Population

FOLDER = "truth"


class TokenTruth(msgspec.Struct, frozen=True, gc=False):
    """What a coin was and what became of it; `faded_s` seconds after creation its crowd's attention ended."""

    mint: str
    creator: str
    creator_kind: str
    regime: str
    created_ns: int
    quality: float
    hazard: float
    bundled: bool
    washed: bool
    mayhem: bool
    cashback: bool
    trades: int
    peak: float
    faded_s: float
    graduated: bool

    @classmethod
    def of(cls, life: Life) -> TokenTruth:
        """Tell a life that was played."""
        launch = life.launch
        return cls(
            mint=launch.mint,
            creator=launch.creator.address,
            creator_kind=launch.creator.kind,
            regime=launch.regime,
            created_ns=launch.created_ns,
            quality=launch.quality,
            hazard=launch.hazard,
            bundled=bool(launch.bundle),
            washed=launch.washed,
            mayhem=launch.mayhem,
            cashback=launch.cashback,
            trades=life.journal.trades,
            peak=life.journal.peak,
            faded_s=life.faded_s,
            graduated=life.graduated,
        )


def write_people(folder: Path, people: Population) -> None:
    """Write ``wallets.parquet`` (wallet, kind, skill, group) and ``creators.parquet`` (creator, kind, talent)."""
    wallets = [
        {"wallet": wallet.address, "kind": wallet.kind, "skill": wallet.skill, "group": wallet.group}
        for wallet in people.wallets
    ]
    creators = [
        {"creator": creator.address, "kind": creator.kind, "talent": creator.talent}
        for creator in (*people.ruggers, *people.builders)
    ]
    _write(folder / FOLDER / "wallets.parquet", wallets)
    _write(folder / FOLDER / "creators.parquet", creators)


def write_tokens(folder: Path, tokens: Iterable[TokenTruth]) -> None:
    """Write ``tokens.parquet``, a row for each coin in order of creation."""
    _write(folder / FOLDER / "tokens.parquet", [msgspec.to_builtins(token) for token in tokens])


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    with atomic_path(path) as temporary:
        pl.DataFrame(rows, infer_schema_length=None).write_parquet(temporary)
