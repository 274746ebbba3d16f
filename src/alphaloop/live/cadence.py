"""How often a trader writes down where it is."""

from __future__ import annotations

from pydantic import Field

from alphaloop.core.settings import Settings


class Cadence(Settings):
    """Checkpoints come after so many bar times or so many seconds, whichever is first.

    They decide how much is done again after a crash, never what comes out.
    """

    checkpoint_bars: int = Field(default=1000, ge=1, description="bar times between checkpoints, at most")
    checkpoint_s: float = Field(default=5.0, gt=0, description="seconds between checkpoints, at most")
    throttle_s: float = Field(default=0.0, ge=0, le=3600, description="pause after each bar time of a replay")
