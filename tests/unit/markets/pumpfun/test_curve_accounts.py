"""Accounts of every length, and the choice of fees."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import msgspec
import pytest

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.curve.accounts import (
    FEES_MARK,
    GLOBAL_MARK,
    USDC,
    fees_without_account,
    read_curve,
    read_fee_table,
    read_global,
)
from alphaloop.markets.pumpfun.curve.fees import TODAY, Fees, FeeTable, FeeTier, flat
from alphaloop.markets.pumpfun.curve.reserves import START
from alphaloop.markets.pumpfun.wire.keys import ZERO_KEY, to_bytes

CREATOR = "5dw5ZxqDdfi5EDT2RWjsCnpEdaZgJM29EcSuP1BqUxic"


def curve_bytes(**changed: object) -> bytes:
    """A whole bonding-curve account of 166 bytes."""
    values = {"creator": CREATOR, "mayhem": False, "cashback": False, "quote": ZERO_KEY, "own_bps": 0} | changed
    whole = bytes.fromhex("17b7f83760d8ac60")
    for number in (START.virtual_token, START.virtual_sol, START.real_token, 0, 10**15):
        whole += number.to_bytes(8, "little")
    whole += b"\0" + to_bytes(str(values["creator"])) + bytes([bool(values["mayhem"]), bool(values["cashback"])])
    whole += to_bytes(str(values["quote"])) + int(str(values["own_bps"])).to_bytes(8, "little") + b"\1\0"
    return (whole + (7).to_bytes(8, "little") + (9).to_bytes(8, "little") + b"\2").ljust(166, b"\0")


def fee_bytes(sol_tiers: list[tuple[int, int, int]], other: tuple[int, int] = (95, 30)) -> bytes:
    """A fee account with these (threshold, protocol, creator) tiers."""

    def fees(protocol: int, creator: int) -> bytes:
        return b"".join(n.to_bytes(8, "little") for n in (3, protocol, creator))

    def table(rows: list[tuple[int, int, int]]) -> bytes:
        return len(rows).to_bytes(4, "little") + b"".join(t.to_bytes(16, "little") + fees(p, c) for t, p, c in rows)

    body = FEES_MARK + b"\1" + bytes(32) + fees(90, 5) + table(sol_tiers) + table([(0, 80, 20)]) + fees(*other)
    return body.ljust(4097, b"\0")


@pytest.mark.parametrize("length", [49, 50, 81, 82, 83, 115, 125, 133, 141, 150, 151, 166, 256])
def test_every_length_reads_and_what_is_missing_is_zero(length):
    whole = curve_bytes(cashback=True, own_bps=120)
    curve = read_curve(whole[:length].ljust(length, b"\xff"))
    assert curve.reserves == START
    assert curve.creator == (CREATOR if length >= 81 else curve.creator)
    assert curve.is_cashback_coin is (length >= 83)
    assert curve.creator_fee_bps == (120 if length >= 123 else 0)
    assert curve.creator_fee == (7 if length >= 133 else 0)
    assert curve.protocol_fees == (9 if length >= 141 else 0)
    assert curve.depth == (2 if length >= 142 else 0)


def test_another_account_and_a_short_one_are_refused():
    with pytest.raises(DataError, match="check the address"):
        read_curve(FEES_MARK + bytes(200))
    with pytest.raises(DataError, match="48 bytes"):
        read_curve(curve_bytes()[:48])
    with pytest.raises(DataError, match="inside a table of 2 tiers"):
        read_fee_table(fee_bytes([(0, 95, 30), (10, 50, 30)])[:120])


def test_the_fee_account_gives_the_tier_of_the_market_value():
    table = read_fee_table(fee_bytes([(0, 95, 30), (50_000_000_000, 75, 20), (2**70, 10, 5)]))
    assert table.fees(0) == Fees(95, 30)
    assert table.fees(49_999_999_999) == Fees(95, 30)
    assert table.fees(50_000_000_000) == Fees(75, 20)
    assert table.fees(2**70) == Fees(10, 5)
    assert table.fees(10**12, "stable") == Fees(80, 20)
    assert table.fees(10**12, "other", own_creator_bps=120) == Fees(95, 120)


def test_below_every_threshold_the_first_tier_holds():
    table = FeeTable((FeeTier(100, Fees(1, 2)), FeeTier(200, Fees(3, 4))), (), TODAY)
    assert table.fees(5) == Fees(1, 2)
    with pytest.raises(DataError, match="no tier"):
        table.fees(5, "stable")


def test_a_coin_chooses_its_fees():
    table = read_fee_table(fee_bytes([(0, 95, 30), (START.market_cap() // 2, 75, 20)]))
    assert read_curve(curve_bytes()).fees(table) == Fees(75, 20)
    assert read_curve(curve_bytes()).fees(table, mint_supply=10**14) == Fees(95, 30)
    assert read_curve(curve_bytes(mayhem=True)).fees(table, mint_supply=10**14) == Fees(75, 20)
    assert read_curve(curve_bytes(creator=ZERO_KEY)).fees(flat()) == Fees(95, 0)
    assert read_curve(curve_bytes(cashback=True)).fees(flat()) == Fees(95, 0, 30)
    assert read_curve(curve_bytes(quote=USDC)).fees(table) == Fees(80, 20)
    assert read_curve(curve_bytes(quote=CREATOR, own_bps=120)).fees(table) == Fees(95, 120)


def test_global_settings():
    data = bytearray(GLOBAL_MARK + bytes(1080))
    for at, value in ((73, START.virtual_token), (81, START.virtual_sol), (89, START.real_token), (97, 10**15)):
        data[at : at + 8] = value.to_bytes(8, "little")
    for at, value in ((105, 95), (146, 15_000_001), (154, 5), (997, 5000), (1046, 200)):
        data[at : at + 8] = value.to_bytes(8, "little")
    data[741 + 32 : 741 + 64] = to_bytes(CREATOR)
    found = read_global(bytes(data))
    assert found.start == START
    assert (found.pool_migration_fee, found.buyback_bps) == (15_000_001, 5000)
    assert found.buyback_fee_recipients[1] == CREATOR
    assert (len(found.fee_recipients), len(found.mayhem_fee_recipients)) == (8, 8)
    assert fees_without_account(found) == Fees(95, 30)
    assert fees_without_account(None) == TODAY


@pytest.mark.real
def test_recorded_accounts(real_data: Path):
    folder = real_data / "pumpfun-vectors"
    lengths = json.loads((folder / "bonding_curve_lengths_synthetic.json").read_text())
    real = json.loads((folder / "bonding_curve_real.json").read_text())
    cases = [(case["data_base64"], case["expected"]) for case in lengths]
    cases.append((real["account"]["data"][0], real["expected"]))
    for data, expected in cases:
        assert msgspec.to_builtins(read_curve(base64.b64decode(data))) == expected
    old = json.loads((real_data / "pumpfun" / "raw_tx" / "raw_bondingCurve_from_getAccountInfo.json").read_text())
    curve = read_curve(base64.b64decode(old["result"]["value"]["data"][0]))
    assert curve.creator == ZERO_KEY
    assert curve.real_quote_reserves == curve.virtual_quote_reserves - START.virtual_sol
