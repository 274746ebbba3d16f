"""The whole market: one order of feeding, strictness about it, live states, and what is handed out."""

from __future__ import annotations

import re

import msgspec
import pytest

from alphaloop.core.errors import RecipeError, StateError
from alphaloop.markets.pumpfun.books.births import BirthBook
from alphaloop.markets.pumpfun.events import Tracking
from alphaloop.markets.pumpfun.market import Member, Publish, PumpMarket, Row
from alphaloop.markets.pumpfun.settings import PumpSettings
from alphaloop.markets.pumpfun.signals.messages import Graduation, Regime, TokenState, decode

SOL = 1_000_000_000
S = 1_000_000_000
DAY_NS = 86_400 * S


def messages(emissions, kind) -> list:
    found = [decode(e.body) for e in emissions if isinstance(e, Publish)]
    return [message for message in found if isinstance(message, kind)]


def command(chain, wallet: str, tracked: bool = True) -> Tracking:
    stamps = {**chain.stamps(S), "log_index": 0}
    return Tracking(mint="", wallet=wallet, tracked=tracked, **{**stamps, "event_ns": stamps["known_ns"]})


def test_events_come_in_order_and_each_once(pump) -> None:
    market = PumpMarket()
    events = pump.market_events(10)
    for event in events[:5]:
        market.apply(event)
    for wrong in (events[4], events[2]):
        with pytest.raises(StateError, match="feed events in the order of known_ns"):
            market.apply(wrong)
    market.advance(events[5].known_ns)
    market.apply(events[5])
    market.advance(events[6].known_ns + 1)
    with pytest.raises(StateError, match="which the clock has passed"):
        market.apply(events[6])
    assert market.counts.events == 6


def test_what_no_book_can_use_is_counted_and_left_out(pump) -> None:
    market, chain, curve = PumpMarket(), pump.Chain(), pump.Curve()
    market.apply(chain.create("usd", "maker", quote_mint="USDC"))
    market.apply(chain.trade(curve, "usd", "a", SOL, buy=True, quote_mint="USDC"))
    assert market.apply(chain.trade(curve, "coin", "a", SOL, buy=True, virtual_token=0)) == []
    market.apply(chain.amm("coin", "a"))
    assert (market.counts.foreign, market.counts.impossible, market.counts.events) == (2, 1, 4)
    assert market.shelf.tokens.get("usd") is None
    assert market.shelf.tokens.get("coin") is None


