"""A small market of random trades on exact curves: events for tests of Pump.fun's books, signals and audits."""

from __future__ import annotations

import numpy as np

from alphaloop.markets.pumpfun.events import AmmTrade, AnyEvent, Complete, Create, Trade

START_NS = 1_750_000_000_000_000_000
SOL = 1_000_000_000
WALLETS = [f"wallet{i:03d}" for i in range(60)]
TRACKED = tuple(WALLETS[:6])


class Curve:
    """Reserves of one coin."""

    def __init__(self) -> None:
        self.virtual_sol, self.virtual_token = 30 * SOL, 1_073_000_000_000_000
        self.real_sol, self.real_token = 0, 793_100_000_000_000
        self.held: dict[str, int] = {}

    def buy(self, wallet: str, lamports: int) -> tuple[int, int]:
        product = self.virtual_sol * self.virtual_token
        tokens = self.virtual_token - -(-product // (self.virtual_sol + lamports))
        if tokens > self.real_token:
            tokens = self.real_token
            lamports = -(-product // (self.virtual_token - tokens)) - self.virtual_sol
        self._move(wallet, lamports, tokens)
        return lamports, tokens

    def sell(self, wallet: str, tokens: int) -> tuple[int, int]:
        product = self.virtual_sol * self.virtual_token
        lamports = self.virtual_sol - -(-product // (self.virtual_token + tokens))
        self._move(wallet, -lamports, -tokens)
        return lamports, tokens

    def _move(self, wallet: str, lamports: int, tokens: int) -> None:
        self.virtual_sol += lamports
        self.real_sol += lamports
        self.virtual_token -= tokens
        self.real_token -= tokens
        self.held[wallet] = self.held.get(wallet, 0) + tokens


class Chain:
    """Makes events with rising known times and their own keys."""

    def __init__(self, start_ns: int = START_NS) -> None:
        self.known_ns = start_ns
        self.made = 0

    def stamps(self, gap_ns: int) -> dict:
        self.known_ns += max(gap_ns, 1)
        self.made += 1
        return {
            "signature": f"sig{self.made // 3:06d}",
            "log_index": self.made % 3,
            "slot": 1_000 + self.known_ns // 400_000_000,
            "event_ns": self.known_ns // SOL * SOL,
            "known_ns": self.known_ns,
        }

    def create(self, mint: str, user: str, gap_ns: int = SOL, **fields) -> Create:
        values = {
            "name": f"Coin {mint}",
            "symbol": mint[:4].upper(),
            "uri": f"ipfs://{mint}",
            "bonding_curve": f"curve-{mint}",
            "user": user,
            "creator": user,
            "virtual_sol": 30 * SOL,
            "virtual_token": 1_073_000_000_000_000,
            "real_token": 793_100_000_000_000,
            "supply": 1_000_000_000_000_000,
        }
        return Create(mint=mint, **self.stamps(gap_ns), **(values | fields))

    def trade(self, curve: Curve, mint: str, wallet: str, amount: int, *, buy: bool, gap_ns: int = SOL, **fields):
        lamports, tokens = curve.buy(wallet, amount) if buy else curve.sell(wallet, amount)
        values = {
            "wallet": wallet,
            "is_buy": buy,
            "sol_amount": lamports,
            "token_amount": tokens,
            "virtual_sol": curve.virtual_sol,
            "virtual_token": curve.virtual_token,
            "real_sol": curve.real_sol,
            "real_token": curve.real_token,
            "fee": lamports * 95 // 10_000,
            "creator_fee": lamports * 30 // 10_000,
        }
        return Trade(mint=mint, **self.stamps(gap_ns), **(values | fields))

    def complete(self, mint: str, user: str, gap_ns: int = 1) -> Complete:
        return Complete(mint=mint, user=user, bonding_curve=f"curve-{mint}", **self.stamps(gap_ns))

    def amm(self, mint: str, wallet: str, gap_ns: int = SOL) -> AmmTrade:
        return AmmTrade(
            mint=mint,
            pool=f"pool-{mint}",
            wallet=wallet,
            is_buy=True,
            token_amount=1_000_000,
            sol_amount=500,
            pool_base_before=200_000_000_000_000,
            pool_quote_before=85 * SOL,
            **self.stamps(gap_ns),
        )


def market_events(count: int, seed: int = 0, *, mean_gap_s: float = 0.6, launch_every: int = 40) -> list[AnyEvent]:
    """`count` events: launches with a maker's buy, crowds that come and go, graduations, foreign coins."""
    rng = np.random.default_rng(seed)
    chain, curves, names, events = Chain(), {}, [], []

    def gap() -> int:
        return int(rng.exponential(mean_gap_s) * SOL) if rng.random() < 0.98 else int(rng.exponential(60.0) * SOL)

    while len(events) < count:
        if not names or rng.random() < 1 / launch_every:
            mint = f"{'abcd'[rng.integers(4)]}oin{len(curves):04d}"
            maker = WALLETS[int(rng.integers(len(WALLETS)))]
            names.append(mint)
            curves[mint] = Curve()
            foreign = {"quote_mint": "USDC"} if rng.random() < 0.05 else {}
            events.append(chain.create(mint, maker, gap(), **foreign))
            if foreign:
                names.pop()
                continue
            if rng.random() < 0.8:
                events.append(
                    chain.trade(curves[mint], mint, maker, int(rng.lognormal(0, 1) * SOL), buy=True, gap_ns=1)
                )
            continue
        recent = names[-12:]
        mint = recent[int(len(recent) * rng.random() ** 0.5)]
        curve, wallet = curves[mint], WALLETS[int(len(WALLETS) * rng.random() ** 1.5)]
        held = curve.held.get(wallet, 0)
        if held and rng.random() < 0.45:
            part = held if rng.random() < 0.6 else max(held // 2, 1)
            events.append(chain.trade(curve, mint, wallet, part, buy=False, gap_ns=gap()))
        else:
            lamports = int(rng.lognormal(-1.0, 1.3) * SOL)
            events.append(chain.trade(curve, mint, wallet, max(lamports, 1_000), buy=True, gap_ns=gap()))
        if curve.real_token == 0:
            events.append(chain.complete(mint, wallet))
            names.remove(mint)
    return events[:count]
