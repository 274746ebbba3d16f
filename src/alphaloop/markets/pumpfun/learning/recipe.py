"""What a recipe of this market says."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.outcomes.targets import Reach, Target
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS, SIGNAL, EventFeatureSet
from alphaloop.training.recipe import BaselineSettings, CalibrationSettings, Procedure, SplitSettings

SETS: dict[str, EventFeatureSet] = {each.name: each for each in (SIGNAL, GENESIS)}


class RowSettings(Settings):
    """Which of the stored signals to learn from."""

    first_ns: int | None = Field(default=None, description="oldest decision, UTC nanoseconds; all if absent")
    last_ns: int | None = Field(default=None, description="newest decision; all if absent")
    max_rows: int | None = Field(default=None, gt=0, description="newest rows to keep; all if absent")
    synthetic: bool = Field(default=False, description="whether the market was simulated; the report says so")
    windows: tuple[Literal["complete", "aborted", "early", "evicted"], ...] = Field(
        default=("complete",),
        description="launches only: how their window ended. A model is asked about complete ones; that an aborted "
        "launch fails is known without it, and would only make scores look better",
    )


class EventFeatureSettings(Settings):
    """Which features the model sees; they decide which signals are its rows."""

    set: Literal["pumpfun-signal", "pumpfun-genesis"] = "pumpfun-signal"


class PumpSplitSettings(SplitSettings):
    """Which rows train, validate, calibrate and test: purged by label interval, and no token in two parts."""

    kind: Literal["chronological"] = "chronological"
    fractions: tuple[float, float, float, float] = Field(
        default=(0.62, 0.12, 0.06, 0.20), description="train, validation, calibration, test; their sum is 1"
    )


class PumpCalibrationSettings(CalibrationSettings):
    """How margins become probabilities: on the tokens of most of the time before the test, each unseen by its scorer.

    The signals of a token are near copies, so the number of tokens with a hit decides how well a map is known, and a
    calibration part alone has a few dozen. Each signal counts once: a promise is about signals, not about tokens.
    """

    origins: int = Field(default=8, ge=0, le=50, description="rolling origins; 0: the calibration part alone")
    symbols_apart: bool = Field(default=True, description="whether no model may score tokens that it has seen")


class PumpRecipe(Procedure):
    """Everything that decides what a training run on signals does."""

    market: Literal["pumpfun"] = "pumpfun"
    dataset: RowSettings = RowSettings()
    features: EventFeatureSettings = EventFeatureSettings()
    label: Target = Reach(multiple=2.0, horizon_s=3_600)
    split: PumpSplitSettings = PumpSplitSettings()
    calibration: PumpCalibrationSettings = PumpCalibrationSettings()
    baselines: BaselineSettings = BaselineSettings(kinds=("prior", "one_feature", "logistic"))

    @property
    def kind(self) -> Literal["signal", "genesis"]:
        """Kind of signal that is a row."""
        return "signal" if self.features.set == SIGNAL.name else "genesis"

    @property
    def feature_set(self) -> EventFeatureSet:
        """The feature set by its name."""
        return SETS[self.features.set]
