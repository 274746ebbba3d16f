"""Pools against the official client, byte for byte, and against mainnet's own accounts and records of sales."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.curve.accounts import read_pool_fee_table
from alphaloop.markets.pumpfun.curve.fees import Fees
from alphaloop.markets.pumpfun.curve.quotes import QuoteError
from alphaloop.markets.pumpfun.curve.reserves import SUPPLY
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions import pool_addresses as pool_at
from alphaloop.markets.pumpfun.transactions import pool_instructions
from alphaloop.markets.pumpfun.transactions.coins import Parties
from alphaloop.markets.pumpfun.transactions.orders import Sell
from alphaloop.markets.pumpfun.transactions.pool_accounts import (
    Pool,
    PoolSettings,
    PoolState,
    pool_reads,
    read_pool,
    read_pool_settings,
    read_pool_state,
)
from alphaloop.markets.pumpfun.transactions.pool_quotes import pool_fees, quote_pool_sale, sell_into_pool
from alphaloop.markets.pumpfun.transactions.pool_sales import pool_sale
from alphaloop.markets.pumpfun.wire.keys import ZERO_KEY

VECTORS = Path(__file__).parent / "vectors"
SDK: dict[str, Any] = json.loads((VECTORS / "pump_swap_sdk_1.20.0.json").read_text())
MAINNET: dict[str, Any] = json.loads((VECTORS / "pump_swap_mainnet.json").read_text())


def wallet(number: int) -> Pubkey:
    """The key that the vectors call `number`."""
    return Keypair.from_seed(struct.pack("<I", number) + bytes(28)).pubkey()


USER, MINT, CREATOR, FEE, RESERVED, BUYBACK = (wallet(n) for n in (1, 2, 3, 100, 110, 120))
FEE_ACCOUNT = base64.b64decode(SDK["fee_config"]["account"]).ljust(SDK["fee_config"]["length"], b"\0")
SALES = {sale["name"]: sale for sale in SDK["sales"]}
# The numbers that a record of a sale begins with, after its time.
SOLD = [
    "tokens",
    "least",
    "user_base",
    "user_quote",
    "base",
    "vault",
    "gross",
    "lp_bps",
    "lp_fee",
    "protocol_bps",
    "fee",
    "leaving",
    "received",
]


def as_listed(instruction: Instruction) -> dict[str, Any]:
    marks = [f"{a.pubkey} {'s' if a.is_signer else '-'}{'w' if a.is_writable else '-'}" for a in instruction.accounts]
    return {"program": str(instruction.program_id), "data": bytes(instruction.data).hex(), "accounts": marks}


def holding(amount: int, mint: Pubkey, owner: Pubkey) -> bytes:
    """A token account."""
    return (bytes(mint) + bytes(owner) + amount.to_bytes(8, "little")).ljust(165, b"\0")


def minted(supply: int) -> bytes:
    """A mint."""
    return bytes(36) + supply.to_bytes(8, "little") + bytes(38)


def state_of(account: bytes, program: Pubkey, mint: Pubkey = MINT) -> PoolState:
    pool = at.pool(mint)
    return read_pool_state(
        mint, program, [account, holding(5, mint, pool), holding(7, at.QUOTE_SOL, pool), minted(SUPPLY)]
    )


def test_the_vectors_keys_can_be_made_again():
    assert (str(USER), str(MINT)) == (SDK["user"], SDK["mint"])


def test_addresses_are_the_clients():
    volume = pool_at.pool_user_volume(USER)
    vault = pool_at.coin_creator_vault(CREATOR)
    made = {
        "global_config": pool_at.AMM_SETTINGS,
        "event_authority": pool_at.AMM_EVENT_AUTHORITY,
        "fee_config": pool_at.AMM_FEE_CONFIG,
        "pool": at.pool(MINT),
        "pool_authority": pool_at.pool_authority(MINT),
        "pool_v2": pool_at.pool_v2(MINT),
        "creator_vault_authority": vault,
        "creator_vault": at.quote_account(vault),
        "user_volume": volume,
        "user_volume_quote": at.quote_account(volume),
    }
    assert {name: str(address) for name, address in made.items()} == SDK["addresses"]


def test_fixed_addresses_are_what_their_seeds_give():
    assert at.derived(at.AMM, b"global_config") == pool_at.AMM_SETTINGS
    assert at.derived(at.AMM, b"__event_authority") == pool_at.AMM_EVENT_AUTHORITY
    assert at.derived(at.FEES, b"fee_config", bytes(at.AMM)) == pool_at.AMM_FEE_CONFIG


@pytest.mark.parametrize("name", SALES)
def test_a_sale_is_the_clients_byte_for_byte(name):
    sale = SALES[name]
    state = state_of(base64.b64decode(sale["pool"]), at.key(sale["token_program"]))
    parties = Parties(USER, RESERVED if state.pool.is_mayhem_mode else FEE, BUYBACK)
    steps = pool_sale(Sell(123_456_789_012_345, 987_654_321), state, parties)
    # The client leaves it to the seller to have the account that takes the cashback.
    made = [as_listed(instruction) for part, instruction in steps if part != "cashback_account"]
    assert made == sale["instructions"]
    assert len(steps) - len(made) == state.pool.is_cashback_coin


def test_a_volume_account_is_opened_as_the_client_does():
    assert as_listed(pool_instructions.open_volume(USER)) == SDK["volume_account"]


def test_the_second_generation_names_the_17_documented_accounts():
    state = state_of(base64.b64decode(SALES["plain"]["pool"]), at.TOKEN_2022)
    pool = at.pool(MINT)
    made = as_listed(pool_instructions.sell_v2(Sell(5, 7), state, Parties(USER, FEE, BUYBACK)))
    expected = [
        (pool, "-w"),
        (USER, "sw"),
        (pool_at.AMM_SETTINGS, "--"),
        (MINT, "--"),
        (at.QUOTE_SOL, "--"),
        (at.token_account(USER, MINT, at.TOKEN_2022), "-w"),
        (at.token_account(USER, at.QUOTE_SOL, at.TOKEN), "-w"),
        (at.token_account(pool, MINT, at.TOKEN_2022), "-w"),
        (at.token_account(pool, at.QUOTE_SOL, at.TOKEN), "-w"),
        (at.TOKEN_2022, "--"),
        (at.TOKEN, "--"),
        (at.SYSTEM, "--"),
        (at.derived(at.AMM, b"user_volume_accumulator", bytes(USER)), "-w"),
        (pool_at.AMM_FEE_CONFIG, "--"),
        (at.token_account(BUYBACK, at.QUOTE_SOL, at.TOKEN), "-w"),
        (pool_at.AMM_EVENT_AUTHORITY, "--"),
        (at.AMM, "--"),
    ]
    assert made["accounts"] == [f"{address} {marks}" for address, marks in expected]
    assert made["data"] == "5df6823ce7e940b2" + struct.pack("<QQ", 5, 7).hex()


@pytest.mark.parametrize("told", SDK["pools"], ids=lambda told: str(told["length"]))
def test_a_pool_of_every_age_is_read_as_the_client_reads_it(told):
    pool = read_pool(base64.b64decode(SDK["pool"])[: told["length"]])
    for name, value in told.items():
        mine = pool.account_bytes if name == "length" else getattr(pool, name, None)
        assert name == "lp_supply" or (str(mine) if isinstance(value, str) else mine) == value, name


def test_settings_are_read_as_the_client_reads_them():
    told = dict(SDK["global_config"])
    settings = read_pool_settings(base64.b64decode(told.pop("account")))
    assert {name: list(v) if isinstance(v := getattr(settings, name), tuple) else v for name in told} == told
    assert not settings.selling_disabled


def test_mainnets_fee_tiers_are_read_as_the_client_reads_them():
    tiers = read_pool_fee_table(FEE_ACCOUNT).sol_tiers
    assert [f"{t.least_market_cap} {t.fees.lp_bps} {t.fees.protocol_bps} {t.fees.creator_bps}" for t in tiers] == SDK[
        "fee_config"
    ]["tiers"]
    assert len(tiers) == 25


@pytest.mark.parametrize("line", SDK["quotes"])
def test_a_quote_is_the_clients(line):
    asked, said = line.split(" -> ")
    tokens, base, vault, virtual, supply, mayhem, creator, cashback, own, configurable = map(int, asked.split())
    pool = read_pool(base64.b64decode(SALES["plain"]["pool"]))
    changed = {
        "virtual_quote_reserves": virtual,
        "is_mayhem_mode": bool(mayhem),
        "is_cashback_coin": bool(cashback),
        "coin_creator": str(CREATOR) if creator else ZERO_KEY,
        "creator_fee_bps": own,
    }
    state = PoolState(Pool(**{**_fields(pool), **changed}), str(at.TOKEN_2022), base, vault, supply)
    settings = PoolSettings((), (), (), selling_disabled=False, creator_fee_configurable=bool(configurable))
    gross, total = (0, 0) if said == "refused" else map(int, said.split())
    if gross == 0:  # where the client quotes a sale for nothing, none is offered
        with pytest.raises((QuoteError, DataError)):
            quote_pool_sale(state, tokens, settings, read_pool_fee_table(FEE_ACCOUNT))
        return
    quote = quote_pool_sale(state, tokens, settings, read_pool_fee_table(FEE_ACCOUNT))
    assert (quote.sol_amount, quote.total) == (gross, total)
    assert bool(quote.cashback) <= bool(cashback)


@pytest.mark.parametrize("sale", MAINNET["sales"], ids=lambda sale: sale["name"])
def test_real_sales_are_reproduced_to_the_lamport(sale):
    record = base64.b64decode(sale["record"])
    told = dict(zip(SOLD, struct.unpack_from("<13Q", record, 16), strict=True))
    creator, cashback = _numbers(record, 344, 2), _numbers(record, 360, 2)
    fees = Fees(told["protocol_bps"], creator[0], cashback[0], told["lp_bps"])
    pool = _lent(int.from_bytes(record[392:408].ljust(16, b"\0"), "little", signed=True))
    quote = sell_into_pool(pool, told["base"], told["vault"], told["tokens"], fees)
    assert (quote.sol_amount, quote.lp_fee, quote.fee) == (told["gross"], told["lp_fee"], told["fee"])
    assert (quote.creator_fee, quote.cashback) == (creator[1], cashback[1])
    assert quote.total == told["received"]
    assert quote.sol_amount - quote.lp_fee == told["leaving"]


@pytest.mark.parametrize(
    ("name", "creator_bps", "cashback_bps"),
    [
        ("2026-04, cashback, first tier", 0, 30),
        ("2026-07, lent liquidity", 95, 0),
        ("2026-08, cashback and lent liquidity", 0, 95),
        ("2026-10, newest layout", 75, 0),
    ],
)
def test_real_sales_were_charged_by_the_tier_of_their_market_value(name, creator_bps, cashback_bps):
    record = base64.b64decode(next(sale for sale in MAINNET["sales"] if sale["name"] == name)["record"])
    told = dict(zip(SOLD, struct.unpack_from("<13Q", record, 16), strict=True))
    lent = int.from_bytes(record[392:408].ljust(16, b"\0"), "little", signed=True)
    supply = int.from_bytes(record[409:417], "little") or SUPPLY  # not in the older record
    pool = Pool(**{**_fields(_lent(lent)), "coin_creator": str(CREATOR), "is_cashback_coin": bool(cashback_bps)})
    state = PoolState(pool, str(at.TOKEN_2022), told["base"], told["vault"], supply)
    settings = PoolSettings((), (), (), selling_disabled=False, creator_fee_configurable=True)
    fees = pool_fees(state, settings, read_pool_fee_table(FEE_ACCOUNT))
    assert fees == Fees(told["protocol_bps"], creator_bps, cashback_bps, told["lp_bps"])
    assert _numbers(record, 344, 1) == [creator_bps]


@pytest.mark.parametrize("account", MAINNET["pools"])
def test_mainnets_pools_are_where_they_are_derived_and_keep_their_coins_there(account):
    data = base64.b64decode(account)
    mint = Pubkey(data[43:75])
    state = state_of(data, at.TOKEN_2022, mint)
    assert (state.base, state.quote, state.supply) == (5, 7, SUPPLY)
    assert state.pool.account_bytes == 301
    assert not state.pool.newer
    assert [str(address) for address in pool_reads(mint, at.TOKEN_2022)[1:3]] == [
        state.pool.pool_base_token_account,
        state.pool.pool_quote_token_account,
    ]


def test_mainnets_pools_carry_what_was_seen():
    pools = [read_pool(base64.b64decode(account)) for account in MAINNET["pools"]]
    assert [pool.virtual_quote_reserves for pool in pools] == [17_584_505_288, 0, 17_584_505_289]
    assert [pool.is_cashback_coin for pool in pools] == [False, True, False]
    assert str(at.pool(at.key(pools[0].base_mint))) == "3SYEYjJRvtJDbNoPh1gho2YJtJK2g2L445cJRG6RyjAs"
    assert str(at.pool(at.key(pools[1].base_mint))) == "5rNMGrJ3V2vUY3GAuxiVKZmKCn6c5N6n7Ld5EWvgceVX"


def _numbers(record: bytes, start: int, count: int) -> list[int]:
    return [int.from_bytes(record[start + 8 * i : start + 8 * i + 8], "little") for i in range(count)]


def _fields(pool: Pool) -> dict[str, Any]:
    return {name: getattr(pool, name) for name in pool.__struct_fields__}


def _lent(virtual: int) -> Pool:
    return Pool(**{**_fields(read_pool(base64.b64decode(SDK["pool"])[:243])), "virtual_quote_reserves": virtual})
