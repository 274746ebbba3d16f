"""Expressions: structure, words, and what they refuse."""

from __future__ import annotations

import pytest

from alphaloop.core.errors import FeatureError, InputError
from alphaloop.features import (
    Expr,
    Feature,
    FeatureSet,
    atr,
    autocorr,
    clip,
    close,
    column,
    constant,
    diff,
    ema,
    fft_power,
    high,
    higher,
    in_session,
    lag,
    low,
    maximum,
    mean,
    other,
    quantile,
    rsi,
    skew,
    std,
    where,
    wilder,
)

FORMULAS: list[tuple[Expr, str]] = [
    ((close - mean(close, 20)) / std(close, 20), "(close - mean(close, 20)) / std(close, 20)"),
    (close - (high - low) - 1, "close - (high - low) - 1"),
    (close / (high / low), "close / (high / low)"),
    (close * high / low, "close * high / low"),
    (-(close + 1) * 2, "-(close + 1) * 2"),
    (2 - close, "2 - close"),
    (close * constant(-3), "close * -3"),
    ((close > 1) & ~(high > low) | (low == 2), "close > 1 & ~(high > low) | low == 2"),
    (where(diff(close) > 0, 1, -0.5), "where(diff(close, 1) > 0, 1, -0.5)"),
    (clip(rsi(close, 14), 0, 100), "clip(rsi(close, 14), 0, 100)"),
    (higher("240m", ema(close, 20)) - atr(14), 'higher("4h", ema(close, 20)) - atr(14)'),
    (other("BTC", close, 90), 'other("BTC", close, 90)'),
    (other("BTC", close), 'other("BTC", close)'),
    (mean(close, "90s"), 'mean(close, "90s")'),
    (mean(close, "120s"), 'mean(close, "2m")'),
    (quantile(close, 10, 0.25), "quantile(close, 10, 0.25)"),
    (abs(close), "abs(close)"),
    (in_session(8, 16.5), "in_session(8, 16.5)"),
]


@pytest.mark.parametrize(("expr", "text"), FORMULAS)
def test_formula_is_what_a_user_would_write(expr: Expr, text: str) -> None:
    assert repr(expr) == text


def test_formula_means_what_it_says() -> None:
    """Python reads the words back into the same structure, but for & | beside comparisons, which it binds tighter."""
    import alphaloop.features as vocabulary
    from alphaloop.features.formula import formula

    words = {name: getattr(vocabulary, name) for name in vocabulary.__all__} | {"abs": abs}
    for expr, text in FORMULAS:
        if "&" not in text:
            again = eval(text, words)
            assert formula(again) == text
            assert again.key == expr.key


def test_equal_structure_is_equal_identity() -> None:
    assert (close - lag(close, 1)).key == (column("close") - lag(column("close"), 1)).key
    assert mean(close, "60m").key == mean(close, "1h").key
    assert (close * 2).key == (close * 2.0).key
    assert (close - lag(close, 1)).key != (lag(close, 1) - close).key
    assert mean(close, 20).key != mean(close, "20s").key
    assert hash(close + 1) == hash(close + 1)


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: bool(close > 1),
        lambda: close > 1 and close < 2,
        lambda: 1 < close < 2,
        lambda: list(close),
        lambda: max(close, 0),
    ],
)
def test_expression_has_no_truth_and_no_rows(misuse) -> None:
    with pytest.raises(FeatureError, match=r"neither true nor false|holds no rows"):
        misuse()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: mean(close, 0), r"window of mean\(\) is 0; give a whole number of at least 1"),
        (lambda: std(close, 1), r"window of std\(\) is 1; give a whole number of at least 2"),
        (lambda: mean(close, 2.5), r"window of mean\(\) is 2.5"),
        (lambda: mean(close, True), r"window of mean\(\) is True"),
        (lambda: mean(close, "15 min"), "duration '15 min' is not understood"),
        (lambda: mean(close, "0m"), "duration '0m' is not understood"),
        (lambda: mean(close, None), r"window of mean\(\) is None"),
        (lambda: lag(close, 0), r"distance of lag\(\) is 0"),
        (lambda: lag(close, -1), r"distance of lag\(\) is -1"),
        (lambda: ema(close, 0), r"span of ema\(\) is 0"),
        (lambda: wilder(close, "1h"), r"length of wilder\(\) is '1h'"),
        (lambda: quantile(close, 5, 1.2), "from 0 to 1"),
        (lambda: quantile(close, 5, float("nan")), "finite number"),
        (lambda: autocorr(close, 3, 2), r"window of autocorr\(\) is 3; give a whole number of at least 4"),
        (lambda: skew(close, 1), r"window of skew\(\) is 1"),
        (lambda: fft_power(close, 16, 20, 30), r"has no period in \[20, 30\)"),
        (lambda: fft_power(close, 3, 2, 3), r"window of fft_power\(\) is 3"),
        (lambda: clip(close, 2, 1), "lower bound first"),
        (lambda: in_session(8, 8), "two different hours"),
        (lambda: in_session(-1, 8), "two different hours"),
        (lambda: close + float("inf"), "not a finite number"),
        (lambda: close + "1", "not a finite number"),
        (lambda: maximum(close, True), "not a finite number"),
        (lambda: column(""), "cannot be an input column"),
        (lambda: column("known_ns"), "cannot be an input column"),
        (lambda: Feature("symbol", close), "cannot be called 'symbol'"),
        (lambda: Feature("x", 3.0), "feature 'x' is 3.0"),
    ],
)
def test_impossible_parts_are_refused_in_one_sentence(wrong, message: str) -> None:
    with pytest.raises(FeatureError, match=message) as caught:
        wrong()
    assert isinstance(caught.value, InputError)
    assert "\n" not in str(caught.value)


def test_expressions_are_frozen() -> None:
    with pytest.raises(AttributeError):
        close.op = "high"


def test_expressions_may_be_deep_but_not_bottomless() -> None:
    deep = close
    for n in range(1, 149):
        deep = deep + lag(close, n)
    assert Feature("sum", deep).warm_up(60) == 148
    assert repr(deep).count("lag") == 148
    assert len(FeatureSet("one", [Feature("sum", deep)]).program) > 148
    with pytest.raises(FeatureError, match="nested 151 deep, at most 150"):
        _ = deep + 1 + 1
