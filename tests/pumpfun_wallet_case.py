"""A small, dense market for the tests of the wallet books, and the clock that drives them."""

from __future__ import annotations

import random

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.books.intelligence import Intelligence, IntelligenceSettings
from alphaloop.markets.pumpfun.events import AmmTrade, AnyEvent, Complete, Create, Trade

START_NS = 1_780_000_123 * NS_PER_S

# Short memories, so that a stream of some hours passes through every kind of forgetting.
QUICK = IntelligenceSettings.model_validate(
    {
        "wallets": {
            "every_s": 60,
            "coin_idle_s": 1200,
            "graduated_keep_s": 1500,
            "wallet_idle_s": 7200,
            "recent_buys": 7,
            "recent_entries": 6,
            "recent_trips": 5,
            "recent_entrances": 5,
            "judged_from_buys": 2,
        },
        "bots": {
            "every_s": 120,
            "memory_s": 900,
            "fast_entries": 5,
            "fast_window_s": 120,
            "micro_buys": 6,
            "flip_trips": 3,
        },
        "alpha": {"every_s": 120, "tokens": 3, "full_tokens": 12},
        "discovery": {"every_s": 120, "early_buyers": 4, "promote_alpha": 35, "drop_alpha": 20, "max_candidates": 12},
        "creators": {
            "every_s": 300,
            "dead_after_s": 400,
            "rug_within_s": 300,
            "rug_share": 0.002,
            "creator_idle_s": 86_400,
        },
        "graph": {"every_s": 300, "min_entries": 2, "first_s": 3600, "edge_idle_s": 5400},
        "clusters": {"every_s": 300, "strong_cobuys": 2, "max_cluster": 6},
        "copying": {"every_s": 120, "min_copies": 2, "consistency": 0.7},
        "operators": {"every_s": 300, "min_signs": 2, "turn_s": 3600},
        "decay": {
            "every_s": 300,
            "delays_s": [1, 2, 5, 10, 20, 40, 80, 160],
            "horizon_s": 400,
            "min_entries": 2,
            "follow_alpha": 30,
        },
    }
)


