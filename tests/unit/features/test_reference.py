"""Feature sets in files of the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from alphaloop.core.errors import FeatureError, UnknownNameError
from alphaloop.features import load_feature_set

ISSUE = """\
from alphaloop.features import close, ema, mean, rsi, std
rsi_14 = rsi(close, 14); macd = ema(close, 12) - ema(close, 26); z_20 = (close - mean(close, 20)) / std(close, 20)
"""


@pytest.fixture
def file(tmp_path: Path):
    """Writes a file and gives its name."""

    def write(text: str) -> str:
        path = tmp_path / "mine.py"
        path.write_text(text)
        return str(path)

    return write


def test_plain_file_is_a_feature_set(file) -> None:
    features = load_feature_set(file(ISSUE))
    assert features.name == "mine"
    assert features.names == ("rsi_14", "macd", "z_20")
    assert features.features[1].formula == "ema(close, 12) - ema(close, 26)"


def test_private_names_and_bare_columns_are_no_features(file) -> None:
    text = "from alphaloop.features import *\n_hidden = close - open\nprice = close\nbody = _hidden / (high - low)\n"
    assert load_feature_set(file(text)).names == ("price", "body")


def test_one_object_of_a_file(file) -> None:
    name = file(ISSUE)
    assert load_feature_set(f"{name}:macd").names == ("macd",)
    with pytest.raises(UnknownNameError, match="there is no 'macs'; did you mean 'macd'"):
        load_feature_set(f"{name}:macs")
    with pytest.raises(UnknownNameError, match="'ema' is of type function, not a feature set"):
        load_feature_set(f"{name}:ema")


SETS = """\
from alphaloop.features import Feature, FeatureSet, close, ema
one = FeatureSet("first", [Feature("a", ema(close, 3), family="trend")])
"""


def test_the_single_set_of_a_file(file) -> None:
    features = load_feature_set(file(SETS + "ignored = ema(close, 9)\n"))
    assert (features.name, features.names, features.families) == ("first", ("a",), ("trend",))
    two = file(SETS + 'two = FeatureSet("second", one.features)\n')
    assert load_feature_set(f"{two}:two").name == "second"
    with pytest.raises(UnknownNameError, match="has 2 feature sets; name one of them"):
        load_feature_set(two)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("x = 1\ny = (", FeatureError, "line 2"),
        (
            "from alphaloop.features import close, mean\n\nx = mean(close, 0)",
            FeatureError,
            r"line 3: the window of mean",
        ),
        ("from alphaloop.features import close\nif close > 1: pass", FeatureError, "line 2: the expression close > 1"),
        ("import math\nx = math.sqrt(-1)", FeatureError, "line 2: ValueError"),
        ("from alphaloop.features import nothing", FeatureError, "line 1: ImportError"),
        ("x = 1", UnknownNameError, "defines no feature"),
        ("raise SystemExit(3)", FeatureError, "line 1: SystemExit"),
    ],
)
def test_errors_in_the_file_are_one_sentence_with_the_line(
    file, text: str, kind: type[Exception], message: str
) -> None:
    name = file(text)
    with pytest.raises(kind, match=message) as caught:
        load_feature_set(name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    for name in ("nowhere.py", "set.txt", str(tmp_path), "bars"):
        with pytest.raises(UnknownNameError, match="not a Python file"):
            load_feature_set(name)


def test_files_of_one_name_do_not_meet(tmp_path: Path) -> None:
    for folder, n in (("a", 3), ("b", 5)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(f"from alphaloop.features import close, ema\nx = ema(close, {n})\n")
    first, second = (load_feature_set(str(tmp_path / folder / "mine.py")) for folder in ("a", "b"))
    assert first.hash != second.hash
