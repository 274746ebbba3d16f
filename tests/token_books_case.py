"""Small markets for tests of the books of tokens: events at the ends of windows, the books, and their clock."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from alphaloop.markets.pumpfun.books.bundles import BundleBook, BundleSettings
from alphaloop.markets.pumpfun.books.candles import CandleBook
from alphaloop.markets.pumpfun.books.crowding import CrowdingBook, CrowdingSettings
from alphaloop.markets.pumpfun.books.lifecycle import LifecycleBook, LifecycleSettings
from alphaloop.markets.pumpfun.books.regime import RegimeBook, RegimeSettings
from alphaloop.markets.pumpfun.books.tokens import TokenBook, TokenSettings
from alphaloop.markets.pumpfun.books.washing import WashBook
from alphaloop.markets.pumpfun.events import Complete, Create, Trade

S = 1_000_000_000
START_NS = 1_750_000_020 * S
TRACKED = ("w0", "w1", "w2")
GAPS_NS = (1, 400_000_000, S, 5 * S - 1, 5 * S, 17 * S, 60 * S - 1, 60 * S, 60 * S + 1, 300 * S, 301 * S, 4_000 * S)
WEIGHTS = (30, 10, 10, 5, 5, 5, 1, 1, 1, 1, 1, 1)

_action = st.tuples(
    st.sampled_from([gap for gap, weight in zip(GAPS_NS, WEIGHTS, strict=True) for _ in range(weight)]),
    st.sampled_from(["buy"] * 12 + ["sell"] * 9 + ["create"] * 2 + ["complete", "foreign"]),
    st.integers(0, 3),
    st.integers(0, 7),
    st.sampled_from([S // 10, S // 10, S // 2, S, 7 * S]),
)
actions = st.one_of(st.lists(_action, min_size=1, max_size=30), st.lists(_action, min_size=90, max_size=140))
"""Few actions for counterexamples that can be read, many for long histories."""


def market(drawn):
    """Events of four tokens and eight wallets; times fall on the ends of windows often."""
    known_ns, curves, events = START_NS, {}, []
    for number, (gap_ns, kind, token, wallet, lamports) in enumerate(drawn):
        known_ns += gap_ns
        stamps = {"signature": f"s{number}", "log_index": 0, "slot": number, "event_ns": known_ns, "known_ns": known_ns}
        mint, curve = f"m{token}", curves.setdefault(token, [30 * S, 1_073_000_000_000_000, 0, 793_100_000_000_000])
        if kind == "create":
            if any(isinstance(e, Create) and e.mint == mint for e in events):
                continue
            text = dict.fromkeys(("name", "symbol", "uri", "bonding_curve", "user", "creator"), "x")
            stock = {"virtual_sol": 30 * S, "virtual_token": 1_073_000_000_000_000, "real_token": 793_100_000_000_000}
            events.append(Create(mint=mint, supply=10**15, **stamps, **text, **stock))
        elif kind == "complete":
            events.append(Complete(mint=mint, user="u", bonding_curve="b", **stamps))
        else:
            buy = kind != "sell" or curve[2] < S // 100
            paid = lamports if buy else min(lamports, curve[2])
            after = curve[1] * curve[0] // (curve[0] + (paid if buy else -paid))
            tokens = abs(curve[1] - after)
            quote = {"quote_mint": "USDC"} if kind == "foreign" else {}
            if not quote:
                sign = 1 if buy else -1
                curve[:] = [curve[0] + sign * paid, after, curve[2] + sign * paid, curve[3] - sign * tokens]
            names = ("virtual_sol", "virtual_token", "real_sol", "real_token")
            given_ = {"wallet": f"w{wallet}", "is_buy": buy, "sol_amount": paid, "token_amount": tokens}
            events.append(Trade(mint=mint, **stamps, **given_, **quote, **dict(zip(names, curve, strict=True))))
    return events


def is_tracked(wallet):
    return wallet in TRACKED


def shelf(pack_after_s=301, wash=None, bundles=None):
    tokens = TokenBook(TokenSettings(pack_after_s=pack_after_s))
    return [
        tokens,
        CandleBook(),
        LifecycleBook(EAGER, tokens, is_tracked),
        BundleBook(bundles or BundleSettings(), tokens),
        WashBook(wash),
        CrowdingBook(CrowdingSettings(), tokens, is_tracked),
        RegimeBook(RegimeSettings(average_after_s=1_200)),
    ]


EAGER = LifecycleSettings(momentum_buys=3, momentum_new_buyers=1, euphoria_buys=3, euphoria_sol=2.0, euphoria_rise=0.1)


class Feed:
    """Feeds books in order and fires their timers; `known` grows with the events that they have seen."""

    def __init__(self, books):
        self.books, self.known, self.due = books, [], None

    def __call__(self, event):
        if self.due is None:
            self.due = [(event.known_ns // (b.every_s * S) + 1) * b.every_s * S for b in self.books]
        while min(self.due) <= event.known_ns:
            now_ns = min(self.due)
            for at, book in enumerate(self.books):
                if self.due[at] == now_ns:
                    book.run(now_ns)
                    self.due[at] += book.every_s * S
                    yield now_ns, book
        for book in self.books:
            book.update(event)
        self.known.append(event)
        yield event.known_ns, None

    def all(self, events):
        for event in events:
            for _ in self(event):
                pass
        return self


def same(left, right):
    return left == right or (math.isnan(left) and math.isnan(right))


def trades(known, mint, after_ns=-1, until_ns=1 << 62):
    own = (e for e in known if isinstance(e, Trade) and e.mint == mint and not e.quote_mint)
    return [e for e in own if after_ns < e.known_ns <= until_ns]


def born(known, mint):
    """Known time of the creation if it was the first event of the token."""
    first = next((e for e in known if e.mint == mint and not getattr(e, "quote_mint", "")), None)
    return first.known_ns if isinstance(first, Create) else None