def test_live_states_are_told_at_once_then_once_at_the_end_of_a_period(pump) -> None:
    market = PumpMarket(PumpSettings.parse({"live": {"token_every_s": 10}}, "test"))
    chain, curve = pump.Chain(pump.START_NS // (10 * S) * 10 * S), pump.Curve()
    told = messages(market.apply(chain.create("coin", "maker", S)), TokenState)
    assert len(told) == 1
    for _ in range(5):
        assert messages(market.apply(chain.trade(curve, "coin", "a", SOL, buy=True)), TokenState) == []
    said = market.apply(chain.trade(curve, "coin", "a", SOL, buy=True, gap_ns=5 * S))
    first, second = messages(said, TokenState)
    assert first.known_ns == chain.known_ns // (10 * S) * 10 * S
    assert (first.trades, second.trades) == (5, 6)
    assert second.virtual_sol == curve.virtual_sol
    assert second.price == pytest.approx((curve.virtual_sol / 1e9) / (curve.virtual_token / 1e6))
    assert (second.unique_buyers, second.buys_60s, second.complete) == (1, 6, False)
    publish = next(e for e in said if isinstance(e, Publish))
    assert (publish.channel, publish.keep_s) == ("token:coin", 900)
    assert messages(market.advance(chain.known_ns + 100 * S), TokenState) == [], "nothing new to say"
    silent = PumpMarket(PumpSettings.parse({"live": {"token_every_s": 0}}, "test"))
    assert silent.apply(pump.Chain().create("coin", "maker")) == []


def test_a_graduation_is_told(pump) -> None:
    market, chain, curve = PumpMarket(), pump.Chain(), pump.Curve()
    market.apply(chain.create("coin", "maker"))
    market.apply(chain.trade(curve, "coin", "whale", 200 * SOL, buy=True))
    assert curve.real_token == 0
    said = market.apply(chain.complete("coin", "whale"))
    (message,) = messages(said, Graduation)
    assert (message.token_mint, message.symbol, message.creator) == ("coin", "COIN", "maker")
    assert message.raised_sol == pytest.approx(85.005, abs=0.001)
    assert any(isinstance(e, Publish) and e.channel == "trade:graduations" for e in said)


def test_the_regime_is_told_each_ten_minutes(pump) -> None:
    market, chain = PumpMarket(), pump.Chain()
    market.apply(chain.create("coin", "maker"))
    said = market.advance(chain.known_ns + 1_800 * S)
    told = messages(said, Regime)
    assert len(told) == 3
    assert {message.known_ns % (600 * S) for message in told} == {0}
    assert told[0].name == "transition"
    assert sum(isinstance(e, Row) and e.table == "regime_snapshots" for e in said) == 3
    kept = [e.keep_s for e in said if isinstance(e, Publish) and e.channel == "market:regime"]
    assert kept == [1_800] * 3


def test_doubled_signals_reach_the_regime(pump) -> None:
    market = PumpMarket(PumpSettings(tracked_wallets=("smart",)))
    chain, curve = pump.Chain(), pump.Curve()
    market.apply(chain.create("coin", "maker"))
    market.apply(chain.trade(curve, "coin", "smart", SOL, buy=True))
    market.apply(chain.trade(curve, "coin", "whale", 40 * SOL, buy=True, gap_ns=10 * S))
    said = market.apply(chain.trade(curve, "coin", "late", SOL, buy=True, gap_ns=3_700 * S))
    outcomes = [e.values for e in said if isinstance(e, Row) and e.table == "signal_outcomes"]
    assert {(row["kind"], row["horizon_s"]) for row in outcomes} >= {("signal", 600), ("signal", 3_600)}
    market.advance(chain.known_ns + 600 * S)
    assert market.shelf.regime.features(chain.known_ns + 600 * S)["hit_rate_2x_6h"] == 1.0


def test_a_state_of_other_settings_or_of_nonsense_is_refused(pump) -> None:
    market = PumpMarket()
    for event in pump.market_events(50):
        market.apply(event)
    state = market.save()
    other = PumpMarket(PumpSettings(tracked_wallets=("somebody",)))
    with pytest.raises(StateError, match="replay the recording"):
        other.restore(state)
    for damaged in (b"", b"nonsense", state[: len(state) // 2]):
        with pytest.raises(StateError, match="cannot be read"):
            PumpMarket().restore(damaged)


def test_tracking_by_hand_is_taken_in_like_an_event_and_survives_a_restart(pump) -> None:
    market, chain, curve = PumpMarket(PumpSettings(tracked_wallets=("first",))), pump.Chain(), pump.Curve()
    market.apply(chain.create("coin", "maker"))
    said = market.apply(command(chain, "second"))
    assert [e for e in said if isinstance(e, Member)] == [
        Member("tracked_wallets", "first", present=True),
        Member("tracked_wallets", "second", present=True),
    ]
    rows = {e.values["wallet"]: e.values for e in said if isinstance(e, Row) and e.table == "wallets"}
    assert rows["second"]["is_active"]
    assert rows["second"]["source"] == "hand"
    assert rows["second"]["last_ns"] is None
    buys = [market.apply(chain.trade(curve, "coin", wallet, SOL, buy=True)) for wallet in ("first", "second", "third")]
    assert [any(isinstance(e, Row) and e.table == "signals" for e in said) for said in buys] == [True, True, False]
    said = market.apply(command(chain, "first", tracked=False))
    assert [e for e in said if isinstance(e, Member)] == [Member("tracked_wallets", "first", present=False)]
    twin = PumpMarket(market.settings)
    twin.restore(market.save())
    assert [twin.shelf.intelligence.is_tracked(wallet) for wallet in ("first", "second")] == [False, True]
    assert market.counts.commands == 2


def test_a_command_comes_after_the_timers_and_in_order_like_an_event(pump) -> None:
    market, chain = PumpMarket(), pump.Chain()
    market.apply(chain.create("coin", "maker"))
    chain.known_ns += 1_800 * S
    said = market.apply(command(chain, "w"))
    assert len(messages(said, Regime)) == 3
    with pytest.raises(StateError, match="feed events in the order of known_ns"):
        market.apply(msgspec.structs.replace(command(chain, "w"), known_ns=chain.known_ns - 2 * S))
    first = PumpMarket()
    first.apply(command(pump.Chain(), "w"))
    assert first.shelf.intelligence.is_tracked("w"), "a recording may begin with a command"


def test_who_is_tracked_for_a_graduation_and_then_by_hand_is_told_so(pump) -> None:
    market, chain, curve = PumpMarket(), pump.Chain(), pump.Curve()
    market.apply(chain.create("coin", "maker"))
    market.apply(chain.trade(curve, "coin", "whale", 200 * SOL, buy=True))
    said = market.apply(chain.complete("coin", "whale"))
    said += market.apply(command(chain, "whale"))
    rows = [e.values for e in said if isinstance(e, Row) and e.table == "wallets"]
    assert [(row["wallet"], row["source"]) for row in rows] == [("whale", "graduation"), ("whale", "hand")]


def test_births_count_symbols_of_a_day_and_what_makers_sold(pump) -> None:
    book, chain, curve = BirthBook(), pump.Chain(), pump.Curve()
    book.update(chain.create("a", "maker", symbol="PEPE"))
    assert book.namesakes("a") == 0
    book.update(chain.create("b", "maker", symbol="pepe", gap_ns=DAY_NS // 2, creator="fees"))
    assert book.namesakes("b") == 1
    book.update(chain.trade(curve, "b", "maker", SOL, buy=True))
    assert book.maker_sold("b") == 0.0
    book.update(chain.trade(curve, "b", "maker", curve.held["maker"] // 4, buy=False))
    assert book.maker_sold("b") == pytest.approx(0.25)
    book.update(chain.create("c", "other", symbol="Pepe", gap_ns=DAY_NS // 2 - 2 * S))
    assert book.namesakes("c") == 1, "a is a day older, to the nanosecond"
    assert book.symbol("a") == ""
    assert book.maker_sold("a") != book.maker_sold("a")
    twin = BirthBook()
    twin.restore(book.save())
    assert twin.save() == book.save()
    assert twin.symbol("b") == "pepe"


def test_settings_come_from_toml_and_a_misspelt_key_is_helped(tmp_path) -> None:
    path = tmp_path / "pump.toml"
    path.write_text('tracked_wallets = ["w"]\n[anti]\nwash_share = 0.4\n[genesis]\nmax_windows = 9\n')
    settings = PumpSettings.read(path)
    assert (settings.anti.wash_share, settings.genesis.max_windows, settings.tracked_wallets) == (0.4, 9, ("w",))
    assert settings.hash != PumpSettings().hash
    for text, said in (
        ("[anti]\nwash_shore = 0.4\n", "unknown key 'anti.wash_shore'; did you mean 'wash_share'"),
        ("[genesys]\n", "did you mean 'genesis'"),
        ("[anti]\nwash_share = 2\n", "key 'anti.wash_share' is not usable"),
        ("[anti\n", "is no TOML"),
    ):
        path.write_text(text)
        with pytest.raises(RecipeError, match=re.escape(said)):
            PumpSettings.read(path)
    with pytest.raises(RecipeError, match="cannot be read"):
        PumpSettings.read(tmp_path / "absent.toml")


@pytest.mark.parametrize("late_s", [200, 20])
def test_what_comes_late_hides_the_outcomes_of_its_token_and_of_no_other(pump, late_s) -> None:
    market = PumpMarket(PumpSettings.parse({"tracked_wallets": ["smart"]}, "test"))
    chain = pump.Chain()
    curves = {mint: pump.Curve() for mint in ("coin", "other")}
    handed = []
    for mint, curve in curves.items():
        handed += market.apply(chain.create(mint, "maker"))
        handed += market.apply(chain.trade(curve, mint, "smart", SOL, buy=True))
    handed += market.apply(chain.trade(curves["other"], "other", "a", SOL, buy=True, gap_ns=300 * S))
    late = chain.trade(curves["coin"], "coin", "a", SOL, buy=True)
    handed += market.apply(msgspec.structs.replace(late, event_ns=late.known_ns - late_s * S))
    handed += market.apply(chain.trade(curves["other"], "other", "b", SOL, buy=True, gap_ns=700 * S))
    rows = [e.values for e in handed if isinstance(e, Row) and e.table == "signal_outcomes"]
    signals = {e.values["signal_id"]: e.values["mint"] for e in handed if isinstance(e, Row) and e.table == "signals"}
    found = {signals[row["signal_id"]]: row for row in rows if row["horizon_s"] == 600 and row["signal_id"] in signals}
    assert found["other"]["observed"]
    assert found["coin"]["observed"] == (late_s == 20)
    assert ("was known only at" in (found["coin"]["reason"] or "")) == (late_s == 200)
    assert market.counts.late == (late_s == 200)
