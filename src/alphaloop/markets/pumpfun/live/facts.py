"""The facts of the chain that orders are made from, kept at hand: nothing is asked between decision and signature.

===============  =============================================================  ======================================
fact             what                                                            when it is too old
===============  =============================================================  ======================================
blockhash        with the last block height at which it lets a transaction land  nothing is built
program          fee recipients and fee tables, of the curve and of the pools    no buy; a sale is tried with it
tip_floor        tips that landed lately                                         no buy; a sale offers by it
tip_accounts     whom to tip                                                     no buy; a sale tips them
priority         prices of compute units that landed lately                      the least price is offered
===============  =============================================================  ======================================

A sale with old facts may fail; one that is not made keeps a position that is to be left. Without any value of a fact
nothing can be made, but for the tips: then the accounts that are known and the least tip do for a sale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import RefusedError
from alphaloop.markets.pumpfun.curve.accounts import Global
from alphaloop.markets.pumpfun.curve.fees import FeeTable
from alphaloop.markets.pumpfun.live.execution import FactSettings, Freshness, PrioritySettings
from alphaloop.markets.pumpfun.transactions.envelope import Lifetime
from alphaloop.markets.pumpfun.transactions.pool_accounts import PoolSettings
from alphaloop.markets.pumpfun.transactions.tips import TIP_ACCOUNTS, TipFloor

SALE_S: Final = 45.0
"""How old the blockhash of a sale may be: it lives for about a minute, and waiting may cost more than a try."""

NAMES: Final = ("blockhash", "program", "tip_floor", "tip_accounts", "priority")
MARKET: Final = "market"
"""Under which name the price of compute units is kept that holds for no particular coin."""
MOST_CURVES: Final = 8


class StaleFactError(RefusedError):
    """A fact is missing or too old for an order to be made from it; reading it again helps."""


class Program(msgspec.Struct, frozen=True):
    """What the programs' own accounts say; the pools' part is None where it could not be read."""

    settings: Global
    fees: FeeTable
    pool_settings: PoolSettings | None = None
    pool_fees: FeeTable | None = None


class Fact(msgspec.Struct, frozen=True):
    """A value, and when it was asked for."""

    value: Any
    at_ns: int


@dataclass
class ChainFacts:
    """The newest value of each fact; everything is read and written without waiting.

    Attributes
    ----------
    curves : list of str
        Curves whose price of compute units is wanted, the newest last.
    """

    settings: FactSettings = field(default_factory=FactSettings)
    priority: PrioritySettings = field(default_factory=PrioritySettings)
    curves: list[str] = field(default_factory=list)
    _kept: dict[str, Fact] = field(default_factory=dict)
    _prices: dict[str, Fact] = field(default_factory=dict)

    def put(self, name: str, value: Any, at_ns: int) -> None:
        """Take in a value that was asked for at `at_ns`; an older one than the kept is passed over."""
        kept = self._kept.get(name)
        if kept is None or at_ns >= kept.at_ns:
            self._kept[name] = Fact(value, at_ns)

    def put_prices(self, key: str, paid: Sequence[int], at_ns: int) -> None:
        """Take in what landed lately with an account locked, micro-lamports a unit by slot."""
        self._prices[key] = Fact(percentile([fee for fee in paid if fee > 0], self.priority.percentile), at_ns)
        self.put("priority", None, at_ns)
        if len(self._prices) > 4 * MOST_CURVES:
            wanted = {MARKET, *self.curves}
            self._prices = {name: price for name, price in self._prices.items() if name in wanted}

    # -- reading -----------------------------------------------------------------------------------------------------

    def lifetime(self, now_ns: int, *, sale: bool = False) -> Lifetime:
        """A blockhash that lets a transaction land for a while; for a sale one that still lets it land at all.

        Raises
        ------
        StaleFactError
            If none is known, or the newest is too old: it may be that of a fork, or of a node that fell behind.
        """
        age_s = self.age_s("blockhash", now_ns)
        found: Lifetime = self._get("blockhash", now_ns, old=sale and age_s is not None and age_s <= SALE_S)
        return found

    def program(self, now_ns: int, *, old: bool = False) -> Program:
        """Recipients and fee tables; with `old` however old they are.

        Raises
        ------
        StaleFactError
            If none are known, or they are too old.
        """
        found: Program = self._get("program", now_ns, old=old)
        return found

    def tip_floor(self, now_ns: int, *, old: bool = False) -> TipFloor | None:
        """Tips that landed lately; None only with `old`, and if none were ever read.

        Raises
        ------
        StaleFactError
            If they are missing or too old, without `old`.
        """
        if old and "tip_floor" not in self._kept:
            return None
        found: TipFloor = self._get("tip_floor", now_ns, old=old)
        return found

    def tip_accounts(self, now_ns: int, *, old: bool = False) -> tuple[str, ...]:
        """Whom to tip.

        Raises
        ------
        StaleFactError
            If the list is missing or too old, without `old`.
        """
        if old and "tip_accounts" not in self._kept:
            return TIP_ACCOUNTS
        found: tuple[str, ...] = self._get("tip_accounts", now_ns, old=old)
        return found

    @property
    def newest_lifetime(self) -> tuple[Lifetime | None, int]:
        """The newest blockhash, however old, and when it was asked for."""
        kept = self._kept.get("blockhash")
        return (None, 0) if kept is None else (kept.value, kept.at_ns)

    @property
    def known_tip_accounts(self) -> frozenset[str]:
        """Every account that may have been tipped."""
        kept = self._kept.get("tip_accounts")
        return frozenset(TIP_ACCOUNTS) | frozenset(() if kept is None else kept.value)

    def unit_price(self, curve: str, now_ns: int) -> int:
        """What to offer for a compute unit, micro-lamports, for a transaction that locks this curve."""
        oldest = now_ns - _ns(self.settings.priority.most_s)
        for key in (curve, MARKET):
            found = self._prices.get(key)
            if found is not None and found.value is not None and found.at_ns >= oldest:
                price: int = found.value
                return max(self.priority.least, min(price, self.priority.most))
        return self.priority.least

    def want_price(self, curve: str) -> None:
        """Ask for a curve's price of compute units from now on; the last few that were wanted are asked for."""
        if curve in self.curves:
            self.curves.remove(curve)
        self.curves.append(curve)
        del self.curves[:-MOST_CURVES]

    def age_s(self, name: str, now_ns: int) -> float | None:
        """Seconds since a fact was asked for; None if it never was."""
        kept = self._kept.get(name)
        return None if kept is None else (now_ns - kept.at_ns) / NS_PER_S

    def report(self, now_ns: int) -> dict[str, dict[str, Any]]:
        """Age of each fact, and whether it is too old."""
        ages = {name: self.age_s(name, now_ns) for name in NAMES}
        return {
            name: {"age_s": age, "stale": age is None or age > self.freshness(name).most_s}
            for name, age in ages.items()
        }

    def freshness(self, name: str) -> Freshness:
        """How often a fact is read, and how old it may be."""
        found: Freshness = getattr(self.settings, name)
        return found

    def _get(self, name: str, now_ns: int, *, old: bool) -> Any:
        kept = self._kept.get(name)
        if kept is None:
            raise StaleFactError(f"{name} is not known yet; wait until the chain has been asked")
        age_s, most_s = (now_ns - kept.at_ns) / NS_PER_S, self.freshness(name).most_s
        if age_s > most_s and not old:
            raise StaleFactError(f"{name} is {age_s:.1f} s old, more than {most_s:g} s; wait for a newer one")
        return kept.value


def percentile(values: Sequence[int], share: float) -> int | None:
    """The value at a share of the sorted values, nearest rank; None of none."""
    if not values:
        return None
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
