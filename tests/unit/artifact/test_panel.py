"""Models asked together, their trees walked by compiled code: the bits of the sealed graphs, or the graphs whole."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

import alphaloop.artifact.panel as panels
import alphaloop.artifact.walked as walked
from alphaloop.artifact.golden import Golden
from alphaloop.artifact.graph_parts import NotApartError, take_apart
from alphaloop.artifact.panel import Panel
from alphaloop.artifact.scorer import Scorer
from alphaloop.artifact.session import open_session
from alphaloop.artifact.walked import Walk
from alphaloop.core.errors import ModelCompatibilityError
from alphaloop.models.boosted_trees import LightGBM, LightGBMParameters
from alphaloop.models.estimator import Task
from alphaloop.training.calibrate import fit_calibration
from alphaloop.training.export import to_onnx

WIDTH = 6


def rows(count: int, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    X = random.lognormal(0, 1.5, (count, WIDTH)).astype(np.float32)
    X[random.random(X.shape) < 0.1] = np.nan
    X[random.random(X.shape) < 0.02] = np.inf
    X[random.random(X.shape) < 0.02] = -np.inf
    X[random.random(X.shape) < 0.05] = 0.0
    return X


def graph(seed: int, calibration: str = "platt", classes: int = 2, **parameters) -> bytes:
    X, random = rows(600, seed), np.random.default_rng(seed)
    X[np.isinf(X)] = 1e30
    y = (np.nan_to_num(X[:, 0]) + random.normal(size=len(X)) > 1).astype(np.int8) + (X[:, 1] > 3) * (classes - 2)
    names = ("A", "B", "C")[:classes]
    task = Task(names, (-1, 1, 0)[:classes], tuple(f"f{place}" for place in range(WIDTH)))
    chosen = {"rounds": 20, "num_leaves": 9, "min_child_samples": 5, "num_threads": 1} | parameters
    model = LightGBM(task, LightGBMParameters(**chosen))
    model.fit(X, y.astype(np.int8), seed=seed)
    return to_onnx(model, fit_calibration(calibration, model.raw(X), y, names), WIDTH)


@pytest.fixture
def scorer(tiny):
    def make(onnx_bytes: bytes, name: str = "model", width: int = WIDTH, classes: int = 2) -> Scorer:
        golden = rows(20, seed=8)[:, :width].copy()
        found = open_session(onnx_bytes).run(["probabilities"], {"features": golden})[0]
        changes = {
            "features": [{"name": f"f{place}", "family": "any", "unit": "ratio"} for place in range(width)],
            "task": "binary" if classes == 2 else "multiclass",
            "classes": ("A", "B", "C")[:classes],
            "sides": (-1, 1, 0)[:classes],
            "golden": Golden.of(golden, found),
        }
        contract = tiny.contract(tiny.graph()).model_copy(update={"features": (), "name": name})
        return Scorer(name, type(contract).model_validate(contract.model_dump() | changes), onnx_bytes, name)

    return make


def assert_same_bits(panel: Panel, scorers: dict[str, Scorer], X: np.ndarray) -> None:
    together = panel.score_all(X)
    assert list(together) == list(panel.score(X[0])) == list(scorers)
    for name, scorer in scorers.items():
        whole = scorer.score(X)
        assert together[name].tobytes() == whole.tobytes()
        alone = [panel.score(row)[name].copy() for row in X]
        assert np.array(alone).tobytes() == whole.tobytes()


@pytest.mark.parametrize("calibration", ["platt", "isotonic", "none"])
@pytest.mark.parametrize("shape", [{}, {"rounds": 1}, {"num_leaves": 2}, {"rounds": 33, "num_leaves": 40}])
def test_walked_trees_have_the_bits_of_the_graph(scorer, calibration, shape) -> None:
    scorers = {f"m{seed}": scorer(graph(seed, calibration, **shape), f"m{seed}") for seed in (1, 2, 3)}
    panel = Panel(scorers, WIDTH)
    assert panel.left_whole == {}
    X = rows(300)
    assert_same_bits(panel, scorers, X)
    assert len(np.unique(panel.score_all(X)["m1"])) > 2


def test_models_of_every_calibration_share_a_panel(scorer) -> None:
    kinds = ("platt", "isotonic", "none")
    scorers = {kind: scorer(graph(seed, kind), kind) for seed, kind in enumerate(kinds, 1)}
    panel = Panel(scorers, WIDTH)
    assert panel.left_whole == {}
    assert_same_bits(panel, scorers, rows(100))


def test_what_is_not_plain_trees_stays_whole_beside_what_is(scorer) -> None:
    scorers = {
        "other": scorer(graph(4, zero_as_missing=True), "other"),
        "plain": scorer(graph(1), "plain"),
        "three": scorer(graph(2, classes=3), "three", classes=3),
        "zeros": scorer(graph(3, zero_as_missing=True), "zeros"),
    }
    panel = Panel(scorers, WIDTH)
    assert panel.left_whole.keys() == {"three", "zeros", "other"}
    assert "n_targets" in panel.left_whole["three"]
    assert "read by" in panel.left_whole["zeros"]
    assert_same_bits(panel, scorers, rows(100))


def test_a_graph_without_trees_stays_whole(tiny, artifact) -> None:
    scorers = {"tiny": Scorer.load(artifact)}
    panel = Panel(scorers, 3)
    assert panel.left_whole.keys() == {"tiny"}
    assert_same_bits(panel, scorers, rows(50)[:, :3].copy())


def test_graphs_of_other_versions_are_walked_too(scorer) -> None:
    older = onnx.load_from_string(graph(1))
    older.ir_version -= 1
    scorers = {"older": scorer(older.SerializeToString(), "older"), "newer": scorer(graph(2), "newer")}
    panel = Panel(scorers, WIDTH)
    assert panel.left_whole == {}
    assert_same_bits(panel, scorers, rows(100))


@pytest.mark.parametrize("wrong", ["a", "b"])
def test_trees_that_come_to_other_bits_stay_whole(scorer, monkeypatch, wrong) -> None:
    scorers = {name: scorer(graph(seed), name) for seed, name in enumerate("ab")}

    def misread(onnx_bytes: bytes, width: int):
        parts = take_apart(onnx_bytes, width)
        if onnx_bytes == scorers[wrong].graph:
            split = np.flatnonzero(parts.trees.nodes["left"])[0]
            parts.trees.nodes["threshold"][split] = np.nextafter(parts.trees.nodes["threshold"][split], np.float32(9))
        return parts

    monkeypatch.setattr(panels, "take_apart", misread)
    panel = Panel(scorers, WIDTH)
    assert panel.left_whole == {wrong: "its trees, walked, come to other bits than the whole graph"}
    assert_same_bits(panel, scorers, rows(100))


def test_a_panel_of_another_width_is_refused(scorer) -> None:
    with pytest.raises(ModelCompatibilityError, match="6"):
        Panel({"model": scorer(graph(1))}, WIDTH + 1)


@pytest.mark.parametrize("wrong", [rows(3).astype(np.float64), rows(3)[:, :4], rows(3)[0]])
def test_rows_of_another_kind_are_refused(scorer, wrong) -> None:
    panel = Panel({"model": scorer(graph(1))}, WIDTH)
    with pytest.raises(ModelCompatibilityError):
        panel.score_all(wrong)


@pytest.mark.parametrize("where", ["take_apart", "Walked"])
def test_whatever_fails_on_the_way_leaves_the_graphs_whole(scorer, monkeypatch, where) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("cannot cache function 'walk': no locator available")

    monkeypatch.setattr(panels if where == "take_apart" else walked, where, fails)
    scorers = {name: scorer(graph(seed), name) for seed, name in enumerate("ab")}
    panel = Panel(scorers, WIDTH)
    assert panel.left_whole.keys() == {"a", "b"}
    assert "no locator" in panel.left_whole["a"]
    assert_same_bits(panel, scorers, rows(30))


def test_rows_in_any_layout(scorer) -> None:
    scorers = {"model": scorer(graph(1))}
    X = np.asfortranarray(rows(40))
    assert Panel(scorers, WIDTH).score_all(X)["model"].tobytes() == scorers["model"].score(X).tobytes()


def changed(**changes) -> bytes:
    """A graph whose ensemble has other attributes, None for those that go."""
    model = onnx.load_from_string(graph(1))
    (trees,) = (node for node in model.graph.node if node.op_type == "TreeEnsembleRegressor")
    attributes = {each.name: helper.get_attribute_value(each) for each in trees.attribute} | changes
    kept = {name: value for name, value in attributes.items() if value is not None}
    other = helper.make_node(trees.op_type, list(trees.input), list(trees.output), domain=trees.domain, **kept)
    trees.CopyFrom(other)
    return model.SerializeToString()


def attribute(name: str) -> list:
    model = onnx.load_from_string(graph(1))
    (trees,) = (node for node in model.graph.node if node.op_type == "TreeEnsembleRegressor")
    return list(next(helper.get_attribute_value(each) for each in trees.attribute if each.name == name))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"post_transform": "LOGISTIC"}, "post_transform b'LOGISTIC'"),
        ({"aggregate_function": "AVERAGE"}, "aggregate_function"),
        ({"n_targets": 2}, "n_targets 2"),
        ({"base_values": [1.0, 2.0]}, "2 base values"),
        ({"nodes_modes": ["BRANCH_LT" if m != b"LEAF" else "LEAF" for m in attribute("nodes_modes")]}, "BRANCH_LT"),
        ({"nodes_values": None}, "are described by"),
        ({"later": 1}, "are described by"),
        ({"target_nodeids": [attribute("target_nodeids")[0]] * len(attribute("target_nodeids"))}, "one weight"),
        ({"target_weights": [float("nan")] * len(attribute("target_weights"))}, "no number"),
        ({"nodes_featureids": [WIDTH] * len(attribute("nodes_featureids"))}, "none of the 6 features"),
        ({"nodes_featureids": [-1] * len(attribute("nodes_featureids"))}, "none of the 6 features"),
        ({"nodes_values": [float("nan")] * len(attribute("nodes_values"))}, "compares with no number"),
        ({"nodes_nodeids": [-1] * len(attribute("nodes_nodeids"))}, "negative id"),
        ({"nodes_nodeids": [0] * len(attribute("nodes_nodeids"))}, "same id"),
        ({"nodes_truenodeids": [0] * len(attribute("nodes_nodeids"))}, "no trees"),
        ({"nodes_truenodeids": [1000] * len(attribute("nodes_nodeids"))}, "leads nowhere"),
    ],
)
def test_another_kind_of_trees_is_not_taken_apart(changes, words) -> None:
    with pytest.raises(NotApartError, match=words):
        take_apart(changed(**changes), WIDTH)


def test_missing_flags_and_the_base_may_be_left_out(scorer) -> None:
    scorers = {"model": scorer(changed(nodes_missing_value_tracks_true=None, base_values=None))}
    panel = Panel(scorers, WIDTH)
    assert panel.left_whole == {}
    assert_same_bits(panel, scorers, rows(100))


def test_hard_rows_lie_on_both_sides_of_every_threshold() -> None:
    trees = take_apart(graph(1), WIDTH).trees
    hard = Walk([trees], WIDTH).hard_rows(np.random.default_rng(1), 4_000)
    splits = trees.nodes[trees.nodes["left"] > 0]
    for feature in range(WIDTH):
        for threshold in splits["threshold"][splits["feature"] % WIDTH == feature]:
            column = hard[:, feature]
            assert np.any(column == threshold)
            assert np.any(column == np.nextafter(threshold, np.float32(np.inf)))
    assert np.isnan(hard).any()
    assert np.isinf(hard).any()
