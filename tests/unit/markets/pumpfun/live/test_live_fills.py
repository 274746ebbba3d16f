"""Fills: the same money by the events, by the balances, and by the chain's own ledger."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from alphaloop.core.errors import AwayError
from alphaloop.markets.pumpfun.curve.quotes import buy_exact_in, sell
from alphaloop.markets.pumpfun.curve.reserves import START
from alphaloop.markets.pumpfun.live.fills import filled, read_movement
from alphaloop.markets.pumpfun.transactions import costs
from alphaloop.markets.pumpfun.transactions.envelope import COMPUTE_UNITS
from alphaloop.markets.pumpfun.transactions.orders import Buy, BuyExactIn, Sell
from live_case import ME, SOL, TIP, seal, small
from live_state import token_address


def landed(chain, envelope):
    chain.submit(envelope.wire)
    chain.advance(3)
    return chain.transaction(envelope.signature)


@pytest.mark.parametrize("generation", ["legacy", "v2", "v3"])
def test_a_buy_and_its_sale_to_the_lamport(generation):
    chain = small()
    mint = chain.launch()
    quote = buy_exact_in(START, SOL)
    envelope = seal(chain, mint, BuyExactIn(SOL, 1), generation)
    fill = filled(read_movement(landed(chain, envelope), ME, mint), mint, 9)
    network = costs.network_fee(COMPUTE_UNITS[generation], 100_000)
    rent = costs.TOKEN_2022_ACCOUNT_RENT + costs.USER_VOLUME_RENT + (generation != "v3") * costs.CREATOR_VAULT_RENT
    assert (fill.side, fill.asset, fill.quantity, fill.traded) == ("buy", mint, quote.token_amount, quote.total)
    assert fill.cash == -(quote.total + network + TIP + rent)
    assert fill.remaining == quote.token_amount
    assert {key: fill.details[key] for key in ("network", "tip", "rent", "fee", "creator_fee", "venue")} == {
        "network": network,
        "tip": TIP,
        "rent": rent,
        "fee": quote.fee,
        "creator_fee": quote.creator_fee,
        "venue": "curve",
    }
    assert fill.details["block_ns"] // 10**9 == chain.landed(envelope.signature).block_time_s
    part = quote.token_amount // 3
    sold = sell(quote.after, part)
    fill = filled(read_movement(landed(chain, seal(chain, mint, Sell(part, 0), generation)), ME, mint), mint, 9)
    assert (fill.side, fill.quantity, fill.traded) == ("sell", part, sold.total)
    assert fill.cash == sold.total - network - TIP
    assert fill.remaining == quote.token_amount - part
    assert fill.details["rent"] == 0
    assert "token_change" not in fill.details


def test_the_end_of_a_curve_counts_both_parts():
    chain = small()
    chain.fund(ME, 100 * SOL)
    mint = chain.launch()
    envelope = seal(chain, mint, BuyExactIn(90 * SOL, 1), "v3")
    before = chain.lamports(ME)
    fill = filled(read_movement(landed(chain, envelope), ME, mint), mint, 9)
    assert fill.quantity == chain.held(ME, mint) > 793_100_000_000_000
    assert fill.cash == chain.lamports(ME) - before
    moved = [move for move in chain.ledger if move.signature == envelope.signature and move.source == ME]
    rents = sum(move.lamports for move in moved if "rent" in move.reason)
    assert fill.details["rent"] == rents
    assert fill.traded == sum(
        move.lamports for move in moved if move.reason not in ("transfer", "network fee") and "rent" not in move.reason
    )


def test_a_cashback_coin_and_a_sale_of_dust():
    chain = small()
    mint = chain.launch(cashback=True)
    quote = buy_exact_in(START, SOL, chain.coin(mint).fees())
    fill = filled(read_movement(landed(chain, seal(chain, mint, BuyExactIn(SOL, 1), "v2")), ME, mint), mint, 9)
    assert fill.traded == quote.total
    assert fill.details["creator_fee"] == quote.cashback > 0
    fill = filled(read_movement(landed(chain, seal(chain, mint, Sell(30_000, 0), "v2")), ME, mint), mint, 9)
    assert (fill.quantity, fill.traded) == (30_000, 0)
    assert fill.details["rent"] <= 0


def test_what_is_not_ours_or_failed_is_no_fill():
    chain = small()
    mint, other = chain.launch(), chain.launch()
    answer = landed(chain, seal(chain, mint, BuyExactIn(SOL, 1)))
    assert read_movement(answer, chain.coin(mint).creator, mint) is None
    assert read_movement(answer, ME, other) is None
    failed = landed(chain, seal(chain, mint, Buy(10**13, 1)))
    assert failed["meta"]["err"] is not None
    assert read_movement(failed, ME, mint) is None


def test_cut_logs_are_made_up_for_by_the_inner_calls_and_without_them_asked_for_again():
    chain = small()
    mint = chain.launch()
    answer = landed(chain, seal(chain, mint, BuyExactIn(SOL, 1)))
    whole = read_movement(answer, ME, mint)
    cut = copy.deepcopy(answer)
    place = next(i for i, line in enumerate(cut["meta"]["logMessages"]) if line.startswith("Program data"))
    cut["meta"]["logMessages"][place:] = ["Log truncated"]
    assert read_movement(cut, ME, mint) == whole
    del cut["meta"]["innerInstructions"]
    with pytest.raises(AwayError, match="logs are cut"):
        read_movement(cut, ME, mint)
    del answer["meta"]["preBalances"]
    with pytest.raises(AwayError, match="cannot be read"):
        read_movement(answer, ME, mint)


def test_tokens_that_come_besides_the_trade_are_told():
    chain = small()
    mint = chain.launch()
    answer = landed(chain, seal(chain, mint, BuyExactIn(SOL, 1)))
    account = token_address(ME, mint, chain.coin(mint).token_program)
    place = answer["transaction"]["message"]["accountKeys"].index(account)
    for told in answer["meta"]["postTokenBalances"]:
        if told["accountIndex"] == place:
            told["uiTokenAmount"]["amount"] = str(int(told["uiTokenAmount"]["amount"]) + 5)
    fill = filled(read_movement(answer, ME, mint), mint, 9)
    assert fill.details["token_change"] == fill.quantity + 5
    assert fill.remaining == fill.quantity + 5


@pytest.mark.real
def test_a_real_buy_and_sale_in_one_transaction(real_data: Path):
    """Its events are of before they told fees: what the curve's account and the fee's gained says the rest."""
    answer = json.loads((real_data / "pumpfun/raw_tx/raw_buy_tx_from_getTransaction.json").read_text())
    wallet, mint = "2vr538qDgHCPYmr2mjt5LSjQ3kBYjtw3SDSveUKBVkef", "HfJVjBdkhAD2ynVM8PdTSii4ECZdsxNTCx5wpEqUpump"
    found = read_movement(answer, wallet, mint)
    assert [(leg.is_buy, leg.tokens) for leg in found.legs] == [(True, 605_426_095_720), (False, 605_426_095_720)]
    assert (found.cash, found.network, found.tokens, found.token_change) == (-1_476_168, 32_000, 0, 0)
    meta = answer["result"]["meta"]
    gains = [after - before for before, after in zip(meta["preBalances"], meta["postBalances"], strict=True)]
    assert found.lamports == -1
    assert found.rent + found.tip == sum(gain for gain in gains[1:]) - 1
    assert filled(found, mint, 9) is None


@pytest.mark.real
def test_a_real_creation_with_its_makers_buy(real_data: Path):
    """The wallet's balance fell by the trade, the network's fee, and the rent of the coin's accounts."""
    record = json.loads((real_data / "pumpfun-logs/2026-07_create_v2_and_buy.json").read_text())
    ((wallet, (before, after)),) = record["fee_payer_balance_pre_post"].items()
    logs = record["notification"]["params"]["result"]["value"]["logs"]
    trade = next(one for one in record["expected_events"] if "sol_amount" in json.dumps(one))
    mint = next(value for value in _flat(trade) if str(value).endswith("pump"))
    meta = {"err": None, "fee": record["fee_lamports"], "logMessages": logs}
    meta |= {"preBalances": [before], "postBalances": [after]}
    message = {"signatures": [record["signature"]], "message": {"accountKeys": [wallet]}}
    found = read_movement({"slot": 1, "meta": meta, "transaction": message}, wallet, mint)
    assert (found.cash, found.network, found.tokens) == (-112_313_595, 10_000, 3_520_371_073_923)
    assert found.lamports == -(98_750_018 + 938_126 + 296_251)
    assert found.rent == 112_313_595 - 99_984_395 - 10_000
    assert found.remaining == -1


def _flat(value):
    if isinstance(value, dict):
        return [each for one in value.values() for each in _flat(one)]
    return [value]
