"""Outcomes against a second road: every event kept, every interval cut out and looked through from its beginning."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.curve.quotes import buy_exact_in, sell
from alphaloop.markets.pumpfun.curve.reserves import START
from alphaloop.markets.pumpfun.events import AmmTrade, Complete, Create, Migration, Trade
from alphaloop.markets.pumpfun.outcomes.peaks import PeakBook
from alphaloop.markets.pumpfun.outcomes.settings import OutcomeSettings

T0 = 1_760_000_000 * NS_PER_S
SETTINGS = OutcomeSettings(horizons_s=(30, 100, 400), dead_after_s=40, remember_s=2_000)
SIZE, NETWORK = 100_000_000, 234_000


@dataclass(frozen=True)
class Signal:
    name: str
    mint: str
    known_ns: int
    price: float


steps = st.lists(
    st.tuples(
        st.sampled_from([200_000_000, 900_000_000, 1_000_000_000, 5_000_000_000, 29_000_000_000, 61_000_000_000]),
        st.sampled_from(["A", "B"]),
        st.sampled_from(["buy", "buy", "buy", "sell", "complete", "migrate", "swap"]),
        st.floats(0.01, 12.0),
        st.booleans(),
    ),
    min_size=1,
    max_size=60,
)


def market(drawn):
    """Events and signals of two tokens; a token that is complete trades no more on its curve."""
    events, signals, state, now = [], [], {}, T0
    for place, mint in enumerate("AB"):
        now += 1
        state[mint] = START
        events.append(create(now, mint))
        state[f"{mint} done"] = 0
        del place
    for number, (wait, mint, what, size, signalled) in enumerate(drawn):
        now += wait
        done, key = state[f"{mint} done"], {"signature": f"e{number}", "log_index": 0, "slot": 1}
        times = {"event_ns": now, "known_ns": now}
        if what in ("buy", "sell") and not done:
            event = trade(state, mint, what, size, {**key, **times})
            events.append(event)
            if signalled:
                signals.append((event, Signal(f"s{number}", mint, now, event.price)))
        elif what == "complete" and not done:
            state[f"{mint} done"] = 1
            events.append(Complete(mint=mint, user="u", bonding_curve="b", **key, **times))
        elif what == "migrate" and done == 1:
            state[f"{mint} done"] = 2
            pool = {"pool": f"P{mint}", "token_amount": 206_900_000_000_000, "sol_amount": 84_990_359_084}
            events.append(Migration(mint=mint, user="u", bonding_curve="b", migration_fee=1, **pool, **key, **times))
        elif what == "swap" and done == 2:
            # After a long silence a pool that is not as its last trade left it says that trades were missed.
            base = state.get(f"{mint} pool", 206_900_000_000_000)
            state[f"{mint} pool"] = base - 10**12 if signalled else base + 10**12
            before = {"pool_base_before": base, "pool_quote_before": round(20e9 * (1 + size))}
            events.append(
                AmmTrade(
                    mint="", pool=f"P{mint}", wallet="w", is_buy=signalled, token_amount=10**12, sol_amount=10**9,
                    virtual_quote=-(10**9) if number % 3 else 17_584_505_294, **before, **key, **times,
                )
            )  # fmt: skip
        else:
            events.append(create(now, f"other{number}"))
    return events, signals, now


def create(now, mint):
    return Create(
        signature=f"c{now}", log_index=0, slot=1, event_ns=now, known_ns=now, mint=mint, name="", symbol="", uri="",
        bonding_curve="b", user="u", creator="c", virtual_sol=START.virtual_sol, virtual_token=START.virtual_token,
        real_token=START.real_token, supply=10**15,
    )  # fmt: skip


def trade(state, mint, what, size, rest):
    before = state[mint]
    sold = START.real_token - before.real_token
    if what == "sell" and sold:
        quote = sell(before, max(int(sold * min(size / 12.0, 1.0)), 1))
    else:
        quote, what = buy_exact_in(before, round(size * 1e9), partial_fill=True), "buy"
        if quote.after.real_token < 10**12:
            quote, what = sell(before, sold // 2), "sell"
    after = state[mint] = quote.after
    return Trade(
        mint=mint, wallet="w", is_buy=what == "buy", sol_amount=quote.sol_amount, token_amount=quote.token_amount,
        virtual_sol=after.virtual_sol, virtual_token=after.virtual_token, real_sol=after.real_sol,
        real_token=after.real_token, **rest,
    )  # fmt: skip


def run(events, signals, now, stop_at=None):
    book = PeakBook(SETTINGS)
    found = []
    due = {id(event): signal for event, signal in signals}
    for number, event in enumerate([*events, create(now + 10_000 * NS_PER_S, "last")]):
        book.update(event)
        if id(event) in due:
            signal = due[id(event)]
            book.open(signal.name, "signal", signal.mint, signal.known_ns, signal.price)
        if number == stop_at:
            state = book.save()
            book = PeakBook(SETTINGS)
            book.restore(state)
        found += book.drain()
    assert book.following == 0
    return found


@given(steps)
@settings(max_examples=150, deadline=None)
def test_outcomes_equal_those_of_a_look_through_all_events(drawn):
    events, signals, now = market(drawn)
    found = {(outcome.signal_id, outcome.horizon_s): outcome for outcome in run(events, signals, now)}
    assert len(found) == 3 * len(signals)
    for _, signal in signals:
        own = [
            event for event in events if event.mint == signal.mint or getattr(event, "pool", "") == f"P{signal.mint}"
        ]
        for horizon_s in SETTINGS.horizons_s:
            compare(found[signal.name, horizon_s], signal, own, horizon_s)


def compare(outcome, signal, own, horizon_s):
    end = signal.known_ns + horizon_s * NS_PER_S
    seen = [event for event in own if event.known_ns <= end]
    inside = [event for event in seen if event.known_ns > signal.known_ns]
    completed = next((event.known_ns for event in seen if isinstance(event, Complete)), None)
    swapped = any(isinstance(event, AmmTrade) for event in seen)
    prices = [(price_of(event), -event.known_ns) for event in inside if price_of(event) is not None]
    high, when = max([*prices, (signal.price, -signal.known_ns)])
    assert outcome.least_raw == high / signal.price
    assert outcome.graduated == (completed is not None)
    assert outcome.observed == (completed is None or completed == end or swapped)
    if outcome.observed:
        assert outcome.raw_multiple == outcome.least_raw
        assert outcome.peak_ns == -when
        assert outcome.final_price == last_price(seen)
    compare_trade(outcome, signal, own, seen)
    assert outcome.died_ns == death(signal, seen, end, completed, swapped)


def compare_trade(outcome, signal, own, seen):
    arrives = signal.known_ns + NS_PER_S
    before = [event for event in own if event.known_ns <= arrives]
    if any(isinstance(event, Complete) for event in before):
        assert outcome.entry_price is None
        assert outcome.least_tradable is None
        return
    curve = [event for event in before if isinstance(event, Trade)][-1]
    quote = buy_exact_in(reserves_of(curve), SIZE)
    cost = quote.total + NETWORK
    sales = [sell(reserves_of(curve), quote.token_amount).total]
    sales += [
        value
        for event in seen
        if event.known_ns > arrives and (value := sale_of(event, quote.token_amount)) is not None
    ]
    assert outcome.least_tradable == max(sales) / cost
    if outcome.observed:
        assert outcome.tradable_multiple == outcome.least_tradable
        later = [sale_of(event, quote.token_amount) for event in seen if event.known_ns > arrives]
        known = [value for value in later if value is not None]
        stuck = isinstance(seen[-1], Complete)
        assert outcome.final_multiple == (None if stuck else (known[-1] if known else sales[0]) / cost)


def reserves_of(event):
    from alphaloop.markets.pumpfun.curve.reserves import Reserves

    return Reserves(event.virtual_token, event.virtual_sol, event.real_token, event.real_sol)


def pool_after(event):
    if isinstance(event, Migration):
        return event.token_amount, event.sol_amount
    sign = 1 if event.is_buy else -1
    return event.pool_base_before - sign * event.token_amount, event.priced_before + sign * event.sol_amount


def sale_of(event, tokens):
    if isinstance(event, Trade):
        return sell(reserves_of(event), tokens).total
    if isinstance(event, Migration | AmmTrade):
        base, quote = pool_after(event)
        gross = tokens * quote // (base + tokens)
        return gross - -(-gross * 125 // 10_000)
    return None


def price_of(event):
    if isinstance(event, Trade):
        return event.price
    if isinstance(event, Migration | AmmTrade):
        base, quote = pool_after(event)
        return (quote / 1e9) / (base / 1e6)
    return None


def last_price(seen):
    return [price for event in seen if (price := price_of(event)) is not None][-1]


def death(signal, seen, end, completed, swapped):
    """The first silence of forty seconds that ends after the signal, while the token could be seen."""
    until = end if completed is None or swapped else completed
    signs = [event for event in seen if not isinstance(event, Complete) and event.known_ns <= until]
    for sign, following in zip(signs, [*signs[1:], None], strict=True):
        died = sign.known_ns + 40 * NS_PER_S
        # Nothing can be traded between curve and pool, so that silence there is no death.
        waits = isinstance(following, Migration) and completed is not None and died > completed
        if died > signal.known_ns and died <= until and not waits and (following is None or died < following.known_ns):
            return died
    return None


@given(steps, st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_a_restart_changes_nothing(drawn, stop_at):
    events, signals, now = market(drawn)
    assert run(events, signals, now) == run(events, signals, now, stop_at)
