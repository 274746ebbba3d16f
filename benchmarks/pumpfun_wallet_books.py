"""Speed and memory of the books about wallets, creators and relations, on a made-up stream of trades.

    python benchmarks/pumpfun_wallet_books.py 1000000 [--profile]

The stream has the shape that matters here, not the market's meaning: about 30 launches to 1,000 trades, lives of very
unequal length, a third of the buys by wallets never seen before, the rest by wallets of very unequal activity, 60 ms
between trades (ten million a week). Only the books are timed, in
seconds of the processor: events are made in blocks beforehand.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import random
import resource
import sys
from collections.abc import Iterator
from time import process_time

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.books.intelligence import Intelligence
from alphaloop.markets.pumpfun.events import AnyEvent, Complete, Create, Trade

START_NS = 1_780_000_000 * NS_PER_S
STEP_NS = 60_480_000
K = 30_000_000_000 * 1_073_000_000_000_000


class Curve:
    """A coin of the stream: its curve, its holders, and how many trades it will have."""

    __slots__ = ("creator", "held", "holders", "left", "mint", "sol", "token")

    def __init__(self, mint: str, creator: str, left: int) -> None:
        self.mint, self.creator, self.left = mint, creator, left
        self.sol, self.token = 30_000_000_000, 1_073_000_000_000_000
        self.holders: list[str] = []
        self.held: dict[str, int] = {}


class Stream:
    """The made-up stream; the same for the same seed."""

    def __init__(self, seed: int = 7) -> None:
        self.random = random.Random(seed)
        self.now = START_NS
        self.wallets: list[str] = []
        self.launches = 0
        self.count = 0
        self.live: list[Curve] = []

    def events(self, trades: int) -> Iterator[AnyEvent]:
        """Creations, trades and completions, `trades` trades in all."""
        for _ in range(trades):
            if len(self.live) < 150 or self.random.random() < 0.002:
                yield self._create()
            place = int(len(self.live) * self.random.random())
            curve = self.live[place]
            yield self._trade(curve)
            curve.left -= 1
            if curve.sol > 115_000_000_000:
                yield Complete(**self._identity(curve.mint), user=curve.creator, bonding_curve="curve", quote_mint="")
                curve.left = 0
            if curve.left <= 0:
                self.live[place] = self.live[-1]
                self.live.pop()

    def _identity(self, mint: str) -> dict[str, object]:
        self.count += 1
        self.now += int(self.random.expovariate(1.0) * STEP_NS) + 1
        return {
            "signature": f"signature-{self.count:012d}",
            "log_index": 0,
            "slot": self.now // 400_000_000,
            "event_ns": self.now // NS_PER_S * NS_PER_S,
            "known_ns": self.now,
            "mint": mint,
        }

    def _wallet(self) -> str:
        if not self.wallets or self.random.random() < 0.36:
            self.wallets.append(f"wallet-{len(self.wallets):037d}")
            return self.wallets[-1]
        return self.wallets[int(len(self.wallets) * self.random.random() ** 4)]

    def _create(self) -> Create:
        self.launches += 1
        mint = f"mint-{self.launches:039d}"
        creator = self._wallet()
        self.live.append(Curve(mint, creator, int(4 + self.random.paretovariate(1.1) * 6)))
        return Create(
            **self._identity(mint),
            name="n",
            symbol="s",
            uri="",
            bonding_curve="curve",
            user=creator,
            creator=creator,
            virtual_sol=30_000_000_000,
            virtual_token=1_073_000_000_000_000,
            real_token=793_100_000_000_000,
            supply=1_000_000_000_000_000,
        )

    def _trade(self, curve: Curve) -> Trade:
        buy = not curve.holders or self.random.random() < 0.55
        if buy:
            wallet = self._wallet()
            sol = int(self.random.choice((0.1, 0.2, 0.5, 1.0)) * NS_PER_S * (0.9 + 0.2 * self.random.random()))
            after = curve.sol + sol
            tokens = curve.token - K // after
            if wallet not in curve.held:
                curve.holders.append(wallet)
            curve.held[wallet] = curve.held.get(wallet, 0) + tokens
            curve.sol, curve.token = after, curve.token - tokens
        else:
            place = int(len(curve.holders) * self.random.random())
            wallet = curve.holders[place]
            held = curve.held[wallet]
            tokens = held if self.random.random() < 0.8 else held // 2
            after = curve.token + tokens
            sol = curve.sol - K // after
            curve.sol, curve.token = curve.sol - sol, after
            curve.held[wallet] = held - tokens
            if tokens == held:
                curve.holders[place] = curve.holders[-1]
                curve.holders.pop()
                del curve.held[wallet]
        return Trade(
            **self._identity(curve.mint),
            wallet=wallet,
            is_buy=buy,
            sol_amount=sol,
            token_amount=tokens,
            virtual_sol=curve.sol,
            virtual_token=curve.token,
            real_sol=curve.sol - 30_000_000_000,
            real_token=curve.token - 279_900_000_000_000,
            fee=sol * 95 // 10_000,
            creator_fee=sol * 30 // 10_000,
            creator=curve.creator,
        )


class Feeder:
    """Feeds events to the books and calls their runs when they are due, as the market does."""

    def __init__(self, intelligence: Intelligence) -> None:
        self.books = intelligence.books
        self.due = [0] * len(self.books)
        self.next = 0
        self.slowest_run_s = 0.0

    def feed(self, events: list[AnyEvent]) -> None:
        updates = [book.update for book in self.books]
        for event in events:
            if event.known_ns >= self.next:
                self._run(event.known_ns)
            for update in updates:
                update(event)

    def _run(self, now_ns: int) -> None:
        for index, book in enumerate(self.books):
            every = (book.every_s or 0) * NS_PER_S
            if every and now_ns >= self.due[index]:
                if self.due[index]:
                    begun = process_time()
                    book.run(now_ns // every * every)
                    self.slowest_run_s = max(self.slowest_run_s, process_time() - begun)
                self.due[index] = (now_ns // every + 1) * every
        self.next = min(due for due in self.due if due)


def rss_mib() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 2**20


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("trades", type=int)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    stream, intelligence = Stream(), Intelligence()
    feeder, profile = Feeder(intelligence), cProfile.Profile()
    before, seconds, events, done = rss_mib(), 0.0, 0, 0
    while done < arguments.trades:
        block = list(stream.events(min(20_000, arguments.trades - done)))
        done += min(20_000, arguments.trades - done)
        if arguments.profile:
            profile.enable()
        begun = process_time()
        feeder.feed(block)
        seconds += process_time() - begun
        profile.disable()
        events += len(block)
        if done % 1_000_000 == 0:
            print(report(stream, intelligence, feeder, done, seconds, rss_mib() - before), flush=True)
    print(report(stream, intelligence, feeder, done, seconds, rss_mib() - before))
    if arguments.profile:
        pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(30)


def report(stream: Stream, intelligence: Intelligence, feeder: Feeder, trades: int, seconds: float, mib: float) -> str:
    wallets, graph = intelligence.wallets.state, intelligence.graph.state
    return json.dumps(
        {
            "trades": trades,
            "us_per_trade": round(seconds / trades * 1e6, 2),
            "slowest_run_s": round(feeder.slowest_run_s, 3),
            "rss_with_stream_mib": round(mib),
            "launches": stream.launches,
            "wallets": len(wallets.wallets),
            "coins": len(wallets.coins),
            "edges": len(graph.edges),
            "first": len(graph.first) + len(graph.first_before),
            "clusters": len(intelligence.clusters.state.clusters),
            "scores": len(intelligence.alpha.state.scores),
            "bots": len(intelligence.bots.state.until_ns),
            "tracked": len(intelligence.discovery.tracked),
            "copy_pairs": len(intelligence.copying.state.pairs),
            "operators": len(intelligence.operators.state.wallets),
            "curves": len(intelligence.decay.state.curves),
            "creators": len(intelligence.creators.state.creators),
        }
    )


if __name__ == "__main__":
    main()
