"""Scores every signal in the store that has no score yet, with the models at hand."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import structlog
from pydantic import Field

from alphaloop.artifact.contract import Contract
from alphaloop.core.clock import NS_PER_S, Clock, SystemClock
from alphaloop.core.errors import ModelCompatibilityError
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.models_at_hand import Model, ModelsAtHand, probability_of_hit
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS, SIGNAL
from alphaloop.stores.records import Records, Row, Without

SCORES: Final = "ml_scores"
TABLES: Final = {SIGNAL.name: "signals", GENESIS.name: "genesis_observations"}

log = structlog.get_logger("alphaloop.pumpfun.inference")


class InferenceSettings(Settings):
    """How often to score and to look for new models."""

    interval_s: float = Field(default=5.0, gt=0, description="between two looks for signals without a score")
    reload_s: float = Field(default=300.0, gt=0, description="between two looks for new models")
    lookback_s: float = Field(default=86_400.0, gt=0, description="signals older than the newest by this stay unscored")
    batch: int = Field(default=1_000, ge=1, le=100_000, description="signals read and scored at once")


@dataclass
class MlInference:
    """The scoring service; `cycle` and `reload` are run by two periodic services.

    A signal is scored once per model name, by the model that is at hand then; a later model of the name does not score
    it again, because what was stated at the time is what its calibration is judged by. Rows that carry another feature
    set than the model reads are left alone. Scoring twice, by two processes or after a crash, changes nothing: the
    older row stays, and it has the same bits.

    Parameters
    ----------
    records : Records
        Opened and migrated; used from a thread.
    models : ModelsAtHand
    """

    records: Records
    models: ModelsAtHand
    settings: InferenceSettings = field(default_factory=InferenceSettings)
    clock: Clock = field(default_factory=SystemClock)
    scored: int = field(init=False, default=0)
    broken: dict[str, str] = field(init=False, default_factory=dict)

    async def cycle(self) -> int:
        """Score what is unscored, in a thread; gives the number of new scores."""
        return await asyncio.to_thread(self.score_pending)

    async def reload(self) -> list[str]:
        """Look for new models, in a thread; gives the names of those that changed."""
        return await asyncio.to_thread(self.models.reload)

    def score_pending(self) -> int:
        """Score every signal without a score, oldest first; gives the number of new scores."""
        self.broken = {}
        found = sum(self._score_for(model) for model in list(self.models.models.values()))
        self.scored += found
        return found

    def report(self) -> dict[str, Any]:
        """Say how the service does, as plain data."""
        return {"scored": self.scored, "broken_rows": dict(self.broken), **self.models.report()}

    def _score_for(self, model: Model) -> int:
        table = TABLES[model.feature_set]
        newest = self.records.select(table, columns=["known_ns"], order_by=["known_ns"], limit=1, descending=True)
        if not newest:
            return 0
        first_ns = int(newest[0]["known_ns"]) - round(self.settings.lookback_s * NS_PER_S)
        where = {"known_ns": (">=", first_ns), "feature_set_hash": model.feature_set_hash}
        without = Without(SCORES, ("signal_id",), {"model": model.name})
        total, after = 0, None
        while True:
            rows = self.records.select(
                table,
                where,
                order_by=["known_ns"],
                limit=self.settings.batch,
                after=after,
                without=without,
                columns=["signal_id", "known_ns", "features"],
            )
            total += self._add(model, rows)
            if len(rows) < self.settings.batch:
                return total
            after = [rows[-1]["known_ns"], rows[-1]["signal_id"]]

    def _add(self, model: Model, rows: list[Row]) -> int:
        width = 4 * len(model.scorer.contract.features)
        whole = [row for row in rows if len(row["features"]) == width]
        for row in rows:
            if len(row["features"]) != width:
                self._damaged(row, width)
        if not whole:
            return 0
        X = np.frombuffer(b"".join(row["features"] for row in whole), "<f4").reshape(len(whole), -1)
        now_ns = self.clock.now_ns()
        probabilities = probability_of_hit(model.scorer, np.ascontiguousarray(X, np.float32))
        scores = [
            {
                "signal_id": row["signal_id"],
                "model": model.name,
                "model_id": model.scorer.id,
                "raw": raw_of(model.scorer.contract, probability),
                "probability": probability,
                "scored_ns": now_ns,
            }
            for row, probability in zip(whole, probabilities, strict=True)
        ]
        return self.records.add(SCORES, scores, conflict="ignore")

    def _damaged(self, row: Row, width: int) -> None:
        reason = str(
            ModelCompatibilityError(
                f"signal {row['signal_id']}: its features take {len(row['features'])} bytes, expected {width}; "
                "the row is damaged: restore it from the recording"
            )
        )
        self.broken[row["signal_id"]] = reason
        log.error("row_damaged", signal_id=row["signal_id"], reason=reason)


def raw_of(contract: Contract, probability: float) -> float | None:
    """The margin before Platt's map, ``(log-odds - b) / a``, as far as a float32 probability still tells it.

    None where the model is calibrated otherwise, or the probability has come to 0 or 1.
    """
    calibration = contract.calibration.model_dump()
    a, b = calibration.get("platt_a"), calibration.get("platt_b")
    if not isinstance(a, float) or not isinstance(b, float) or a == 0.0 or not 0.0 < probability < 1.0:
        return None
    return (math.log(probability / (1.0 - probability)) - b) / a
