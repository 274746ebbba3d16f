"""What messages say of the coin: enough to build an order from, and honest about what the books never saw or forgot."""

from __future__ import annotations

import json

import msgspec
import pytest

from alphaloop.markets.pumpfun.books.tokens import TokenBook
from alphaloop.markets.pumpfun.events import Create, Trade
from alphaloop.markets.pumpfun.market import Publish, PumpMarket
from alphaloop.markets.pumpfun.settings import PumpSettings
from alphaloop.markets.pumpfun.signals.coin import CoinState, coin_state
from alphaloop.markets.pumpfun.signals.messages import GenesisMessage, SignalMessage, TokenState, decode, encode
from alphaloop.markets.pumpfun.wire.layouts import SPL_2022_PROGRAM, SPL_PROGRAM

S = SOL = 1_000_000_000
HOUR_NS = 3_600 * S
SMART = "smart"
KIND = {"token_program": SPL_2022_PROGRAM, "mayhem": True, "holder_reward": True, "supply": 2 * 10**15}


def said(emissions, kind) -> list:
    found = [decode(e.body) for e in emissions if isinstance(e, Publish)]
    return [message for message in found if isinstance(message, kind)]


def test_every_message_about_a_coin_carries_it(pump) -> None:
    market, chain, curve = PumpMarket(PumpSettings(tracked_wallets=(SMART,))), pump.Chain(), pump.Curve()
    create = chain.create("coin", "maker", creator="vault", **KIND)
    (born,) = said(market.apply(create), TokenState)
    assert born.coin == CoinState(
        virtual_sol=curve.virtual_sol,
        virtual_token=curve.virtual_token,
        real_sol=0,
        real_token=curve.real_token,
        complete=False,
        creator="vault",
        token_program=SPL_2022_PROGRAM,
        mayhem=True,
        cashback=False,
        holder_reward=True,
        quote_mint="",
        supply=2 * 10**15,
        newer="",
    )
    buys = [chain.trade(curve, "coin", w, SOL, buy=True, gap_ns=S, creator="vault") for w in ("a", "b", "c", SMART)]
    (signal,) = [message for buy in buys for message in said(market.apply(buy), SignalMessage)]
    (launch,) = said(market.advance(create.known_ns + 60 * S), GenesisMessage)
    for message in (signal, launch):
        assert message.coin == coin_state(market.shelf.tokens.get("coin"))
        assert (message.coin.real_sol, message.coin.virtual_token) == (curve.real_sol, curve.virtual_token)
        assert message.coin.creator == "vault"
        assert decode(encode(message)) == message
    (done,) = said(market.apply(chain.complete("coin", "a", gap_ns=120 * S)), TokenState)
    assert done.coin.complete


def test_its_keys_are_camel_case_like_all_others(pump) -> None:
    market, chain = PumpMarket(), pump.Chain()
    (body,) = [e.body for e in market.apply(chain.create("coin", "maker", **KIND)) if isinstance(e, Publish)]
    coin = json.loads(body)["data"]["coin"]
    assert coin["virtualSol"] == 30 * SOL
    assert (coin["tokenProgram"], coin["holderReward"], coin["quoteMint"]) == (SPL_2022_PROGRAM, True, "")
    assert len(coin) == len(CoinState.__struct_fields__)


@pytest.mark.parametrize(
    ("born", "program", "newer"),
    [
        ({"token_program": SPL_PROGRAM}, SPL_PROGRAM, ""),
        ({"token_program": ""}, "", ""),
        ({"token_program": "another"}, "", "token program another"),
        ({"token_program": SPL_2022_PROGRAM, "newer": "depth 1"}, SPL_2022_PROGRAM, "depth 1"),
    ],
)
def test_what_is_not_known_here_is_said_and_never_guessed(pump, born, program, newer) -> None:
    book = TokenBook()
    book.update(pump.Chain().create("coin", "maker", **born))
    coin = coin_state(book.get("coin"))
    assert (coin.token_program, coin.newer) == (program, newer)


def test_trades_correct_what_the_creation_said(pump) -> None:
    book, chain, curve = TokenBook(), pump.Chain(), pump.Curve()

    def trade(**fields) -> CoinState:
        book.update(chain.trade(curve, "coin", "w", SOL // 10, buy=True, **fields))
        return coin_state(book.get("coin"))

    book.update(chain.create("coin", "maker"))
    assert trade(creator="heir").creator == "heir"
    assert trade(creator="").creator == "heir", "a trade that names nobody changes nothing"
    assert not trade().cashback
    assert trade(creator_fee=0, cashback=5).cashback
    assert trade(creator_fee=0, cashback=0).cashback, "a trade that is charged nothing says nothing"
    assert not trade(creator_fee=5, cashback=0).cashback
    assert trade(mayhem=True).mayhem
    assert trade(mayhem=False).mayhem


def test_without_its_creation_a_coins_program_is_not_known(pump) -> None:
    book, chain, curve = TokenBook(), pump.Chain(), pump.Curve()
    book.update(chain.trade(curve, "coin", "w", SOL, buy=True, creator="maker"))
    assert coin_state(book.get("coin")).token_program == ""
    book.update(chain.create("coin", "maker", token_program=SPL_PROGRAM))
    assert coin_state(book.get("coin")).token_program == SPL_PROGRAM, "a creation that comes late is still true"


def test_a_coins_kind_is_packed_restored_and_forgotten_with_the_coin(pump) -> None:
    book, chain, curve = TokenBook(), pump.Chain(), pump.Curve()
    book.update(chain.create("coin", "maker", newer="depth 7", **KIND))
    book.update(chain.trade(curve, "coin", "w", SOL, buy=True))
    told = coin_state(book.get("coin"))
    book.run(chain.known_ns + 2 * HOUR_NS)
    assert book.counts() == {"live": 0, "packed": 1}
    twin = TokenBook()
    twin.restore(book.save())
    assert coin_state(book.get("coin")) == coin_state(twin.get("coin")) == told
    book.run(chain.known_ns + 8 * 24 * HOUR_NS)
    assert book.get("coin") is None
    book.update(chain.trade(curve, "coin", "w", SOL, buy=True, gap_ns=9 * 24 * HOUR_NS))
    forgotten = coin_state(book.get("coin"))
    assert (forgotten.token_program, forgotten.holder_reward, forgotten.newer) == ("", False, "")


def test_a_message_of_before_this_part_still_comes_in(pump) -> None:
    market, chain, curve = PumpMarket(PumpSettings(tracked_wallets=(SMART,))), pump.Chain(), pump.Curve()
    market.apply(chain.create("coin", "maker"))
    out = market.apply(chain.trade(curve, "coin", SMART, SOL, buy=True))
    bodies = [e.body for e in out if isinstance(e, Publish) and e.channel != "crowding:coin"]
    assert len(bodies) == 2
    for body in bodies:
        old = json.loads(body)
        del old["data"]["coin"]
        assert decode(json.dumps(old).encode()) == msgspec.structs.replace(decode(body), coin=None)


def test_events_of_before_this_part_still_come_in() -> None:
    create = Create(
        **dict.fromkeys(("signature", "mint", "name", "symbol", "uri", "bonding_curve", "user", "creator"), "x"),
        **dict.fromkeys(("log_index", "slot", "event_ns", "known_ns"), 1),
        **dict.fromkeys(("virtual_sol", "virtual_token", "real_token", "supply"), 1),
    )
    plain = msgspec.to_builtins(create)
    for name in ("holder_reward", "newer"):
        del plain[name]
    assert msgspec.convert(plain, Create | Trade) == create
