"""The public face is short, written out, complete, and costs nothing to import."""

from __future__ import annotations

import subprocess
import sys

import pytest

import alphaloop

HEAVY = {"numpy", "polars", "numba", "onnxruntime", "lightgbm", "sklearn", "optuna", "pandas", "pydantic", "sqlalchemy"}
LEARNING = {"lightgbm", "sklearn", "optuna", "onnx", "torch", "xgboost"}


def modules_after(code: str) -> set[str]:
    program = f"{code}\nimport sys\nprint(' '.join(sorted(set(name.split('.')[0] for name in sys.modules))))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_face_is_short_sorted_and_agrees_with_its_homes() -> None:
    assert alphaloop.__all__ == sorted(alphaloop.__all__)
    assert set(alphaloop.__all__) == set(alphaloop._HOME)
    assert len(alphaloop.__all__) <= 30


@pytest.mark.parametrize("name", alphaloop.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert (getattr(alphaloop, name).__doc__ or "").strip()


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = alphaloop.no_such_name


def test_importing_alphaloop_imports_nothing_heavy() -> None:
    assert modules_after("import alphaloop") & HEAVY == set()


def test_the_command_tree_imports_nothing_heavy() -> None:
    assert modules_after("import alphaloop.cli.app") & HEAVY == set()


def test_the_trading_side_imports_no_learning_library() -> None:
    trading = "import alphaloop.artifact.scorer, alphaloop.backtest.run, alphaloop.live.trader, alphaloop.stores.sqlite"
    assert modules_after(trading) & LEARNING == set()
