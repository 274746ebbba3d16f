"""getTransaction answers: the same records with the same keys as the logs, in every encoding, and behind a cut."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import Any

import pytest

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.wire import layouts, logs
from alphaloop.markets.pumpfun.wire.keys import decode_base58, encode_base58, to_bytes
from alphaloop.markets.pumpfun.wire.layouts import AMM_PROGRAM, PUMP_PROGRAM
from alphaloop.markets.pumpfun.wire.messages import Call, buy_or_sell, cut, log_lines, transaction
from alphaloop.markets.pumpfun.wire.records import Record
from alphaloop.markets.pumpfun.wire.transactions import BEYOND_LOG, records_of_transaction, scan_transaction

ROUTER = "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4"
SIGNATURE = encode_base58(bytes(range(64)))
KINDS = {layout.event: layout.discriminator for layout in layouts.TYPED.values()}
POOL_SELL = KINDS["SellEvent"] + bytes(304)


def event(number: int) -> bytes:
    return KINDS["TradeEvent"] + bytes([number]) * 371


def many(count: int) -> list[Call]:
    return [Call(ROUTER, tuple(buy_or_sell(event(n)) for n in range(count))), Call(AMM_PROGRAM, (POOL_SELL, event(99)))]


def answer(calls: list[Call], **chosen: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "result": transaction(SIGNATURE, 5, calls, block_time_s=1_700, **chosen), "id": 1}


def as_parsed(found: dict[str, Any]) -> dict[str, Any]:
    """Spell the answer as ``jsonParsed``: keys as objects, programs by name, what the node parsed without data."""
    found = copy.deepcopy(found)
    message = found["result"]["transaction"]["message"]
    keys = message["accountKeys"]
    message["accountKeys"] = [
        {"pubkey": key, "signer": False, "source": "transaction", "writable": True} for key in keys
    ]
    for group in found["result"]["meta"]["innerInstructions"]:
        for instruction in group["instructions"]:
            instruction["programId"] = keys[instruction.pop("programIdIndex")]
        parsed = {"type": "transfer", "info": {}}
        group["instructions"].insert(
            0, {"parsed": parsed, "program": "system", "programId": "1" * 32, "stackHeight": 2}
        )
    return found


def as_bytes(found: dict[str, Any], *, versioned: bool, encoding: str = "base64", looked_up: int = 0) -> dict[str, Any]:
    """Spell the answer as bytes: signatures, [version], header, keys; the last `looked_up` keys from a lookup table."""
    found = copy.deepcopy(found)
    spelt = found["result"]["transaction"]
    keys = spelt["message"]["accountKeys"]
    own, loaded = keys[: len(keys) - looked_up], keys[len(keys) - looked_up :]
    half = len(loaded) // 2
    found["result"]["meta"]["loadedAddresses"] = {"writable": loaded[:half], "readonly": loaded[half:]}
    data = b"\1" + decode_base58(spelt["signatures"][0]) + (b"\x80" if versioned else b"") + bytes([1, 0, 1])
    data += bytes([len(own)]) + b"".join(to_bytes(key) for key in own) + bytes(40)
    text = base64.b64encode(data).decode() if encoding == "base64" else encode_base58(data)
    found["result"]["transaction"] = [text, encoding]
    return found


def from_lines(lines: list[str]) -> list[Record]:
    return logs.records(lines, signature=SIGNATURE, slot=5, known_ns=70).records


def test_whole_logs_give_the_keys_of_the_log_channel() -> None:
    calls = many(3)
    found = scan_transaction(answer(calls), 70)
    assert found.records == from_lines(log_lines(calls))
    assert [r.data[8] for r in found.records] == [0, 1, 2, 0]
    assert (found.signature, found.slot, found.block_time_s) == (SIGNATURE, 5, 1_700)
    assert (found.failed, found.incomplete, found.recovered, found.foreign) == (False, False, 0, 1)


@pytest.mark.parametrize("count", [3, 60])
def test_every_encoding_tells_the_same(count: int) -> None:
    whole = answer(many(count))
    expected = records_of_transaction(whole, 70)
    spellings = [whole["result"], as_parsed(whole), as_bytes(whole, versioned=False), as_bytes(whole, versioned=True)]
    spellings += [as_bytes(whole, versioned=True, looked_up=2), as_bytes(whole, versioned=False, encoding="base58")]
    bare = as_bytes(whole, versioned=True, encoding="base58")
    bare["result"]["transaction"] = bare["result"]["transaction"][0]
    for spelt in [*spellings, bare]:
        assert records_of_transaction(spelt, 70) == expected


def test_events_behind_the_cut_are_recovered_in_order() -> None:
    calls = many(60)
    seen = from_lines(cut(log_lines(calls)))
    found = scan_transaction(answer(calls), 70)
    assert 0 < len(seen) < 20
    assert found.records[: len(seen)] == seen, "what the log channel told has the same keys"
    assert [r.data for r in found.records] == [*[event(n) for n in range(60)], POOL_SELL]
    assert [r.log_index for r in found.records[len(seen) :]] == [BEYOND_LOG + n for n in range(len(seen), 61)]
    assert [r.known_ns for r in found.records] == list(range(70, 131))
    assert (found.recovered, found.incomplete) == (61 - len(seen), False)
    assert len({(r.signature, r.log_index) for r in found.records}) == 61


def test_a_line_behind_the_cut_is_not_trusted() -> None:
    calls = [buy_or_sell(event(1), event(2), event(3))]
    lines = log_lines(calls)
    second = next(i for i, line in enumerate(lines) if line.endswith(base64.b64encode(event(2)).decode()))
    lines[second] = logs.TRUNCATED
    found = scan_transaction(answer(calls, lines=lines), 70)
    assert [r.data[8] for r in found.records] == [1, 2, 3]
    assert [r.log_index for r in found.records] == [2, BEYOND_LOG + 1, BEYOND_LOG + 2]


def test_a_damaged_line_is_taken_from_the_inner_call() -> None:
    calls = [buy_or_sell(event(1), event(2))]
    lines = log_lines(calls)
    lines[2] = lines[2][:-3]
    found = scan_transaction(answer(calls, lines=lines), 70)
    assert [(r.data[8], r.log_index) for r in found.records] == [(1, BEYOND_LOG), (2, 6)]


def test_events_that_only_the_log_has_are_kept() -> None:
    whole = answer(many(2), lines=[*log_lines(many(2)), logs.TRUNCATED])
    whole["result"]["meta"]["innerInstructions"] = []
    assert records_of_transaction(whole, 70) == from_lines(log_lines(many(2)))


def test_a_node_without_logs_or_without_inner_calls() -> None:
    whole = answer(many(2))
    whole["result"]["meta"]["logMessages"] = None
    found = scan_transaction(whole, 70)
    assert [r.log_index - BEYOND_LOG for r in found.records] == [0, 1, 2]
    assert not found.incomplete
    whole = answer(many(60))
    whole["result"]["meta"]["innerInstructions"] = None
    found = scan_transaction(whole, 70)
    assert found.incomplete
    assert found.records == from_lines(cut(log_lines(many(60))))


def test_a_failed_transaction_has_no_events() -> None:
    found = scan_transaction(answer(many(2), err={"InstructionError": [0, "Custom"]}), 70)
    assert (found.failed, found.records) == (True, [])


def test_what_is_no_answer_says_so() -> None:
    whole = answer(many(1))
    with pytest.raises(DataError, match="knows no such transaction"):
        scan_transaction({"jsonrpc": "2.0", "result": None, "id": 1}, 0)
    without = copy.deepcopy(whole)
    del without["result"]["meta"]
    with pytest.raises(DataError, match="without its outcome"):
        scan_transaction(without, 0)
    future = as_bytes(whole, versioned=True)
    data = bytearray(base64.b64decode(future["result"]["transaction"][0]))
    data[65] = 0x85
    future["result"]["transaction"][0] = base64.b64encode(data).decode()
    with pytest.raises(DataError, match="version 5 cannot be read"):
        scan_transaction(future, 0)
    for broken in (
        {}, {"result": 3}, *({"result": {"transaction": wrong, "meta": {}}} for wrong in (
            None, {}, [], "0OIl", ["!", "base64"], ["AQ==", "base64"], ["é", "base64"], ["x", "hex"], [5, "base64"],
            ["x"],
            {"signatures": [], "message": {"accountKeys": []}},
            {"signatures": ["s"], "message": {"accountKeys": [{"a": 1}]}},
            {"signatures": ["s"], "message": {"accountKeys": 3}},
        )), {"result": {"transaction": ["x", "base58"], "meta": {"logMessages": "text"}}},
    ):  # fmt: skip
        with pytest.raises(DataError):
            scan_transaction(broken, 0)


def test_bytes_cut_anywhere_are_refused() -> None:
    whole = as_bytes(answer(many(1)), versioned=True)
    data = base64.b64decode(whole["result"]["transaction"][0])[:-40]
    for size in range(len(data)):
        whole["result"]["transaction"][0] = base64.b64encode(data[:size]).decode()
        with pytest.raises(DataError):
            scan_transaction(whole, 0)


@pytest.mark.real
def test_the_recorded_transaction_tells_what_its_notification_told(real_data: Path) -> None:
    whole = json.loads((real_data / "pumpfun" / "raw_tx" / "raw_buy_tx_from_getTransaction.json").read_text())
    told = json.loads((real_data / "pumpfun-logs" / "2024-08_buy_and_sell.json").read_text())
    value = told["notification"]["params"]["result"]["value"]
    expected = logs.records(value["logs"], signature=value["signature"], slot=told["slot"], known_ns=9).records
    found = scan_transaction(whole, 9)
    assert found.records == expected
    assert [r.log_index for r in found.records] == [17, 29]
    assert found.block_time_s == told["block_time"]
    whole["result"]["meta"]["logMessages"] = [*whole["result"]["meta"]["logMessages"][:20], logs.TRUNCATED]
    behind = scan_transaction(whole, 9)
    assert [r.data for r in behind.records] == [r.data for r in expected]
    assert [r.log_index for r in behind.records] == [17, BEYOND_LOG + 1]


def test_inner_calls_of_other_programs_are_not_events() -> None:
    whole = answer([Call(ROUTER, (event(1),)), buy_or_sell(event(2))], lines=[logs.TRUNCATED])
    assert [r.data[8] for r in records_of_transaction(whole, 70)] == [2]
    inner = whole["result"]["meta"]["innerInstructions"]
    inner[1]["instructions"][0]["data"] = encode_base58(b"other" + event(2))
    assert records_of_transaction(whole, 70) == []
    inner[1]["instructions"][0]["programIdIndex"] = 77
    assert records_of_transaction(whole, 70) == []
    inner[1]["instructions"][0]["programIdIndex"] = whole["result"]["transaction"]["message"]["accountKeys"].index(
        PUMP_PROGRAM
    )
    inner[1]["instructions"][0]["data"] = "0OIl"
    with pytest.raises(DataError, match="base58"):
        records_of_transaction(whole, 70)
