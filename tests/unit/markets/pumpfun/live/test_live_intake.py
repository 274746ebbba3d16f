"""Messages become inputs or counts: what is stale, double, foreign or damaged is never traded, and nothing breaks."""

from __future__ import annotations

import json
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaloop.bus.contract import Delivery
from alphaloop.markets.pumpfun.live.intake import Intake
from alphaloop.markets.pumpfun.live.models import Scores
from alphaloop.markets.pumpfun.live.settings import IntakeSettings
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS, SIGNAL
from alphaloop.markets.pumpfun.signals.coin import CoinState
from alphaloop.markets.pumpfun.signals.messages import (
    AntiSignalMessage,
    Crowding,
    GenesisMessage,
    Graduation,
    Heartbeat,
    Regime,
    SignalMessage,
    TokenState,
    encode,
    numbers,
)
from alphaloop.trading.portfolio.records import AnyInput, Mark, Scored, Warned

S = 10**9
NOW = 1_790_812_800 * S
CHANNEL = "trade:signals"
COIN = CoinState(
    virtual_sol=31 * S,
    virtual_token=10**15,
    real_sol=S,
    real_token=7 * 10**14,
    complete=False,
    creator="maker",
    token_program="program",
    mayhem=False,
    cashback=True,
    holder_reward=False,
    supply=10**15,
)


class Models:
    """Models that give the sum of what they are shown, and remember it."""

    def __init__(self, *sources: str) -> None:
        self.sources, self.asked = sources, []

    def score(self, source: str, vector: np.ndarray) -> Scores | None:
        self.asked.append((source, vector))
        if source not in self.sources:
            return None
        return Scores({"reach_2x_1h": 0.75}, {"reach_2x_1h": "ab"})

    def score_all(self, source: str, rows: np.ndarray) -> list[Scores | None]:
        return [self.score(source, row) for row in rows]


def intake(*sources: str, **changes) -> Intake:
    return Intake(IntakeSettings(**changes), Models(*(sources or ("signal", "genesis_signal"))))


def features(count: int, **chosen: float) -> list[float | None]:
    values = np.random.default_rng(1).normal(size=count).astype(np.float32)
    return numbers(values)


def signal(number: int = 0, **changes) -> SignalMessage:
    values = features(len(SIGNAL))
    values[SIGNAL.names.index("market_regime")] = changes.pop("regime", 2.0)
    given = {
        "signal_id": f"{number:032x}",
        "token_mint": "mint",
        "known_ns": NOW - S,
        "event_ns": NOW - 2 * S,
        "price": 3.1e-8,
        "creator": "maker",
        "symbol": "PEPE",
        "feature_set": SIGNAL.name,
        "feature_set_hash": SIGNAL.hash,
        "features": values,
        "wallet": "buyer",
        "signature": "sig",
        "log_index": 3,
        "sol_amount": 1,
        "token_amount": 2,
        "coin": COIN,
    }
    return SignalMessage(**(given | changes))


def launch(**changes) -> GenesisMessage:
    given = {
        "signal_id": "cd" * 16,
        "token_mint": "mint",
        "known_ns": NOW - S,
        "event_ns": NOW - 62 * S,
        "price": 3.1e-8,
        "creator": "maker",
        "symbol": "PEPE",
        "feature_set": GENESIS.name,
        "feature_set_hash": GENESIS.hash,
        "features": features(len(GENESIS)),
        "name": "Pepe",
        "created_ns": NOW - 61 * S,
        "window_s": 60.0,
        "coin": COIN,
    }
    return GenesisMessage(**(given | changes))


def state(**changes) -> TokenState:
    given = dict.fromkeys(TokenState.__struct_fields__, 1)
    given |= {"token_mint": "mint", "known_ns": NOW - S, "creator": "maker", "price": 3.1e-8, "peak_price": 1.0}
    given |= {"complete": False, "mayhem": False, "sol_net_60s": 0.0, "coin": COIN}
    return TokenState(**(given | changes))


def warning(**changes) -> AntiSignalMessage:
    given = {"token_mint": "mint", "known_ns": NOW - S, "anti_id": "ef", "triggers": [], "reasons": [], "severity": 2}
    return AntiSignalMessage(**(given | changes))


def test_a_signal_is_scored_and_brings_what_an_order_needs() -> None:
    taken = intake()
    message = signal()
    found = taken.take(CHANNEL, encode(message), NOW)
    assert found == Scored(
        at_ns=NOW,
        signal_id=message.signal_id,
        asset="mint",
        source="signal",
        known_ns=NOW - S,
        price=3.1e-8 * S / 10**6,
        liquidity=S,
        scores={"reach_2x_1h": 0.75},
        models={"reach_2x_1h": "ab"},
        regime="bull_normal",
        context={**msgspec.structs.asdict(COIN), "known_ns": NOW - S},
    )
    assert found.price == pytest.approx(31 * S / 10**15, rel=1e-12), "lamports for one base unit"
    ((source, vector),) = taken._models.asked
    assert source == "signal"
    assert np.array_equal(vector, message.vector)
    assert taken.counts == {"signal": 1}


