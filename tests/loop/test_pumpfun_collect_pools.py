"""``alphaloop collect --pumpswap`` as a process: coins are followed into their pools, and only then."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import collect_case as case
import collect_command as command
import pump_case as pump
from alphaloop.markets.pumpfun.curve.fees import charge
from alphaloop.markets.pumpfun.curve.quotes import buy_exact_in
from alphaloop.markets.pumpfun.curve.reserves import Reserves
from alphaloop.markets.pumpfun.events import AmmTrade, AnyEvent, Complete, Create, Migration, Trade
from alphaloop.markets.pumpfun.outcomes.settings import OutcomeSettings
from alphaloop.markets.pumpfun.recording.replay import read_events
from alphaloop.markets.pumpfun.services.assembly import open_database
from alphaloop.markets.pumpfun.wire.encode import encode

chain_node = case.chain_node
SOL = 10**9
MINT, OTHER, POOL, CREATOR, TRACKED, WHALE, CROWD, ACCOUNT = chain_node.keys(8, first=900)


def settings_of(horizons_s: list[int]) -> dict[str, Any]:
    market = {"tracked_wallets": [TRACKED], "outcomes": {"horizons_s": horizons_s, "latency_s": 0.3}}
    found: dict[str, Any] = case.settings_of([TRACKED], market=market, snapshot_s=1.5, report_s=30.0)
    return found


@dataclass
class Pool:
    """A constant product, fees left aside."""

    base: int
    quote: int

    def swap(self, is_buy: bool, amount: int) -> tuple[int, int]:
        """Tokens and lamports that a trade moves: `amount` are lamports of a buy, tokens of a sale."""
        product = self.base * self.quote
        if is_buy:
            moved = self.base - -(-product // (self.quote + amount)), amount
            self.base, self.quote = self.base - moved[0], self.quote + amount
        else:
            moved = amount, self.quote - -(-product // (self.base + amount))
            self.base, self.quote = self.base + amount, self.quote - moved[1]
        return moved


@dataclass
class Chain:
    """What happens on the chain now, written as transactions on a node."""

    node: Any
    curves: dict[str, Any] = field(default_factory=lambda: {MINT: pump.Curve(), OTHER: pump.Curve()})
    pool: Pool = field(default_factory=lambda: Pool(206_900_000_000_000, 84_990_359_084))
    number: int = 0
    announce: bool = True

    def stamps(self) -> dict[str, Any]:
        return {
            "signature": "",
            "log_index": 0,
            "slot": 0,
            "event_ns": time.time_ns() // SOL * SOL,
            "known_ns": 0,
        }

    async def send(self, *events: AnyEvent) -> None:
        """Put events into one transaction."""
        self.number += 1
        pool = tuple(encode(event) for event in events if isinstance(event, AmmTrade))
        data = tuple(encode(event) for event in events if not isinstance(event, AmmTrade))
        slot = 1_000 + time.time_ns() // (400 * 10**6) % 10**6
        await self.node.add(chain_node.Tx(chain_node.signature(self.number), slot, data, pool=pool))

    def create(self, mint: str) -> Create:
        return Create(
            **self.stamps(),
            mint=mint,
            name="Coin",
            symbol="C",
            uri="",
            bonding_curve=ACCOUNT,
            user=CREATOR,
            creator=CREATOR,
            virtual_sol=30 * SOL,
            virtual_token=1_073_000_000_000_000,
            real_token=793_100_000_000_000,
            supply=10**15,
        )

    def buy(self, mint: str, wallet: str, lamports: int) -> Trade:
        curve = self.curves[mint]
        lamports, tokens = curve.buy(wallet, lamports)
        return Trade(
            **self.stamps(),
            mint=mint,
            wallet=wallet,
            is_buy=True,
            sol_amount=lamports,
            token_amount=tokens,
            virtual_sol=curve.virtual_sol,
            virtual_token=curve.virtual_token,
            real_sol=curve.real_sol,
            real_token=curve.real_token,
            fee=lamports * 95 // 10_000,
            creator_fee=lamports * 30 // 10_000,
            creator=CREATOR,
        )

    def complete(self) -> Complete:
        return Complete(**self.stamps(), mint=MINT, user=WHALE, bonding_curve=ACCOUNT)

    def migrate(self) -> Migration:
        return Migration(
            **self.stamps(),
            mint=MINT,
            user=WHALE,
            bonding_curve=ACCOUNT,
            pool=POOL,
            token_amount=self.pool.base,
            sol_amount=self.pool.quote,
            migration_fee=15_000_001,
        )

    def swap(self, is_buy: bool, amount: int) -> AmmTrade:
        before = self.pool.base, self.pool.quote
        tokens, lamports = self.pool.swap(is_buy, amount)
        return AmmTrade(
            **self.stamps(),
            mint="",
            pool=POOL,
            wallet=CROWD,
            is_buy=is_buy,
            token_amount=tokens,
            sol_amount=lamports,
            pool_base_before=before[0],
            pool_quote_before=before[1],
        )


def prices(folder: Path) -> list[tuple[int, float, tuple[int, int]]]:
    """When the followed coin had which price, by the recording: (known, SOL per token, pool's reserves or zeros)."""
    found = []
    for event in read_events(folder / "recording"):
        if isinstance(event, Trade) and event.mint == MINT:
            found.append((event.known_ns, (event.virtual_sol / 1e9) / (event.virtual_token / 1e6), (0, 0)))
        elif isinstance(event, Migration):
            found.append(
                (
                    event.known_ns,
                    (event.sol_amount / 1e9) / (event.token_amount / 1e6),
                    (event.token_amount, event.sol_amount),
                )
            )
        elif isinstance(event, AmmTrade):
            sign = 1 if event.is_buy else -1
            after = (
                event.pool_base_before - sign * event.token_amount,
                event.pool_quote_before + sign * event.sol_amount,
            )
            found.append((event.known_ns, (after[1] / 1e9) / (after[0] / 1e6), after))
    return found


def outcomes(folder: Path, horizons_s: list[int]) -> tuple[dict[str, Any], dict[int, dict[str, Any]]]:
    with open_database(f"sqlite:///{folder / 'pumpfun.db'}") as records:
        case.require_same(folder, records, [TRACKED], settings_of(horizons_s))
        signal = records.select("signals", {"wallet": TRACKED})[0]
        rows = records.select("signal_outcomes", {"signal_id": signal["signal_id"]})
    found = {row["horizon_s"]: row for row in rows}
    assert sorted(found) == horizons_s
    return signal, found


def require_the_pools_price(folder: Path, horizons_s: list[int]) -> None:
    """Every horizon was observed, and says what anybody computes from the recording."""
    signal, found = outcomes(folder, horizons_s)
    terms, decided = OutcomeSettings(), signal["known_ns"]
    seen = prices(folder)
    entry = next(event for event in read_events(folder / "recording") if event.known_ns == decided)
    reserves = Reserves(entry.virtual_token, entry.virtual_sol, entry.real_token, entry.real_sol)
    quote = buy_exact_in(reserves, round(terms.size_sol * SOL), terms.fees)
    cost = quote.total + round(terms.network_sol * SOL)
    for horizon_s, row in found.items():
        end = decided + horizon_s * SOL
        inside = [(price, pool) for known, price, pool in seen if decided < known <= end]
        assert row["observed"]
        assert not row["reason"]
        assert row["raw_multiple"] == max(price for price, _ in inside) / signal["price"]
        assert row["final_price"] == inside[-1][0]
        pools = [pool for _, pool in inside if pool[0]]
        if pools:
            gross = [quote.token_amount * sol // (token + quote.token_amount) for token, sol in pools]
            net = [each - charge(each, terms.pool_fee_bps) for each in gross]
            assert row["tradable_multiple"] == max(net) / cost
            assert row["final_multiple"] == net[-1] / cost
    longest, shortest = found[horizons_s[-1]], found[horizons_s[0]]
    assert shortest["raw_multiple"] < 2 < 10 < longest["raw_multiple"]
    assert longest["final_price"] < longest["raw_multiple"] * signal["price"] / 2


def require_no_outcome(folder: Path, horizons_s: list[int]) -> None:
    """What ended before the graduation was observed; what goes beyond it is missing, and nothing stands for it."""
    signal, found = outcomes(folder, horizons_s)
    events = list(read_events(folder / "recording"))
    graduated_ns = next(event.known_ns for event in events if isinstance(event, Complete))
    curve = [price for known, price, pool in prices(folder) if known > signal["known_ns"] and not pool[0]]
    for row in found.values():
        before = row["resolved_ns"] < graduated_ns
        assert row["observed"] is before
        assert row["graduated"] is not before
        assert ("no trade of the pool was recorded" in row["reason"]) is not before
        for value in ("raw_multiple", "tradable_multiple", "final_price", "final_multiple", "peak_ns"):
            assert (row[value] is not None) is before
        assert row["least_raw"] >= (1.0 if before else max(curve) / signal["price"])
    assert not found[horizons_s[-1]]["observed"]
    assert found[horizons_s[0]]["observed"]
    assert not any(isinstance(event, AmmTrade) for event in events)


def follow(folder: Path, horizons_s: list[int], *, kill: bool) -> None:
    """A coin's life, from its creation to the longest horizon after a signal, seen by a process with pools and one
    without.
    """
    settings, node = settings_of(horizons_s), chain_node.ChainNode()

    async def test() -> None:
        async with node, command.Collectors() as processes:
            keys = command.endpoint_file(
                folder / "keys.toml",
                {"name": "node", "ws_url": node.ws_url, "http_url": node.http_url, "requests_per_s": 5_000},
            )
            chain = Chain(node)
            curve_only = await processes.start(folder / "curve", settings, endpoints=keys)
            both = await processes.start(folder / "both", settings, "--pumpswap", endpoints=keys)
            await node.granted(2, timeout_s=120)
            await node.subscribed(2, timeout_s=120)
            await chain.send(chain.create(MINT), chain.buy(MINT, CREATOR, SOL))
            await chain.send(chain.create(OTHER))
            await chain.send(chain.buy(MINT, TRACKED, SOL // 2))
            await recorded(folder, node)
            decided = time.monotonic()

            async def at(seconds: float, *events: AnyEvent) -> None:
                await asyncio.sleep(decided + seconds - time.monotonic())
                await chain.send(*events)

            await at(0.6, chain.buy(MINT, CROWD, 2 * SOL))
            await at(1.2, chain.buy(OTHER, CROWD, SOL))
            await chain.send(chain.buy(MINT, WHALE, 100 * SOL), chain.complete())
            await chain.send(chain.migrate())
            await chain.send(chain.swap(True, 10 * SOL))
            # Both programs in one transaction, as those who arbitrage send them.
            await chain.send(chain.buy(OTHER, CROWD, SOL), chain.swap(True, 5 * SOL))
            if kill:
                await both.kill()
            await chain.send(chain.swap(False, 10**12))
            await chain.send(chain.buy(OTHER, CROWD, SOL), chain.swap(True, SOL))
            if kill:
                both = await processes.start(folder / "both", settings, "--pumpswap", endpoints=keys)
                await both.until("gap_filled")
            await chain.send(chain.swap(True, 40 * SOL))
            await chain.send(chain.swap(False, 10**14))
            await recorded(folder, node)
            await at(horizons_s[-1] + 0.5, chain.buy(OTHER, CROWD, SOL))
            await recorded(folder, node)
            results = [await process.stop() for process in (both, curve_only)]
            assert results[1]["intake"]["unfollowed"] == 2
            # Its pools would fall silent, as if their coins were dead.
            without = await processes.start(folder / "both", settings, endpoints=keys)
            assert (await without.end())[0] == 2
            assert "give --pumpswap again" in without.text

    case.run(test, 400)
    require_the_pools_price(folder / "both", horizons_s)
    require_no_outcome(folder / "curve", horizons_s)


async def recorded(folder: Path, node: Any, timeout_s: float = 60.0) -> None:
    """Wait until both processes have on disk what they follow."""
    limit = time.monotonic() + timeout_s
    wanted = {
        "both": sum(len(tx.data) + len(tx.pool) for tx in node.chain),
        "curve": sum(len(tx.data) for tx in node.chain),
    }
    for name, count in wanted.items():
        while len(case.recording(folder / name)) < count:
            assert time.monotonic() < limit, f"{name}: {len(case.recording(folder / name))} of {count} events"
            await asyncio.sleep(0.02)


def test_a_coin_is_followed_into_its_pool_and_only_with_the_pools_program(tmp_path: Path) -> None:
    follow(tmp_path, [1, 3, 8], kill=False)


@pytest.mark.slow
def test_what_the_pool_did_while_the_process_was_dead_is_filled_in(tmp_path: Path) -> None:
    follow(tmp_path, [1, 20, 40], kill=True)
