"""Messages come back as they went out, to the bit, and strange ones are refused with a sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest

from alphaloop.markets.pumpfun.signals.catalogue import GENESIS as GENESIS_SET
from alphaloop.markets.pumpfun.signals.catalogue import SIGNAL as SIGNAL_SET
from alphaloop.markets.pumpfun.signals.messages import (
    TYPES,
    AntiSignalMessage,
    Regime,
    SignalMessage,
    UnreadableError,
    decode,
    encode,
    envelope,
    number,
    numbers,
)

SIGNAL = {
    "signal_id": "ab" * 16,
    "token_mint": "mint",
    "known_ns": 1_790_812_800_123_456_789,
    "event_ns": 1_790_812_800_000_000_000,
    "price": 2.8e-8,
    "creator": "maker",
    "symbol": "PEPE",
    "feature_set": "pumpfun-signal",
    "feature_set_hash": "cd" * 32,
    "wallet": "buyer",
    "signature": "sig",
    "log_index": 3,
    "sol_amount": 1_234_567_890_123,
    "token_amount": 98_765,
}


def test_a_message_survives_the_wire_with_every_bit_of_its_features() -> None:
    rng = np.random.default_rng(7)
    bits = rng.integers(0, 2**32, 4_000, dtype=np.uint32).view(np.float32)
    vector = np.where(np.isfinite(bits), bits, np.float32(np.nan)).astype(np.float32)
    message = SignalMessage(**SIGNAL, features=numbers(vector), scores={"reach_2x_1h": 0.25})
    back = decode(encode(message))
    assert back == message
    assert back.known_ns == SIGNAL["known_ns"]
    assert back.vector.dtype == np.float32
    missing = np.isnan(vector)
    assert np.array_equal(np.isnan(back.vector), missing)
    assert np.array_equal(back.vector.view(np.uint32)[~missing], vector.view(np.uint32)[~missing])


def test_the_envelope_is_type_version_and_camel_case_data() -> None:
    message = AntiSignalMessage(
        token_mint="mint", known_ns=5, anti_id="a", triggers=["wash"], reasons=["30 %"], severity=1
    )
    body = json.loads(encode(message))
    assert body == {
        "type": "anti_signal",
        "v": 1,
        "data": {
            "tokenMint": "mint",
            "knownNs": 5,
            "antiId": "a",
            "triggers": ["wash"],
            "reasons": ["30 %"],
            "severity": 1,
        },
    }
    assert envelope(message) == body


def test_every_type_has_a_name_of_its_own() -> None:
    names = ["signal", "genesis_signal", "anti_signal", "token", "graduation", "regime", "crowding", "heartbeat"]
    assert list(TYPES) == names
    assert len(set(TYPES.values())) == len(TYPES)


@pytest.mark.parametrize(
    ("body", "fault", "said"),
    [
        (b"\xff\x00", "malformed", "not readable"),
        (b'{"type":"\xff","v":1,"data":{}}', "malformed", "not readable"),
        (b'{"type":"regime"}', "malformed", "not readable"),
        (b'{"type":"regime","v":1,"data":' + b"[" * 100_000, "malformed", "not readable"),
        (b'{"type":"regime","v":2,"data":{}}', "unknown_version", "has version 2, this reader knows 1"),
        (b'{"type":"weather","v":1,"data":{}}', "unknown_type", "unknown type 'weather'"),
        (b'{"type":"regime","v":1,"data":{"tokenMint":""}}', "malformed", "'regime' is damaged"),
        (b'{"type":"regime","v":1,"data":{"tokenMint":"\xff"}}', "malformed", "'regime' is damaged"),
        (b'{"type":"signal","v":1,"data":[]}', "malformed", "'signal' is damaged"),
    ],
    ids=range(9),
)
def test_strange_messages_are_refused(body: bytes, fault: str, said: str) -> None:
    with pytest.raises(UnreadableError, match=said) as info:
        decode(body)
    assert info.value.fault == fault


ANTI = {"token_mint": "mint", "known_ns": 5, "anti_id": "a", "triggers": ["wash"], "reasons": ["30 %"], "severity": 1}


@pytest.mark.parametrize(
    "layout",
    [
        lambda body: body,
        lambda body: json.dumps(json.loads(body)).encode(),
        lambda body: json.dumps(json.loads(body), indent=1).encode() + b"\n",
        lambda body: json.dumps(dict(sorted(json.loads(body).items()))).encode(),
        lambda body: body[:-1] + b',"more":{"v":2}}',
        lambda body: b" " + body,
    ],
    ids=["ours", "spaces", "lines", "sorted", "more", "before"],
)
def test_a_message_is_the_same_in_any_layout(layout) -> None:
    for message in (SignalMessage(**SIGNAL, features=[0.5, None]), AntiSignalMessage(**ANTI)):
        assert decode(layout(encode(message))) == message


def test_what_comes_twice_counts_as_it_came_last_in_any_layout() -> None:
    body = encode(AntiSignalMessage(**ANTI))
    with pytest.raises(UnreadableError, match="version 2"):
        decode(body[:-1] + b',"v":2}')
    with pytest.raises(UnreadableError, match="'regime' is damaged"):
        decode(body[:-1] + b',"type":"regime"}')


def test_missing_is_null_and_never_a_number() -> None:
    assert number(float("nan")) is None
    assert number(float("inf")) is None
    assert numbers([0.0, float("nan"), -1.5]) == [0.0, None, -1.5]
    body = encode(Regime(token_mint="", known_ns=1, code=0, name="bear", confidence=number(float("nan"))))
    assert b'"confidence":null' in body


@pytest.mark.parametrize(("features", "count"), [(SIGNAL_SET, 68), (GENESIS_SET, 75)])
def test_a_message_with_too_few_or_too_many_features_is_refused_at_the_door(features, count) -> None:
    known = SIGNAL | {"feature_set": features.name, "feature_set_hash": features.hash}
    assert len(decode(encode(SignalMessage(**known, features=[1.0] * count))).features) == count
    for wrong in (10, count - 1, count + 1, 0):
        with pytest.raises(UnreadableError, match=f"has {wrong} features, its set has {count}"):
            decode(encode(SignalMessage(**known, features=[1.0] * wrong)))