def test_its_context_has_exactly_the_keys_that_orders_are_built_from() -> None:
    expected = {"virtual_sol", "virtual_token", "real_sol", "real_token", "complete", "creator", "token_program"}
    expected |= {"mayhem", "cashback", "holder_reward", "quote_mint", "newer", "supply", "known_ns"}
    assert set(intake().take(CHANNEL, encode(signal()), NOW).context) == expected


def test_a_launch_is_one_of_its_own_kind() -> None:
    taken = intake()
    found = taken.take(CHANNEL, encode(launch()), NOW)
    assert (found.source, found.liquidity) == ("genesis_signal", S)
    assert taken.counts == {"genesis_signal": 1}


@pytest.mark.parametrize(
    ("code", "name"),
    [(0.0, "bear"), (1.0, "transition"), (2.0, "bull_normal"), (3.0, "bull_euphoria"), (None, ""), (1.5, "")],
)
def test_the_regime_has_its_name(code, name) -> None:
    assert intake().take(CHANNEL, encode(signal(regime=code)), NOW).regime == name


def test_without_the_coin_nothing_is_made_up() -> None:
    found = intake().take(CHANNEL, encode(signal(coin=None)), NOW)
    assert (found.liquidity, found.context) == (0, {})


def test_a_warning_and_a_price() -> None:
    taken = intake()
    told = taken.take(CHANNEL, encode(warning()), NOW)
    assert told == Warned(at_ns=NOW, asset="mint", warning_id="ef", known_ns=NOW - S)
    mark = taken.take("token:mint", encode(state()), NOW)
    assert mark == Mark(
        at_ns=NOW,
        asset="mint",
        price=3.1e-8 * S / 10**6,
        known_ns=NOW - S,
        context={**msgspec.structs.asdict(COIN), "known_ns": NOW - S},
    )
    assert taken.counts == {"warning": 1, "mark": 1}


@pytest.mark.parametrize("coin", [None, msgspec.structs.replace(COIN, token_program="")])
def test_a_price_that_comes_without_the_coins_kind_replaces_no_facts(coin) -> None:
    assert intake().take("token:mint", encode(state(coin=coin)), NOW).context == {}


def test_old_warnings_and_prices_count_and_old_signals_do_not() -> None:
    taken = intake(stale_s=10)
    assert taken.take(CHANNEL, encode(signal(1, known_ns=NOW - 10 * S)), NOW) is not None
    for message in (signal(2, known_ns=NOW - 10 * S - 1), launch(known_ns=NOW - 11 * S)):
        assert taken.take(CHANNEL, encode(message), NOW) is None
    assert taken.take(CHANNEL, encode(warning(known_ns=1)), NOW).known_ns == 1
    assert taken.take("token:mint", encode(state(known_ns=1)), NOW).known_ns == 1
    assert taken.counts == {"signal": 1, "stale": 2, "warning": 1, "mark": 1}


def test_what_comes_from_the_future_enters_nothing_but_still_warns() -> None:
    taken = intake(future_s=2)
    assert taken.take(CHANNEL, encode(signal(1, known_ns=NOW + 2 * S)), NOW) is not None
    assert taken.take(CHANNEL, encode(signal(2, known_ns=NOW + 2 * S + 1)), NOW) is None
    assert taken.take("token:mint", encode(state(known_ns=NOW + 3 * S)), NOW).known_ns == NOW + 2 * S
    assert taken.take("token:mint", encode(state(known_ns=NOW + 2 * S)), NOW).known_ns == NOW + 2 * S
    # Not before the signal of the same collector, or it would speak of an older position.
    assert taken.take(CHANNEL, encode(warning(known_ns=NOW + 3_600 * S)), NOW).known_ns == NOW + 2 * S
    assert taken.counts == {"signal": 1, "future": 1, "mark": 2, "warning": 1, "ahead": 2}


def test_a_message_counts_once_within_a_bounded_memory() -> None:
    taken = intake(remember=1_000)
    assert taken.take(CHANNEL, encode(signal(0)), NOW) is not None
    assert taken.take(CHANNEL, encode(signal(0)), NOW) is None
    assert taken.take(CHANNEL, encode(warning()), NOW) is not None
    assert taken.take(CHANNEL, encode(warning()), NOW) is None
    assert taken.counts["duplicate"] == 2
    for number in range(1, 2_000):
        assert taken.take(CHANNEL, encode(signal(number)), NOW) is not None
    assert len(taken._seen) == 1_000
    assert taken.take(CHANNEL, encode(signal(1_500)), NOW) is None


