"""The two feature sets are what they say, and the books give every feature that they name."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from alphaloop.core.errors import FeatureError
from alphaloop.markets.pumpfun.books.behaviour import BEHAVIOUR
from alphaloop.markets.pumpfun.books.clusters import SOCIAL
from alphaloop.markets.pumpfun.books.creators import CREATOR
from alphaloop.markets.pumpfun.books.intelligence import BUYERS, CLASSES, POINT_IN_TIME
from alphaloop.markets.pumpfun.market import PumpMarket, Row
from alphaloop.markets.pumpfun.settings import PumpSettings
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS, SIGNAL, EventFeatureSet
from alphaloop.markets.pumpfun.signals.vector import SIGNAL_VECTOR, Vectoriser, from_bytes

SIGNAL_COUNTS = {
    "wallet_point_in_time": 4,
    "wallet_behaviour": 15,
    "wallet_class": 5,
    "signal_event": 9,
    "creator": 8,
    "token_state": 13,
    "social_graph": 6,
    "crowding": 2,
    "market_context": 6,
}
GENESIS_COUNTS = {
    "trade_flow": 14,
    "timing": 9,
    "price_and_curve": 10,
    "buyer_concentration": 9,
    "buyer_quality": 11,
    "creator": 9,
    "token_metadata": 6,
    "adversarial": 3,
    "market_context": 4,
}


def family(features: EventFeatureSet, name: str) -> tuple[str, ...]:
    return tuple(feature.name for feature in features.features if feature.family == name)


@pytest.mark.parametrize(
    ("features", "total", "counts"),
    [(SIGNAL, 68, SIGNAL_COUNTS), (GENESIS, 75, GENESIS_COUNTS)],
    ids=lambda x: str(x)[:8],
)
def test_the_sets_have_their_features_in_their_families(features, total, counts) -> None:
    assert len(features) == total == len(set(features.names))
    assert Counter(features.families) == counts
    assert list(dict.fromkeys(features.families)) == list(counts)
    for feature in features.features:
        assert feature.unit, feature
        assert feature.source, feature
        assert feature.missing, feature


def test_families_are_named_as_the_books_name_their_answers() -> None:
    assert family(SIGNAL, "wallet_point_in_time") == tuple(POINT_IN_TIME)
    assert family(SIGNAL, "wallet_behaviour") == tuple(BEHAVIOUR)
    assert family(SIGNAL, "wallet_class") == tuple(CLASSES)
    assert family(SIGNAL, "creator") == tuple(CREATOR)
    assert family(SIGNAL, "social_graph") == tuple(SOCIAL)
    assert family(GENESIS, "buyer_quality") == tuple(BUYERS)


def test_the_emitters_give_each_feature_once_and_no_other(pump) -> None:
    market = PumpMarket()
    events = pump.market_events(400)
    trade = next(event for event in events if type(event).__name__ == "Trade" and event.is_buy and not event.quote_mint)
    for event in events:
        market.apply(event)
        if event is trade:
            break
    assert set(market.signals.features(trade)) == set(SIGNAL.names)
    window = next(iter(market.genesis._state.windows.values()))
    given = set(market.genesis.features(window, trade.known_ns))
    assert given - set(GENESIS.names) == {
        "sol_volume_1h",
        "hit_rate_2x_6h",
        "creator_insider_pct",
        "creator_bot_buyer_pct",
    }
    assert set(GENESIS.names) <= given


def test_the_hash_names_every_word() -> None:
    first = SIGNAL.features[0]
    for changed in (
        EventFeatureSet("other", SIGNAL.version, SIGNAL.features),
        EventFeatureSet(SIGNAL.name, SIGNAL.version + 1, SIGNAL.features),
        EventFeatureSet(SIGNAL.name, SIGNAL.version, SIGNAL.features[::-1]),
        *(
            EventFeatureSet(SIGNAL.name, SIGNAL.version, (replace(first, **{part: "?"}), *SIGNAL.features[1:]))
            for part in ("name", "family", "unit", "source", "missing")
        ),
    ):
        assert changed.hash != SIGNAL.hash
    assert EventFeatureSet(SIGNAL.name, SIGNAL.version, SIGNAL.features).hash == SIGNAL.hash


def test_a_feature_named_twice_is_refused() -> None:
    with pytest.raises(FeatureError, match="'alpha_score' more than once"):
        EventFeatureSet("twice", 1, (SIGNAL.features[0], SIGNAL.features[0]))


def test_a_vector_is_float32_in_order_and_a_forgotten_feature_is_an_error() -> None:
    values = {name: float(place) for place, name in enumerate(SIGNAL.names)}
    values["alpha_score"] = float("nan")
    vector = SIGNAL_VECTOR(values | {"something_else": 1.0})
    assert vector.dtype == np.dtype("<f4")
    assert vector.shape == (68,)
    assert np.isnan(vector[0])
    assert vector[1:].tolist() == list(range(1, 68))
    assert from_bytes(vector.tobytes())[1:].tolist() == list(range(1, 68))
    del values["velocity"]
    with pytest.raises(KeyError, match="velocity"):
        Vectoriser(SIGNAL)(values)


@pytest.mark.parametrize(("features", "table"), [(SIGNAL, "signals"), (GENESIS, "genesis_observations")])
def test_what_is_never_missing_never_is(pump, features, table) -> None:
    market = PumpMarket(PumpSettings(tracked_wallets=pump.TRACKED))
    rows = []
    for event in pump.market_events(4_000, 2, mean_gap_s=5.0):
        rows += [e.values for e in market.apply(event) if isinstance(e, Row) and e.table == table]
    whole = [row for row in rows if row.get("reason", "complete") in ("complete", "aborted")]
    assert len(whole) > 50
    matrix = np.stack([from_bytes(row["features"]) for row in whole])
    missing = {name for name, column in zip(features.names, matrix.T, strict=True) if np.isnan(column).any()}
    never = {feature.name for feature in features.features if feature.missing == "never"}
    assert not missing & never
    assert not np.isinf(matrix).any()
    for name, column in zip(features.names, matrix.T, strict=True):
        unit = next(feature.unit for feature in features.features if feature.name == name)
        known = column[~np.isnan(column)]
        if unit == "share":
            assert ((known >= 0) & (known <= 1)).all(), name
        elif unit == "flag":
            assert set(known.tolist()) <= {0.0, 1.0}, name
        elif unit in ("count", "rank", "s", "state 0-7", "state 0-3", "score 0-100"):
            assert (known >= 0).all(), name
        if unit in ("count", "rank"):
            assert (known == known.round()).all() or name == "wallet_avg_buy_rank", name
