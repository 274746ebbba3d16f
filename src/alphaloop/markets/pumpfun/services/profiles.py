"""Rows about wallets and creators as they are now, and the sets of wallets that others look up on the bus.

Books score in rounds and say whom the last round was about. This service looks from time to time whether there was
another round, and writes down only those. The rows say how things stand; what was known at a signal is stored with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, Final

from alphaloop.markets.pumpfun.books.intelligence import BEHAVIOUR, Intelligence
from alphaloop.markets.pumpfun.books.roster import Wallet
from alphaloop.markets.pumpfun.emissions import BOTS_SET, TRACKED_SET, Member, Row
from alphaloop.markets.pumpfun.ingest.delivery import Batch, Delivery
from alphaloop.markets.pumpfun.market import PumpMarket

POINT_IN_TIME: Final = ("wallet_graduation_rate", "wallet_avg_buy_rank", "wallet_trades_at")


class Profiles:
    """Keeps the tables about wallets and creators, and the sets `tracked_wallets` and `known_bots`, up to date."""

    def __init__(self, market: PumpMarket, delivery: Delivery) -> None:
        self._market = market
        self._delivery = delivery
        self._rounds: dict[str, object] = {}
        self._members: dict[str, frozenset[str]] = {TRACKED_SET: frozenset(), BOTS_SET: frozenset()}

    async def cycle(self) -> None:
        """Write what changed since the last look."""
        batch = Batch(self._delivery.handed_ns)
        for row in self.rows():
            batch.store(row)
        batch.messages += [(batch.known_ns, member) for member in self.members()]
        await self._delivery.put(batch)

    def rows(self) -> Iterator[Row]:
        """Yield the rows of everybody that a new round was about, or who came to be tracked."""
        known = self._market.shelf.intelligence
        now_ns = self._market.known_ns
        numbers = dict.fromkeys(self._fresh("alpha", known.alpha.fresh))
        tracked = known.discovery.tracked
        for address in tracked.keys() - self._members[TRACKED_SET]:
            wallet = known.wallets.find(address)
            if wallet is not None:
                numbers[wallet.number] = None
        for number in numbers:
            wallet = known.wallets.get(number)
            if wallet is not None:
                yield from _wallet(known, wallet, now_ns)
        for creator in self._fresh("creators", known.creators.fresh):
            yield _creator(known, creator, now_ns)
        for number in self._fresh("decay", known.decay.fresh):
            yield from _decay(known, number, now_ns)
        for key in self._fresh("copying", known.copying.fresh):
            yield from _pair(known, key, now_ns)
        for name in self._fresh("clusters", known.clusters.fresh):
            yield from _cluster(known, name, now_ns)

    def members(self) -> Iterator[Member]:
        """Yield who joins and who leaves the two sets; everybody joins at the first look after a start."""
        known = self._market.shelf.intelligence
        bots = (known.wallets.get(number) for number in list(known.bots.state.until_ns))
        now = {
            TRACKED_SET: frozenset(known.discovery.tracked),
            BOTS_SET: frozenset(wallet.address for wallet in bots if wallet is not None),
        }
        for name, members in now.items():
            yield from (Member(name, one, True) for one in sorted(members - self._members[name]))
            yield from (Member(name, one, False) for one in sorted(self._members[name] - members))
        self._members = now

    def _fresh(self, book: str, fresh: list[Any]) -> Iterable[Any]:
        # A round makes a new list: the same list is the same round.
        if self._rounds.get(book) is fresh:
            return ()
        self._rounds[book] = fresh
        return list(fresh)


def _wallet(known: Intelligence, wallet: Wallet, now_ns: int) -> Iterator[Row]:
    address = wallet.address
    classes, tracked = known.classes(address), known.discovery.tracked.get(address)
    yield Row(
        "wallets",
        {
            "wallet": address,
            "is_active": tracked is not None,
            "source": None if tracked is None else tracked.source,
            "known_ns": now_ns,
            "last_ns": wallet.seen_ns,
            "alpha_score": _number(known.alpha_of(address)),
            "alpha_confidence": _number(classes["alpha_confidence"]),
            "is_bot": bool(classes["is_bot"]),
            "is_copy_trader": bool(classes["is_copy_trader"]),
            "operator": known.operator(address),
        },
    )
    values = known.point_in_time(address) | known.behaviour(address)
    features = {name: _number(values[name]) for name in (*POINT_IN_TIME, *BEHAVIOUR)}
    yield Row("wallet_features", {"wallet": address, "known_ns": now_ns, **features})
    results = wallet.results
    if results is not None:
        yield Row(
            "wallet_pnl",
            {
                "wallet": address,
                "known_ns": now_ns,
                "realised": results.realised,
                "closed": results.closed,
                "wins": results.wins,
                "spent": results.spent,
                "received": results.received,
                "seconds_held": results.seconds / results.trips if results.trips else None,
            },
        )


def _creator(known: Intelligence, creator: str, now_ns: int) -> Row:
    values = known.creator(creator, now_ns)
    launches, rate = values["creator_tokens"], values["creator_graduation_rate"]
    return Row(
        "creators",
        {
            "creator": creator,
            "known_ns": now_ns,
            "launches": _count(launches),
            "graduated": _count(launches * rate),
            "risk_score": _number(values["creator_risk_score"]),
            "rug_rate": _number(values["creator_rug_rate"]),
            "graduation_rate": _number(rate),
            "avg_lifetime_s": _number(values["creator_avg_lifetime_s"]),
            "insider_pct": _number(values["creator_insider_pct"]),
            "bot_buyer_pct": _number(values["creator_bot_buyer_pct"]),
            "launches_24h": _number(values["creator_launches_24h"]),
        },
    )


def _decay(known: Intelligence, number: int, now_ns: int) -> Iterator[Row]:
    wallet, curve = known.wallets.get(number), known.decay.curve(number)
    if wallet is None or curve is None or not curve.entries:
        return
    yield Row(
        "alpha_decay",
        {
            "wallet": wallet.address,
            "known_ns": now_ns,
            "delays_s": list(known.settings.decay.delays_s),
            "returns": [_number(left / curve.entries) for left in curve.left],
            "best_delay_s": _number(curve.best_delay_s),
            "half_life_s": _number(curve.half_life_s),
        },
    )


def _pair(known: Intelligence, key: int, now_ns: int) -> Iterator[Row]:
    pair = known.copying.pair(key)
    leader = known.wallets.get(pair.leader) if pair is not None else None
    follower = known.wallets.get(pair.follower) if pair is not None else None
    if pair is None or leader is None or follower is None:
        return
    yield Row(
        "copy_pairs",
        {
            "follower": follower.address,
            "leader": leader.address,
            "kind": pair.kind,
            "known_ns": now_ns,
            "copies": pair.copies,
            "consistency": _number(pair.consistency),
            "delay_s": _number(pair.delay_s),
            "weight": _number(known.copying.weight(pair.follower)),
        },
    )


def _cluster(known: Intelligence, name: int, now_ns: int) -> Iterator[Row]:
    cluster = known.clusters.state.clusters.get(name)
    members = [] if cluster is None else [known.wallets.get(number) for number in cluster.members]
    wallets = [wallet for wallet in members if wallet is not None]
    if not wallets:
        return
    alphas = [_number(known.alpha_of(wallet.address)) for wallet in wallets]
    scored = [alpha for alpha in alphas if alpha is not None]
    entries, graduated = sum(w.entries for w in wallets), sum(w.graduated for w in wallets)
    for wallet in wallets:
        yield Row(
            "wallet_clusters",
            {
                "wallet": wallet.address,
                "cluster": str(name),
                "known_ns": now_ns,
                "size": len(wallets),
                "avg_alpha": sum(scored) / len(scored) if scored else None,
                "graduation_rate": graduated / entries if entries else None,
            },
        )


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _count(value: float) -> int:
    return round(value) if math.isfinite(value) else 0