class Clockwork:
    """Calls the books' runs as the market does: at whole multiples since the epoch, before the event."""

    def __init__(self, intelligence: Intelligence) -> None:
        self.intelligence = intelligence
        self.due: list[int] | None = None

    def feed(self, event: AnyEvent) -> None:
        books = self.intelligence.books
        every = [(book.every_s or 0) * NS_PER_S for book in books]
        if self.due is None:
            self.due = [-(-event.known_ns // each) * each for each in every]
        while min(self.due) <= event.known_ns:
            now = min(self.due)
            for index, book in enumerate(books):
                if self.due[index] == now:
                    book.run(now)
                    self.due[index] += every[index]
        for book in books:
            book.update(event)


class Market:
    """Events of a few wallets and coins, in no sensible proportion; the same for the same seed."""

    def __init__(self, seed: int, *, wallets: int = 12, coins: int = 9) -> None:
        self.random = random.Random(seed)
        self.now = START_NS
        self.count = 0
        self.wallets = [f"wallet-{index}" for index in range(wallets)]
        self.coins = [f"mint-{index}" for index in range(coins)]
        self.made: dict[str, str] = {}
        self.reserves = dict.fromkeys(self.coins, (30000000000, 1073000000000000))
        self.held: dict[tuple[str, str], int] = {}

    def events(self, count: int) -> list[AnyEvent]:
        """`count` events; mostly seconds apart, now and then most of an hour."""
        return [self._next() for _ in range(count)]

    def identity(self, mint: str) -> dict[str, object]:
        pick = self.random.random() * (0.4 if mint in self.made and self.random.random() < 0.2 else 1.0)
        step = 0.05 if pick < 0.3 else 3.0 if pick < 0.93 else 120.0 if pick < 0.99 else 3000.0
        self.now += 1 + int(self.random.random() * step * NS_PER_S)
        self.count += 1
        return {
            "signature": f"s{self.count}",
            "log_index": self.count % 3,
            "slot": self.now // 400_000_000,
            "event_ns": self.now // NS_PER_S * NS_PER_S,
            "known_ns": self.now,
            "mint": mint,
        }

    def _next(self) -> AnyEvent:
        mint, pick = self.random.choice(self.coins), self.random.random()
        if mint not in self.made and pick < 0.5:
            self.made[mint] = self.random.choice(self.wallets[:3])
            return Create(
                **self.identity(mint),
                name="n",
                symbol="s",
                uri="",
                bonding_curve="b",
                user=self.made[mint],
                creator=self.made[mint],
                virtual_sol=30_000_000_000,
                virtual_token=1_073_000_000_000_000,
                real_token=793_100_000_000_000,
                supply=1_000_000_000_000_000,
            )
        if pick < 0.02:
            return Complete(**self.identity(mint), user="u", bonding_curve="b")
        wallet = self.random.choice(self.wallets)
        if self.made.get(mint) and self.random.random() < 0.2:
            wallet = self.made[mint]
        if pick < 0.06:
            return AmmTrade(
                **self.identity(mint),
                pool="p",
                wallet=wallet,
                is_buy=pick < 0.03,
                token_amount=1 + int(self.random.random() * 10**12),
                sol_amount=int(self.random.random() * 10**9),
                pool_base_before=1,
                pool_quote_before=1,
            )
        return self._trade(mint, wallet, foreign=0.06 <= pick < 0.08)

    def _trade(self, mint: str, wallet: str, *, foreign: bool) -> Trade:
        sol, token = self.reserves[mint]
        held = self.held.get((mint, wallet), 0)
        buy = self.random.random() < (0.35 if held else 0.9)
        if buy:
            amount = self.random.choice((10_000_000, 100_000_000, 1 + int(self.random.random() * 2_000_000_000)))
            units = token - sol * token // (sol + amount)
            sol, token = sol + amount, token - units
        else:
            part = self.random.choice((1.0, 1.0, 0.995, 0.5, 0.1, 1.4))
            units = max(1, int(held * part)) if held else 1_000_000
            amount = sol - sol * token // (token + units)
            sol, token = sol - amount, token + units
        if not foreign:
            self.reserves[mint] = sol, token
            self.held[mint, wallet] = held + units if buy else max(0, held - units)
        return Trade(
            **self.identity(mint),
            wallet=wallet,
            is_buy=buy,
            sol_amount=amount,
            token_amount=units,
            virtual_sol=sol,
            virtual_token=token,
            real_sol=max(0, sol - 30_000_000_000),
            real_token=token,
            fee=amount * 95 // 10_000,
            creator_fee=amount * 30 // 10_000,
            creator=self.made.get(mint, ""),
            quote_mint="other" if foreign else "",
        )


def answers(intelligence: Intelligence, market: Market) -> list[object]:
    """Everything that the facade says of the market's wallets and coins now."""
    now, found = market.now, []
    for wallet in market.wallets:
        found += [
            *intelligence.wallet(wallet, now).values(),
            *intelligence.creator(wallet, now).values(),
            *intelligence.social(wallet, market.coins[0], now).values(),
            intelligence.follower_weight(wallet),
            intelligence.operator(wallet),
            intelligence.is_tracked(wallet),
        ]
    return [*found, *intelligence.buyers([(wallet, 0.5) for wallet in market.wallets], now).values()]


# Single events

T0 = 1_780_000_200 * NS_PER_S
SOL = 1_000_000_000


def at(seconds: float) -> dict[str, object]:
    ns = T0 + round(seconds * NS_PER_S)
    return {"signature": f"s{ns}", "log_index": 0, "slot": ns // 400_000_000, "event_ns": ns, "known_ns": ns}


def create(seconds: float, mint: str = "m", creator: str = "dev", **more: object) -> Create:
    return Create(
        **{
            **at(seconds),
            "mint": mint,
            "name": "n",
            "symbol": "s",
            "uri": "",
            "bonding_curve": "b",
            "user": creator,
            "creator": creator,
            "virtual_sol": 30 * SOL,
            "virtual_token": 1_073_000_000_000_000,
            "real_token": 793_100_000_000_000,
            "supply": 1_000_000_000_000_000,
            **more,
        }
    )


def trade(seconds: float, wallet: str, sol: float, tokens: int, *, mint: str = "m", **more: object) -> Trade:
    """A buy for positive `sol`, a sale for negative; without fees, at a price of 1e-7 SOL unless told otherwise."""
    return Trade(
        **{
            **at(seconds),
            "mint": mint,
            "wallet": wallet,
            "is_buy": sol > 0,
            "sol_amount": abs(round(sol * SOL)),
            "token_amount": tokens,
            "virtual_sol": 100 * SOL,
            "virtual_token": 1_000_000_000_000_000,
            "real_sol": 1,
            "real_token": 1,
            **more,
        }
    )


def price(sol_per_token: float) -> dict[str, int]:
    return {"virtual_sol": round(sol_per_token * 1e9 * SOL), "virtual_token": 1_000_000_000_000_000}


def complete(seconds: float, mint: str = "m") -> Complete:
    return Complete(**at(seconds), mint=mint, user="u", bonding_curve="b")


def sale_in_pool(seconds: float, wallet: str, sol: float, tokens: int) -> AmmTrade:
    return AmmTrade(
        **at(seconds),
        mint="m",
        pool="p",
        wallet=wallet,
        is_buy=False,
        token_amount=tokens,
        sol_amount=round(sol * SOL),
        pool_base_before=1,
        pool_quote_before=1,
    )
