"""How good the best of many tries looks when nothing is there."""

from __future__ import annotations

import math
from statistics import NormalDist

EULER_MASCHERONI = 0.5772156649015329


def expected_best(tries: int) -> float:
    """Compute the expected highest of `tries` independent standard normal draws, in standard deviations.

    ``(1 - g) x Q(1 - 1/N) + g x Q(1 - 1/(N e))`` with Q the normal quantile and g the Euler-Mascheroni constant: Bailey
    and López de Prado, "The Deflated Sharpe Ratio", Journal of Portfolio Management 40(5), 2014, equation 6.

    Parameters
    ----------
    tries
        How many; the best of one is 0 by definition.

    Raises
    ------
    ValueError
        If `tries` is below 1.
    """
    if tries < 1:
        raise ValueError(f"the best of {tries} tries is not defined")
    if tries == 1:
        return 0.0
    quantile = NormalDist().inv_cdf
    return (1.0 - EULER_MASCHERONI) * quantile(1.0 - 1.0 / tries) + EULER_MASCHERONI * quantile(
        1.0 - 1.0 / (tries * math.e)
    )


def luck_of_best(tries: int, standard_error: float) -> float:
    """By how much the best of `tries` equally good models is expected to look better than it is.

    An upper bound: tries of one study resemble each other, and resembling draws have a lower maximum.

    Parameters
    ----------
    tries
        How many models were compared on the same rows.
    standard_error
        Sampling error of one model's score on these rows.
    """
    return expected_best(tries) * standard_error