def test_one_that_was_refused_may_come_again_in_order() -> None:
    taken = intake()
    for bad in (signal(1, known_ns=NOW - 60 * S), signal(1, feature_set_hash="0"), signal(1, price=0.0)):
        assert taken.take(CHANNEL, encode(bad), NOW) is None
    assert taken.take(CHANNEL, encode(signal(1)), NOW) is not None


class Firsts(Models):
    """Models that give the first of what they are shown."""

    def score(self, source: str, vector: np.ndarray) -> Scores | None:
        return Scores({"first": float(vector[0])}, {}) if source in self.sources else None


FEATURES = features(len(SIGNAL))
KINDS = {
    "signal": lambda number: (CHANNEL, encode(signal(number, features=[number / 7, *FEATURES[1:]]))),
    "double": lambda number: (CHANNEL, encode(signal(0))),
    "old": lambda number: (CHANNEL, encode(signal(number, known_ns=NOW - 60 * S))),
    "launch": lambda number: (CHANNEL, encode(launch(signal_id=f"{number:064x}"))),
    "warning": lambda number: (CHANNEL, encode(warning(anti_id=f"{number}"))),
    "state": lambda number: ("token:mint", encode(state(known_ns=NOW + number))),
    "noise": lambda number: (CHANNEL, b"{"),
}


@given(
    kinds=st.lists(st.sampled_from(sorted(KINDS)), max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=5),
    sources=st.sampled_from([("signal", "genesis_signal"), ("signal",), ("genesis_signal",)]),
)
def test_what_comes_at_once_is_what_comes_one_by_one(kinds, cuts, sources) -> None:
    messages = [Delivery(*KINDS[kind](number)) for number, kind in enumerate(kinds)]
    alone, together = (Intake(IntakeSettings(), Firsts(*sources)) for _ in range(2))
    told = [one for each in messages if (one := alone.take(each.channel, each.body, NOW)) is not None]
    edges = sorted({0, len(messages), *(cut for cut in cuts if cut < len(messages))})
    parts = [messages[first:last] for first, last in pairwise(edges)]
    assert [one for part in parts for one in together.take_all(part, NOW)] == told
    assert together.counts == alone.counts


def test_what_no_model_can_score_is_decided_on_without_scores() -> None:
    taken = intake("genesis_signal")
    told = taken.take(CHANNEL, encode(signal()), NOW)
    assert (told.scores, told.models) == ({}, {})
    assert taken.take(CHANNEL, encode(launch()), NOW).scores
    assert taken.counts == {"signal": 1, "unscored": 1, "genesis_signal": 1}


def test_the_collectors_word_of_life_is_kept() -> None:
    taken = intake()
    word = Heartbeat(known_ns=NOW - S, pending=3, last_event_age_s=0.5, listening=True)
    assert taken.take("trade:heartbeat", encode(word), NOW) is None
    assert (taken.heartbeat, taken.heartbeat_ns, taken.counts) == (word, NOW, {"heartbeat": 1})


def test_what_is_no_concern_of_a_trader_is_counted() -> None:
    taken = intake()
    for message in (
        Crowding(token_mint="mint", known_ns=NOW, ratio=0.1, penalty=0.2),
        Regime(token_mint="", known_ns=NOW, code=1, name="transition"),
        Graduation(token_mint="mint", known_ns=NOW, event_ns=NOW, symbol="", creator="", raised_sol=None),
    ):
        assert taken.take(CHANNEL, encode(message), NOW) is None
    assert taken.counts == {"other": 3}


def changed(message, **data) -> bytes:
    plain = json.loads(encode(message))
    plain["data"] |= data
    return json.dumps(plain).encode()


