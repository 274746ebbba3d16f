"""What stands between a signal and an entry: six checks of each strategy, in this order."""

from __future__ import annotations

from typing import Final, NamedTuple

from alphaloop.trading.portfolio.inputs import Scored
from alphaloop.trading.portfolio.settings import Phase, RegimeEffect, Strategy

SCORE: Final = "score_threshold"
DEAD: Final = "dead_probability"
PHASE: Final = "phase"
SLOT: Final = "slot"
OPEN: Final = "open_position"
COOL_DOWN: Final = "cool_down"
CHECKS: Final = (SCORE, DEAD, PHASE, SLOT, OPEN, COOL_DOWN)
ORDER: Final = {check: place for place, check in enumerate((*CHECKS, ""))}


class Standing(NamedTuple):
    """What of the account the checks look at.

    Attributes
    ----------
    phase : int
        Number of the phase from 1; 0 if the free balance allows none.
    open : int
        Positions open or opening.
    holds : bool
        Whether the signal's asset is among them, or a transaction of it can still land.
    cooling : bool
        Whether the asset's last trade closed too short a time ago.
    """

    phase: int
    open: int
    holds: bool
    cooling: bool


def phase_of(phases: tuple[Phase, ...], free: int) -> int:
    """Number of the phase that a free balance is in, from 1; 0 if it is below the first."""
    number = 0
    for phase in phases:
        if free < phase.min_balance:
            break
        number += 1
    return number


def first_stop(strategy: Strategy, scored: Scored, standing: Standing, phases: tuple[Phase, ...], add: float) -> str:
    """Name of the first check that says no; empty if none does.

    Parameters
    ----------
    add : float
        What the regime adds to the score threshold.
    """
    probability = scored.scores.get(strategy.model)
    if probability is None or not probability >= strategy.score_threshold + add:
        return SCORE
    if strategy.dead_threshold:
        dead = scored.scores.get(strategy.dead_model)
        if dead is None or not dead < strategy.dead_threshold:
            return DEAD
    if standing.phase < strategy.min_phase:
        return PHASE
    if standing.open >= phases[standing.phase - 1].max_open:
        return SLOT
    if standing.holds:
        return OPEN
    return COOL_DOWN if standing.cooling else ""


def explain(
    check: str, strategy: Strategy, scored: Scored, standing: Standing, phases: tuple[Phase, ...], effect: RegimeEffect
) -> str:
    """What a check that said no saw, with its numbers, for people."""
    if check in (SCORE, DEAD):
        model = strategy.model if check == SCORE else strategy.dead_model
        limit = strategy.score_threshold + effect.add_threshold if check == SCORE else strategy.dead_threshold
        found = scored.scores.get(model)
        if found is None:
            return f"no model {model!r} has scored the signal"
        return f"{model} gives {found:.4f}, {'at least' if check == SCORE else 'less than'} {limit:.4f} is needed"
    if check == PHASE:
        return f"the free balance is in phase {standing.phase}, the strategy needs {strategy.min_phase}"
    if check == SLOT:
        return (
            f"{standing.open} positions are open, phase {standing.phase} allows {phases[standing.phase - 1].max_open}"
        )
    return "a position in this asset is open or under way" if check == OPEN else "a trade of this asset closed lately"
