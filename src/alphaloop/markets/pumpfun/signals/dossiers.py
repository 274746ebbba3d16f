"""What the store is told of wallets, creators and their relations: what each round of a book has judged anew.

Rows carry the time of the round. A wallet's row is written when it is scored, tracked, or tracked no more; one
that is none of these has no row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from alphaloop.markets.pumpfun.books.behaviour import BEHAVIOUR
from alphaloop.markets.pumpfun.books.intelligence import Intelligence
from alphaloop.markets.pumpfun.books.profits import Results
from alphaloop.markets.pumpfun.books.roster import Wallet
from alphaloop.markets.pumpfun.emissions import BOTS_SET, TRACKED_SET, Emission, Member, Row

POINT: Final = ("wallet_graduation_rate", "wallet_avg_buy_rank", "wallet_trades_at")
KEPT: Final = (*POINT, *BEHAVIOUR)


class Told(msgspec.Struct):
    """Who was told to be tracked, and who to be a bot, by number."""

    tracked: dict[str, None] = {}
    bots: dict[int, str] = {}


class Dossiers:
    """Collects from the books of intelligence after each of their runs.

    Memory: the tracked wallets and the bots as they were last told.
    """

    def __init__(self, intelligence: Intelligence, out: list[Emission]) -> None:
        self.intelligence, self.out = intelligence, out
        self._told = Told()
        books = intelligence
        self.after: Final[Mapping[str, Callable[[int], None]]] = {
            books.alpha.name: self._wallets,
            books.bots.name: self._bots,
            books.discovery.name: self.tracked,
            books.creators.name: self._creators,
            books.clusters.name: self._clusters,
            books.copying.name: self._copying,
            books.operators.name: self._operators,
            books.decay.name: self._decay,
        }

    def _wallets(self, now_ns: int) -> None:
        for wallet in self._found(self.intelligence.alpha.fresh):
            values = self.intelligence.wallet(wallet.address, now_ns)
            self.out.append(Row("wallets", self._wallet(wallet.address, wallet.seen_ns, values, now_ns)))
            kept = {name: _known(values[name]) for name in KEPT}
            self.out.append(Row("wallet_features", {"wallet": wallet.address, "known_ns": now_ns, **kept}))
            if wallet.results is not None:
                self.out.append(Row("wallet_pnl", _profits(wallet, wallet.results, now_ns)))

    def _wallet(self, address: str, last_ns: int | None, values: Mapping[str, float], now_ns: int) -> dict[str, Any]:
        books = self.intelligence
        tracked = books.discovery.tracked.get(address)
        return {
            "wallet": address,
            "is_active": tracked is not None,
            "source": tracked.source if tracked is not None else None,
            "known_ns": now_ns,
            "last_ns": last_ns,
            "alpha_score": _known(values["alpha_score"]),
            "alpha_confidence": _known(values["alpha_confidence"]),
            "is_bot": bool(values["is_bot"]),
            "is_copy_trader": bool(values["is_copy_trader"]),
            "operator": books.operator(address),
        }

    def tracked(self, now_ns: int, *named: str) -> None:
        """Tell who came to be tracked, and who is no more, since this was last called; and the `named` anyhow.

        One who has not traded has a row too: by hand, wallets are tracked before anything is known of them.
        """
        tracked = self.intelligence.discovery.tracked
        joined = [address for address in tracked if address not in self._told.tracked]
        left = [address for address in self._told.tracked if address not in tracked]
        self._told.tracked = dict.fromkeys(tracked)
        self.out.extend(Member(TRACKED_SET, address, present=True) for address in joined)
        self.out.extend(Member(TRACKED_SET, address, present=False) for address in left)
        for address in dict.fromkeys((*joined, *left, *named)):
            wallet = self.intelligence.wallets.find(address)
            values = self.intelligence.wallet(address, now_ns)
            last_ns = wallet.seen_ns if wallet is not None else None
            self.out.append(Row("wallets", self._wallet(address, last_ns, values, now_ns)))

    def _bots(self, now_ns: int) -> None:
        verdicts, told = self.intelligence.bots.state.until_ns, self._told.bots
        for number in [number for number in told if number not in verdicts]:
            self.out.append(Member(BOTS_SET, told.pop(number), present=False))
        for wallet in self._found([number for number in verdicts if number not in told]):
            told[wallet.number] = wallet.address
            self.out.append(Member(BOTS_SET, wallet.address, present=True))

    def _creators(self, now_ns: int) -> None:
        for creator in self.intelligence.creators.fresh:
            values = self.intelligence.creator(creator, now_ns)
            record = self.intelligence.creators.state.creators.get(creator)
            if record is None:
                continue
            kept = {name.removeprefix("creator_"): _known(value) for name, value in values.items()}
            kept |= {"launches": record.launches, "graduated": record.graduated}
            del kept["tokens"]
            self.out.append(Row("creators", {"creator": creator, "known_ns": now_ns, **kept}))

    def _clusters(self, now_ns: int) -> None:
        book = self.intelligence.clusters
        for name in book.fresh:
            cluster = book.state.clusters.get(name)
            members = self._found(cluster.members) if cluster is not None else []
            values = self.intelligence.social(members[0].address, "", now_ns) if members else {}
            for wallet in members:
                row = {
                    "wallet": wallet.address,
                    "cluster": members[0].address,
                    "known_ns": now_ns,
                    "size": len(members),
                    "avg_alpha": _known(values["cluster_avg_alpha"]),
                    "graduation_rate": _known(values["cluster_graduation_rate"]),
                }
                self.out.append(Row("wallet_clusters", row))

    def _copying(self, now_ns: int) -> None:
        book, wallets = self.intelligence.copying, self.intelligence.wallets
        for key in book.fresh:
            pair = book.pair(key)
            leader, follower = (wallets.get(n) for n in (pair.leader, pair.follower)) if pair else (None, None)
            if pair is None or leader is None or follower is None:
                continue
            row = {
                "follower": follower.address,
                "leader": leader.address,
                "kind": pair.kind,
                "known_ns": now_ns,
                "copies": pair.copies,
                "consistency": _known(pair.consistency),
                "delay_s": _known(pair.delay_s),
                "weight": book.weight(pair.follower),
            }
            self.out.append(Row("copy_pairs", row))

    def _operators(self, now_ns: int) -> None:
        book = self.intelligence.operators
        for wallet in self._found(book.fresh):
            row = {
                "wallet": wallet.address,
                "operator": self.intelligence.operator(wallet.address) or wallet.address,
                "known_ns": now_ns,
                "reasons": list(book.reasons(wallet.number)),
            }
            self.out.append(Row("operators", row))

    def _decay(self, now_ns: int) -> None:
        book = self.intelligence.decay
        for number in book.fresh:
            wallet, curve = self.intelligence.wallets.get(number), book.curve(number)
            if wallet is None or curve is None:
                continue
            row = {
                "wallet": wallet.address,
                "known_ns": now_ns,
                "delays_s": list(book.settings.delays_s),
                "returns": [kept / curve.entries for kept in curve.kept],
                "best_delay_s": _known(curve.best_delay_s),
                "half_life_s": _known(curve.half_life_s),
            }
            self.out.append(Row("alpha_decay", row))

    def _found(self, numbers: Iterable[int]) -> list[Wallet]:
        found = (self.intelligence.wallets.get(number) for number in numbers)
        return [wallet for wallet in found if wallet is not None]

    def save(self) -> bytes:
        """Give the whole state."""
        return msgspec.msgpack.encode(self._told)

    def restore(self, state: bytes) -> None:
        """Take over a state that `save` gave."""
        self._told = msgspec.msgpack.decode(state, type=Told)


def _profits(wallet: Wallet, results: Results, now_ns: int) -> dict[str, Any]:
    names = ("realised", "closed", "wins", "spent", "received")
    totals = {name: getattr(results, name) for name in names}
    return {"wallet": wallet.address, "known_ns": now_ns, **totals, "seconds_held": results.seconds}


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