@pytest.mark.parametrize(
    ("channel", "body", "reason"),
    [
        (CHANNEL, b"", "malformed"),
        (CHANNEL, b"\xff" * 40, "malformed"),
        (CHANNEL, encode(signal())[:-5], "malformed"),
        (CHANNEL, encode(signal()).replace(b'"v":1', b'"v":2'), "unknown_version"),
        (CHANNEL, encode(signal()).replace(b'"type":"signal"', b'"type":"sell"'), "unknown_type"),
        (CHANNEL, changed(signal(), featureSetHash="0" * 64), "other_features"),
        (CHANNEL, changed(signal(), features=FEATURES[:-1]), "malformed"),
        (CHANNEL, changed(signal(), features=[*FEATURES, 1.0]), "malformed"),
        (CHANNEL, changed(signal(), features=[1e300, *FEATURES[1:]]), "malformed"),
        (CHANNEL, changed(signal(), features=["1", *FEATURES[1:]]), "malformed"),
        (CHANNEL, changed(signal(), price=0.0), "malformed"),
        (CHANNEL, changed(signal(), price=-1.0), "malformed"),
        (CHANNEL, changed(signal(), price=1e308), "malformed"),
        (CHANNEL, changed(signal(), price=None), "malformed"),
        (CHANNEL, changed(signal(), knownNs=-1), "malformed"),
        (CHANNEL, changed(signal(), knownNs=10**30), "malformed"),
        (CHANNEL, changed(signal(), signalId=""), "malformed"),
        (CHANNEL, changed(signal(), signalId="a" * 1_000), "malformed"),
        (CHANNEL, changed(signal(), tokenMint=""), "malformed"),
        (CHANNEL, changed(signal(), coin={"virtualSol": 1}), "malformed"),
        (CHANNEL, encode(signal(coin=msgspec.structs.replace(COIN, real_sol=-1))), "malformed"),
        (
            CHANNEL,
            changed(signal(), coin=json.loads(encode(signal()))["data"]["coin"] | {"supply": 2**70}),
            "malformed",
        ),
        ("token:mint", encode(signal()), "malformed"),
        ("token:mint", encode(warning()), "malformed"),
        (CHANNEL, changed(warning(), antiId=""), "malformed"),
        (CHANNEL, encode(state()), "malformed"),
        ("token:other", encode(state()), "malformed"),
        ("token:mint", encode(state(price=0.0)), "malformed"),
    ],
)
def test_whatever_is_wrong_is_counted_and_never_traded(channel, body, reason) -> None:
    taken = intake()
    assert taken.take(channel, body, NOW) is None
    assert taken.counts == {reason: 1}
    assert taken._models.asked == []


SOUND = [encode(message) for message in (signal(), launch(), state(), warning())]
CHANNELS = st.sampled_from([CHANNEL, "token:mint", "token:", "trade:heartbeat", ""])


def takes(channel: str, body: bytes) -> None:
    """It raises nothing, accounts for each message once, and what it lets in can be journalled and traded."""
    taken = intake()
    told = taken.take(channel, body, NOW)
    assert sum(taken.counts.values()) == 1
    if told is None:
        return
    assert msgspec.json.decode(msgspec.json.encode(told), type=AnyInput) == told
    if isinstance(told, Scored):
        assert channel == CHANNEL
        assert NOW - 10 * S <= told.known_ns <= NOW + 2 * S
        assert told.price > 0
        (asked,) = taken._models.asked
        assert not np.isinf(asked[1]).any()


@settings(max_examples=120, deadline=None)
@given(CHANNELS, st.binary(max_size=300))
def test_garbage_breaks_nothing(channel, body) -> None:
    taken = intake()
    assert taken.take(channel, body, NOW) is None
    assert sum(taken.counts.values()) == 1


@settings(max_examples=120, deadline=None)
@given(CHANNELS, st.sampled_from(SOUND), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8))
def test_messages_with_wrong_bytes_break_nothing(channel, body, wrong) -> None:
    damaged = bytearray(body)
    for place, byte in wrong:
        damaged[place % len(damaged)] = byte
    takes(channel, bytes(damaged))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=120, deadline=None)
@given(CHANNELS, st.sampled_from(SOUND), st.data())
def test_messages_with_wrong_values_break_nothing(channel, body, data) -> None:
    plain = json.loads(body)
    inside = plain["data"].get("coin") if data.draw(st.booleans()) else plain["data"]
    inside = inside or plain["data"]
    for name in data.draw(st.lists(st.sampled_from(sorted(inside)), max_size=3)):
        inside[name] = data.draw(JSON)
    takes(channel, json.dumps(plain).encode())


def test_a_collector_that_has_seen_nothing_yet_lives() -> None:
    desk = intake()
    assert desk.take("trade:heartbeat", encode(Heartbeat(known_ns=0, pending=0, listening=False)), NOW) is None
    assert desk.counts == {"heartbeat": 1}
    assert desk.heartbeat_ns == NOW
    assert desk.take(CHANNEL, encode(signal(known_ns=0)), NOW) is None
    assert desk.counts == {"heartbeat": 1, "malformed": 1}


def test_what_the_process_before_decided_on_is_a_duplicate() -> None:
    desk = intake()
    desk.remember([signal().signal_id])
    assert desk.take(CHANNEL, encode(signal()), NOW) is None
    assert isinstance(desk.take(CHANNEL, encode(signal(1)), NOW), Scored)
    assert desk.counts == {"duplicate": 1, "signal": 1}
