"""Addresses and instructions against the official client, the documentation and real trades, byte for byte."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from solders.instruction import Instruction
from solders.keypair import Keypair

from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.coins import Coin, Parties
from alphaloop.markets.pumpfun.transactions.instructions import Generation, trade_instruction
from alphaloop.markets.pumpfun.transactions.orders import Buy, BuyExactIn, Order, Sell

KINDS: dict[str, tuple[type[Order], Generation]] = {
    "buy": (Buy, "legacy"),
    "buy_exact_sol_in": (BuyExactIn, "legacy"),
    "sell": (Sell, "legacy"),
    "buy_v2": (Buy, "v2"),
    "sell_v2": (Sell, "v2"),
    "buy_v3": (Buy, "v3"),
    "sell_v3": (Sell, "v3"),
}


def vectors(folder: Path, name: str, table: str) -> list[dict[str, Any]]:
    return json.loads((folder / "pumpfun-vectors" / name).read_text())[table]


def built(vector: dict[str, Any]) -> Instruction:
    maker, generation = KINDS[vector["kind"]]
    coin = Coin(
        mint=at.key(vector["mint"]),
        token_program=at.key(vector["token_program"]),
        creator=at.key(vector.get("creator", str(at.ZERO))),
        mayhem=vector.get("mayhem", False),
        cashback=vector.get("cashback", False),
    )
    buyback = at.key(vector["buyback_fee_recipient"])
    fee = at.key(vector["fee_recipient"]) if "fee_recipient" in vector else at.ZERO
    order = maker(int(vector["amount"]), int(vector["limit"]))
    return trade_instruction(order, coin, Parties(at.key(vector["user"]), fee, buyback), generation)


def as_listed(instruction: Instruction) -> list[list[Any]]:
    return [[str(a.pubkey), int(a.is_signer), int(a.is_writable)] for a in instruction.accounts]


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "table", "count"), [("sdk_vectors_dev.json", "instructions", 6), ("doc_vectors_dev.json", "vectors", 3)]
)
def test_every_instruction_is_the_published_one_byte_for_byte(real_data, name, table, count):
    found = vectors(real_data, name, table)
    assert len(found) == count
    for vector in found:
        made, expected = built(vector), vector["instruction"]
        assert bytes(made.data).hex() == expected["data_hex"], vector["kind"]
        assert as_listed(made) == expected["accounts"], vector["kind"]
        assert str(made.program_id) == expected["program"]


@pytest.mark.real
def test_the_wallets_of_the_vectors_are_the_test_keys_and_their_addresses_follow(real_data):
    keys = {str(Keypair.from_seed(struct.pack("<I", n) + bytes(28)).pubkey()) for n in range(1_000)}
    for vector in vectors(real_data, "sdk_vectors_dev.json", "instructions"):
        assert {vector["user"], vector["mint"], vector["creator"]} <= keys
        mint = at.key(vector["mint"])
        assert str(at.bonding_curve(mint)) == vector["bonding_curve"]
        assert str(at.bonding_curve_v2(mint)) == vector["bonding_curve_v2"]
        assert str(at.creator_vault(at.key(vector["creator"]))) == vector["creator_vault"]
        assert str(at.user_volume(at.key(vector["user"]))) == vector["user_volume_accumulator"]


@pytest.mark.real
def test_a_real_buy_of_2026_names_the_same_18_accounts(real_data):
    recording = json.loads((real_data / "pumpfun-logs" / "2026-07_create_v2_and_buy.json").read_text())
    event = {e["event"]: e["fields"] for e in recording["expected_events"]}["CreateEvent"]
    (real,) = [call for call in recording["pump_instructions"] if call["name"] == "buy"]
    accounts = real["accounts"]
    coin = Coin(at.key(event["mint"]), at.key(event["token_program"]), at.key(event["creator"]))
    parties = Parties(at.key(accounts[6][0]), at.key(accounts[1][0]), at.key(accounts[17][0]))
    amount, limit = struct.unpack("<QQ", bytes.fromhex(real["data_hex"])[8:24])
    made = trade_instruction(Buy(amount, limit), coin, parties, "legacy")
    assert [row[0] for row in as_listed(made)] == [row[0] for row in accounts]
    # An account is listed with the most that any instruction of its transaction asks: never less than this one does.
    for mine, theirs in zip(as_listed(made), accounts, strict=True):
        assert mine[1] <= theirs[1]
        assert mine[2] <= theirs[2]
    # That client leaves off the option to count the volume.
    assert bytes(made.data).hex() == real["data_hex"] + "01"


@pytest.mark.real
def test_real_trades_of_2024_differ_only_where_the_program_has_changed(real_data):
    recording = json.loads((real_data / "pumpfun-logs" / "2024-08_buy_and_sell.json").read_text())
    replaced = {"buy": {9}, "sell": {8}}
    for real, maker in zip(recording["pump_instructions"], (Buy, Sell), strict=True):
        accounts = real["accounts"]
        coin = Coin(at.key(accounts[2][0]), at.TOKEN, at.ZERO)
        parties = Parties(at.key(accounts[6][0]), at.key(accounts[1][0]), at.ZERO)
        amount, limit = struct.unpack("<QQ", bytes.fromhex(real["data_hex"])[8:24])
        made = trade_instruction(maker(amount, limit), coin, parties, "legacy")
        different = {
            i for i, (mine, theirs) in enumerate(zip(as_listed(made), accounts, strict=False)) if mine != theirs
        }
        assert different == replaced[real["name"]]
        assert bytes(made.data).hex().startswith(real["data_hex"])


@pytest.mark.real
def test_real_trades_of_2025_name_the_derived_accounts(real_data):
    recorded = pl.read_parquet(real_data / "pumpfun" / "instructions_2025-06-05.parquet")
    checked = {"buy": 0, "sell": 0}
    elsewhere = 0
    for method, listed in recorded.select("method", "all_accounts").iter_rows():
        if method not in checked or checked[method] >= 150:
            continue
        accounts = [account.split("(")[0] for account in listed.split("|")]
        # Routers of other programs have methods of the same name.
        if len(accounts) < 12 or accounts[0] != str(at.GLOBAL) or accounts[11] != str(at.PUMP):
            continue
        coin = Coin(at.key(accounts[2]), at.TOKEN, at.ZERO)
        parties = Parties(at.key(accounts[6]), at.key(accounts[1]), at.ZERO)
        order = Buy(1, 1) if method == "buy" else Sell(1, 1)
        made = [row[0] for row in as_listed(trade_instruction(order, coin, parties, "legacy"))]
        # The creator is not recorded; and a few wallets hold their tokens in an account that is not the associated one.
        unknown = {9 if method == "buy" else 8, 5}
        assert [m for i, m in enumerate(made[:12]) if i not in unknown] == [
            theirs for i, theirs in enumerate(accounts[:12]) if i not in unknown
        ]
        elsewhere += made[5] != accounts[5]
        checked[method] += 1
    assert checked == {"buy": 150, "sell": 150}
    assert elsewhere < 30
