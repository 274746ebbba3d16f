"""Streams: pushing, refusing, saving."""

from __future__ import annotations

import numpy as np
import pytest

from alphaloop.core.errors import DataError, FeatureError, ModelCompatibilityError
from alphaloop.features import Feature, FeatureSet, close, ema, mean, std, volume
from alphaloop.features.stream import FeatureStream

FEATURES = FeatureSet("small", [Feature("a", ema(close, 3)), Feature("b", std(close, 5) / mean(volume, "1m"))])
SECOND = 1_000_000_000


def rows(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"close": rng.lognormal(0, 1, n), "volume": rng.lognormal(0, 1, n)}


def times(n: int) -> np.ndarray:
    return np.arange(1, n + 1) * 10 * SECOND


def part(columns: dict[str, np.ndarray], where) -> dict[str, np.ndarray]:
    return {name: column[where] for name, column in columns.items()}


def test_shape_and_type() -> None:
    for dtype in (np.float32, np.float64):
        out = FEATURES.stream(["A"], dtype).push(rows(30), times(30))
        assert out.shape == (30, 2)
        assert out.dtype == dtype
        assert out.flags.c_contiguous
    assert FEATURES.stream(["A"]).push(rows(1), times(1)).shape == (1, 2)
    assert FEATURES.stream(["A"]).push(rows(0), times(0)).shape == (0, 2)
    with pytest.raises(FeatureError, match="float32 or float64, not int32"):
        FEATURES.stream(["A"], np.int32)


def test_chunk_longer_than_a_slab_is_its_rows() -> None:
    n = 20_000
    columns = rows(n)
    whole = FEATURES.stream(["A"]).push(columns, times(n))
    stream = FEATURES.stream(["A"])
    halves = [stream.push(part(columns, slice(i, i + 777)), times(n)[i : i + 777]) for i in range(0, n, 777)]
    np.testing.assert_array_equal(np.vstack(halves), whole)


def test_series_are_named_numbered_or_alone() -> None:
    columns, when = rows(40), times(40)
    alone = FEATURES.stream().push(columns, when)
    by_name = FEATURES.stream(["A", "B"])
    np.testing.assert_array_equal(by_name.push(columns, when, "B"), alone)
    np.testing.assert_array_equal(by_name.push(columns, when, ["A"] * 40), alone)
    by_id = FEATURES.stream(["A", "B"])
    np.testing.assert_array_equal(by_id.push(columns, when, np.ones(40, np.int64)), alone)


def test_new_symbols_get_the_next_id_and_disturb_nobody() -> None:
    columns, when = rows(40), times(40)
    alone = FEATURES.stream().push(columns, when)
    stream = FEATURES.stream(["A"])
    first = stream.push(part(columns, slice(0, 20)), when[:20], "A")
    stream.push(rows(7, 1), times(7), ["B", "C", "B", "C", "D", "E", "F"])
    assert stream.symbols == ("A", "B", "C", "D", "E", "F")
    second = stream.push(part(columns, slice(20, 40)), when[20:], "A")
    np.testing.assert_array_equal(np.vstack([first, second]), alone)


@pytest.mark.parametrize(
    ("columns", "when", "symbols", "message"),
    [
        ({"close": [1.0]}, [1], "A", "no column 'volume', which 'small' needs"),
        ({"close": [1.0, 2.0], "volume": [1.0]}, [1], "A", r"column 'close' has shape \(2,\) beside 1 times"),
        ({"close": [1.0], "volume": [1.0]}, [1], None, "the stream has 2 symbols; say which"),
        ({"close": [1.0], "volume": [1.0]}, [1], ["A", "B"], "2 symbols beside 1 known times"),
        ({"close": [1.0], "volume": [1.0]}, [1], np.array([2]), "ids run from 2 to 2, known are 0 to 1"),
        ({"close": [1.0], "volume": [1.0]}, [1], np.array([-1]), "ids run from -1"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(columns, when, symbols, message: str) -> None:
    with pytest.raises(DataError, match=message):
        FEATURES.stream(["A", "B"]).push(columns, when, symbols)


def test_rows_must_be_later_and_a_refused_chunk_leaves_no_trace() -> None:
    columns, when = rows(20), times(20)
    wanted = FEATURES.stream(["A", "B"]).push(columns, when, "B")
    stream = FEATURES.stream(["A", "B"])
    first = stream.push(part(columns, slice(0, 10)), when[:10], "B")
    for bad in ([10, 9], [5, 5]):
        with pytest.raises(DataError, match=r"symbol 'B': row 0 is known at 1970-01-01T00:0.*Z, not after"):
            stream.push(rows(2), np.array(bad) * 10 * SECOND, "B")
    with pytest.raises(DataError, match=r"symbol 'B': row 3 is known at .*, not after .* of the row before it"):
        stream.push(rows(4), np.array([11, 1, 12, 12]) * 10 * SECOND, ["B", "A", "B", "B"])
    second = stream.push(part(columns, slice(10, 20)), when[10:], "B")
    np.testing.assert_array_equal(np.vstack([first, second]), wanted)


def test_saved_state_goes_on_to_the_same_bits() -> None:
    columns, when = rows(60), times(60)
    wanted = FEATURES.stream(["A"]).push(columns, when)
    stream = FEATURES.stream(["A"])
    stream.push(part(columns, slice(0, 33)), when[:33])
    restored = FeatureStream.restore(FeatureSet.from_dict(FEATURES.to_dict()), stream.save())
    assert restored.symbols == ("A",)
    assert restored.save() == stream.save()
    np.testing.assert_array_equal(restored.push(part(columns, slice(33, 60)), when[33:]), wanted[33:])
    with pytest.raises(DataError, match="not after"):
        restored.push(part(columns, slice(33, 34)), when[33:34])


def test_state_of_another_set_or_damaged_state_is_refused() -> None:
    stream = FEATURES.stream(["A"])
    stream.push(rows(10), times(10))
    saved = stream.save()
    other = FeatureSet("small", [Feature("a", ema(close, 4))])
    with pytest.raises(ModelCompatibilityError, match=f"is of set {FEATURES.hash[:12]}"):
        FeatureStream.restore(other, saved)
    for damaged in (b"", saved[:-1], saved + b"\0", saved[:-9] + b"x" + saved[-8:], b"x" + saved, saved[:40]):
        with pytest.raises(ModelCompatibilityError, match="damaged"):
            FeatureStream.restore(FEATURES, damaged)
