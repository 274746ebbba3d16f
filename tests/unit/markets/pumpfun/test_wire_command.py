"""``alphaloop pumpfun decode``: every kind of file, one JSON object, and one sentence for bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from alphaloop.cli.app import app
from alphaloop.markets.pumpfun.wire import layouts, logs
from alphaloop.markets.pumpfun.wire.borsh import write_fields
from alphaloop.markets.pumpfun.wire.keys import encode_base58
from alphaloop.markets.pumpfun.wire.messages import Call, buy_or_sell, cut, log_lines, notification, transaction

runner = CliRunner()
SIGNATURE = encode_base58(bytes(range(64)))
PLAIN = {
    "key": layouts.PUMP_PROGRAM,
    "u8": 3,
    "u64": 2**64 - 1,
    "i64": 1_700_000_000,
    "i128": -5,
    "bool": True,
    "string": "buy",
}
VALUES = {name: PLAIN.get(kind, []) for name, kind in layouts.TRADE.fields}
TRADE = write_fields(layouts.TRADE, VALUES)
LINES = log_lines([buy_or_sell(TRADE)])


def decode(tmp_path: Path, content: object, code: int = 0) -> dict[str, Any]:
    file = tmp_path / "file.json"
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    result = runner.invoke(app, ["pumpfun", "decode", str(file), "--json"])
    assert result.exit_code == code, result.stderr
    if code:
        assert result.stdout == ""
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
        return {"error": result.stderr}
    return json.loads(result.stdout)


def shapes() -> dict[str, object]:
    note = json.loads(notification(SIGNATURE, 4, LINES))
    got = {"jsonrpc": "2.0", "id": 1, "result": transaction(SIGNATURE, 4, [buy_or_sell(TRADE)])}
    return {
        "notification": note,
        "its result": note["params"]["result"],
        "its value": note["params"]["result"]["value"],
        "a record": {"kind": "real", "note": "", "signature": None, "notification": note, "expected_events": []},
        "a transaction": got,
        "its result alone": got["result"],
        "a list": [note],
        "lines": json.dumps(note).encode(),
        "a line and a confirmation": b'\n{"jsonrpc":"2.0","result":24040,"id":1}\n'
        + json.dumps(note).encode()
        + b"\n\n",
        "pretty": json.dumps(note, indent=2).encode(),
    }


@pytest.mark.parametrize("shape", shapes())
def test_every_kind_of_file(shape: str, tmp_path: Path) -> None:
    found = decode(tmp_path, shapes()[shape])
    [event] = found["events"]
    assert (event["event"], event["log_index"], event["signature"]) == ("TradeEvent", 2, SIGNATURE)
    assert event["fields"] == VALUES
    assert list(event["fields"]) == [name for name, _ in layouts.TRADE.fields]
    assert (event["bytes"], event["extra"]) == (len(TRADE), "")
    assert (found["ok"], found["transactions"], found["failed"], found["truncated"]) == (True, 1, 0, [])


def test_a_single_line_is_a_record_too(tmp_path: Path) -> None:
    line = next(line for line in LINES if line.startswith(logs.DATA))
    for written in (line, line.removeprefix(logs.DATA), f" {line}\n"):
        [event] = decode(tmp_path, [{"signature": SIGNATURE, "log": written}])["events"]
        assert (event["log_index"], event["fields"], event["signature"]) == (0, VALUES, SIGNATURE)


def test_flags(tmp_path: Path) -> None:
    pool = write_fields(layouts.AMM_SELL, {name: PLAIN[kind] for name, kind in layouts.AMM_SELL.fields})
    calls = [buy_or_sell(TRADE + b"\xab\xcd"), Call(layouts.AMM_PROGRAM, (pool, TRADE)), buy_or_sell(*[TRADE] * 40)]
    sweep = layouts.discriminator("SweepBondingCurveFeeEvent") + b"?"
    note = notification(SIGNATURE, 4, cut(log_lines([buy_or_sell(sweep), *calls])))
    failed = notification("failed", 4, LINES, err={"x": 1})
    found = decode(tmp_path, note + b"\n" + failed)
    assert found["events"][0]["extra"] == "abcd"
    assert [event["event"] for event in found["amm_events"]] == ["SellEvent"]
    [other] = found["other_events"]
    assert (other["event"], other["extra"]) == ("SweepBondingCurveFeeEvent", "3f")
    assert (found["truncated"], found["failed"], found["transactions"], found["foreign"]) == ([SIGNATURE], 1, 2, 1)
    whole = decode(tmp_path, transaction(SIGNATURE, 4, [buy_or_sell(sweep), *calls]))
    assert len(whole["events"]) == 41
    assert (whole["truncated"], whole["recovered"]) == ([], 41 - len(found["events"]))


def test_the_text_names_each_field(tmp_path: Path) -> None:
    file = tmp_path / "note.json"
    file.write_bytes(notification(SIGNATURE, 4, cut(log_lines([buy_or_sell(*[TRADE + b"!"] * 40)]))))
    result = runner.invoke(app, ["pumpfun", "decode", str(file)])
    assert result.exit_code == 0
    for name in VALUES:
        assert f"  {name} " in result.stdout
    assert "extra (newer layout)" in result.stdout
    assert "were cut: later events are missing" in result.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"null", "is not JSON (null)"),
        (b"[" * 5_000, "is not JSON"),
        (b"{}\n{", "line 1: an object with the keys none is no logs notification"),
        ({"a": 1}, "line 1: an object with the keys a is no logs notification"),
        ([1], "item 1: a JSON int is no notification"),
        ([], "holds no transaction"),
        (b'{"jsonrpc":"2.0","result":24040,"id":1}', "holds no transaction"),
        ({"result": None}, "knows no such transaction"),
        ({"error": {"code": -32005, "message": "slow down"}}, "the node answered with an error (slow down)"),
        ({"logs": [1]}, "no logs notification"),
        ({"value": {"logs": None}}, "no logs notification"),
        ({"params": {}}, "a JSON NoneType"),
        ({"log": "Program data: ????"}, "is not base64"),
        ({"log": logs.DATA + "vdt/007mYe4="}, "ends inside field 'mint'"),
        (notification("s", 1, [LINES[0], logs.DATA + "vdt/007mYe6dnQ=="]), "transaction s, line 1: TradeEvent of"),
        (notification("s", 1, [LINES[0], logs.DATA + "vdt/007mYe6dnQ="]), "a data line is not base64"),
    ],
)
def test_bad_input_is_one_sentence(content: object, said: str, tmp_path: Path) -> None:
    assert said in decode(tmp_path, content, code=2)["error"]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "none.json", "does not exist"), (tmp_path, "is not a file")):
        result = runner.invoke(app, ["pumpfun", "decode", str(path), "--json"])
        assert (result.exit_code, result.stdout) == (2, "")
        assert said in result.stderr


@pytest.mark.real
def test_recorded_files_print_what_is_expected(real_data: Path) -> None:
    files = sorted((real_data / "pumpfun-logs").glob("*.json"))
    assert files
    for file in files:
        result = runner.invoke(app, ["pumpfun", "decode", str(file), "--json"])
        assert result.exit_code == 0, file.name
        found = [
            {k: e[k] for k in ("log_index", "event", "bytes", "fields")} for e in json.loads(result.stdout)["events"]
        ]
        assert found == json.loads(file.read_text())["expected_events"], file.name
    raw = real_data / "pumpfun" / "raw_tx" / "raw_buy_tx_from_getTransaction.json"
    both = json.loads(runner.invoke(app, ["pumpfun", "decode", str(raw), "--json"]).stdout)["events"]
    told = json.loads((real_data / "pumpfun-logs" / "2024-08_buy_and_sell.json").read_text())["expected_events"]
    assert [(e["log_index"], e["fields"]) for e in both] == [(e["log_index"], e["fields"]) for e in told]
    single = runner.invoke(
        app, ["pumpfun", "decode", str(real_data / "pumpfun" / "trade_event_2026-10.json"), "--json"]
    )
    [event] = json.loads(single.stdout)["events"]
    assert (event["bytes"], event["extra"]) == (451, "")
