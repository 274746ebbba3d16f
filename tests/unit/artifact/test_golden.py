"""Golden vectors survive JSON bit for bit."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import ValidationError

from alphaloop.artifact.golden import Golden


def test_every_kind_of_float32_comes_back_with_its_bits():
    bits = np.random.default_rng(0).integers(0, 2**32, 4000, dtype=np.uint32)
    special = np.array([0, 0x80000000, 1, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000], np.uint32)
    X = np.concatenate([bits[: 4000 - len(special)], special]).view(np.float32).reshape(-1, 4)
    P = np.random.default_rng(1).random((len(X), 3)).astype(np.float32)
    golden = Golden.of(X, P)
    text = json.dumps(golden.model_dump(mode="json"), allow_nan=False)
    back = Golden.model_validate(json.loads(text))
    assert np.array_equal(np.isnan(X), np.isnan(back.inputs()))
    finite = ~np.isnan(X)
    assert np.array_equal(X.view(np.uint32)[finite], back.inputs().view(np.uint32)[finite])
    assert np.array_equal(P.view(np.uint32), back.outputs().view(np.uint32))
    assert golden.shape == (4, 3)


def test_missing_is_null_and_infinities_are_words():
    golden = Golden.of(np.array([[np.nan, np.inf, -np.inf]], np.float32), np.array([[0.5, 0.5]], np.float32))
    assert golden.rows == ((None, "inf", "-inf"),)


@pytest.mark.parametrize(
    "values",
    [
        {"rows": [[1.0], [1.0, 2.0]], "probabilities": [[0.5], [0.5]]},
        {"rows": [[1.0]], "probabilities": [[0.5], [0.5]]},
        {"rows": [["nan"]], "probabilities": [[0.5]]},
    ],
)
def test_what_is_not_a_table_is_refused(values):
    with pytest.raises(ValidationError):
        Golden.model_validate(values)
