"""Operators that see one row, against numpy."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest
from numpy.typing import NDArray

from alphaloop.features import (
    Expr,
    abs_,
    clip,
    close,
    column,
    constant,
    exp,
    log,
    maximum,
    minimum,
    open,
    sign,
    sqrt,
    where,
)

Floats = NDArray[np.float64]
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 1e-320, 1e308, -1e308, 1e299, 710.0, np.nan, np.inf, -np.inf])


@pytest.fixture
def pair() -> dict[str, Floats]:
    """Every two special numbers beside each other."""
    a, b = np.meshgrid(SPECIAL, SPECIAL)
    return {"close": a.ravel(), "open": b.ravel()}


def usable(x: Floats) -> Floats:
    """What the rules make of a number: beyond 1e300 it counts as an overflow."""
    return np.where(np.abs(x) <= 1e300, x, np.nan)


BINARY: dict[str, tuple[Expr, Callable[[Floats, Floats], Floats]]] = {
    "add": (close + open, np.add),
    "sub": (close - open, np.subtract),
    "mul": (close * open, np.multiply),
    "div": (close / open, np.divide),
    "minimum": (minimum(close, open), np.minimum),
    "maximum": (maximum(close, open), np.maximum),
}
COMPARED: dict[str, tuple[Expr, Callable[[Floats, Floats], NDArray[np.bool_]]]] = {
    "lt": (close < open, np.less),
    "le": (close <= open, np.less_equal),
    "gt": (close > open, np.greater),
    "ge": (close >= open, np.greater_equal),
    "eq": (close == open, np.equal),
    "ne": (close != open, np.not_equal),
    "and": (close & open, np.logical_and),
    "or": (close | open, np.logical_or),
}
UNARY: dict[str, tuple[Expr, Callable[[Floats], Floats]]] = {
    "neg": (-close, np.negative),
    "abs": (abs_(close), np.abs),
    "abs, built in": (abs(close), np.abs),
    "sign": (sign(close), np.sign),
    "log": (log(close), np.log),
    "exp": (exp(close), np.exp),
    "sqrt": (sqrt(close), np.sqrt),
    "clip": (clip(close, -1.5, 2), lambda x: np.clip(x, -1.5, 2.0)),
    "reversed": (1 - 2 / (3 * close + 1), lambda x: 1.0 - 2.0 / (3.0 * x + 1.0)),
}


@pytest.mark.parametrize("name", BINARY)
def test_arithmetic_is_numpys_without_infinities(compute, pair, name) -> None:
    expr, peer = BINARY[name]
    with np.errstate(all="ignore"):
        wanted = usable(peer(usable(pair["close"]), usable(pair["open"])))
    np.testing.assert_array_equal(compute(expr, pair), wanted)


@pytest.mark.parametrize("name", COMPARED)
def test_comparisons_do_not_know_what_nan_is(compute, pair, name) -> None:
    expr, peer = COMPARED[name]
    a, b = usable(pair["close"]), usable(pair["open"])
    wanted = np.where(np.isnan(a) | np.isnan(b), np.nan, peer(a, b).astype(float))
    np.testing.assert_array_equal(compute(expr, pair), wanted)


@pytest.mark.parametrize("name", UNARY)
def test_functions_are_numpys_without_infinities(compute, name) -> None:
    expr, peer = UNARY[name]
    with np.errstate(all="ignore"):
        wanted = usable(peer(usable(SPECIAL)))
    np.testing.assert_allclose(compute(expr, SPECIAL), wanted, rtol=5e-16)


def test_choice_takes_one_side_and_does_not_know_what_nan_is(compute) -> None:
    columns = {"close": np.array([0.0, 1.0, -3.0, np.nan]), "open": np.array([5.0, 6.0, np.nan, 8.0])}
    np.testing.assert_array_equal(compute(where(close, open, -1), columns), [-1.0, 6.0, np.nan, np.nan])
    np.testing.assert_array_equal(compute(~close, columns), [1.0, 0.0, 0.0, np.nan])


def test_any_column_of_numbers_can_be_read(compute) -> None:
    rows = {"funding": np.array([1, 2, 3]), "flag": np.array([True, False, True])}
    np.testing.assert_array_equal(compute(column("funding") * column("flag"), rows), [1.0, 0.0, 3.0])


def test_a_constant_is_on_every_row(compute) -> None:
    np.testing.assert_array_equal(compute(constant(3) + 0 * close, np.ones(3)), [3.0, 3.0, 3.0])


def test_narrow_features_do_not_overflow_into_infinity() -> None:
    from alphaloop.features import Feature, FeatureSet

    stream = FeatureSet("one", [Feature("x", close * 1)]).stream(["A"])
    out = stream.push({"close": np.array([1e39, -1e39, 3e38])}, np.array([1, 2, 3]))
    np.testing.assert_array_equal(out[:, 0], np.array([np.nan, np.nan, 3e38], np.float32))


@pytest.mark.parametrize("spread", [1e-9, 1e-3, 1.0, 100.0])
def test_logarithm_and_exponential_are_right_to_the_last_digit_or_two(compute, spread) -> None:
    x = np.random.default_rng(0).normal(0, spread, 3_000)
    powers = np.exp(x)
    assert most_digits_off(compute(log(close), powers), [Decimal(value).ln() for value in powers.tolist()]) < 1.5
    assert most_digits_off(compute(exp(close), x), [Decimal(value).exp() for value in x.tolist()]) < 1.5


def most_digits_off(found: np.ndarray, exact: list[Decimal]) -> float:
    """The largest error in units of the last digit; `exact` has 28 digits.

    Not from long doubles: they are computed by a unit that other libraries may leave in a state in which all are NaN.
    """
    errors = (abs(Decimal(got) - right) for got, right in zip(found.tolist(), exact, strict=True))
    return max(float(error) / float(np.spacing(abs(float(right)))) for error, right in zip(errors, exact, strict=True))


def test_logarithm_and_exponential_at_their_ends(compute) -> None:
    x = np.array([5e-324, 1e-310, 2.3e-308, 1.0, 1e300])
    np.testing.assert_allclose(compute(log(close), x), np.log(x), rtol=4e-16)
    x = np.array([-800.0, -745.0, -720.0, 0.0, 690.0])
    np.testing.assert_allclose(compute(exp(close), x), np.exp(x), rtol=4e-16, atol=5e-324)
