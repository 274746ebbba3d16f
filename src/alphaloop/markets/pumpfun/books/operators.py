"""Wallets that one operator runs.

Two signs, each of which may be chance once:

- twins: two wallets enter the same coin in the same slot with nearly the same amount;
- a house: a wallet enters a creator's coins within `house_slots` of the slots of their creation, before who listens to
  the chain can have answered them.

A pair with `min_signs` twin entries, which are `twin_share` of the entries of the wallet that entered less, is linked
at once. So is a wallet with the creator, and with the others of its house, after `min_signs` such entries, which are
`house_share` of all its entries: bots that snipe every coin have no house. Linked wallets are one operator's, named
after the first of them that was seen trading. Groups do not grow beyond `max_wallets`: a link that would join more is
taken as a sign of a popular bot program and left out.

What is forgotten: signs once the memory has been turned over twice without a link, which happens each `turn_s` and
whenever it holds `max_signs`; a wallet, when the wallet book forgets it. Links stay until then. So a link *is* that
many signs within that memory.
"""

from __future__ import annotations

from itertools import islice
from typing import ClassVar, Final

import msgspec
from pydantic import Field

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books.graph import pair
from alphaloop.markets.pumpfun.books.roster import Step, Wallet
from alphaloop.markets.pumpfun.books.stateful import StatefulBook
from alphaloop.markets.pumpfun.books.wallets import WalletBook
from alphaloop.markets.pumpfun.events import AnyEvent, Trade

TWINS: Final = "twins"
HOUSE: Final = "house"


class OperatorSettings(Settings):
    """What a sign is, and how many make a link."""

    every_s: int = Field(default=3600, ge=1, description="seconds between two rounds of forgetting")
    same_size: float = Field(default=0.02, ge=0, lt=1, description="difference of two amounts, as a part of the larger")
    min_signs: int = Field(default=3, ge=2, description="signs that link two wallets")
    house_slots: int = Field(default=1, ge=0, description="slots after a creation that belong to the house")
    twin_share: float = Field(default=0.2, ge=0, le=1, description="part of the lesser wallet's entries that are signs")
    house_share: float = Field(default=0.5, ge=0, le=1, description="part of a wallet's entries that are in its house")
    max_wallets: int = Field(default=100, ge=2, description="wallets of one operator")
    turn_s: int = Field(default=86_400, ge=1, description="the memory of signs is turned over this often")
    max_signs: int = Field(default=300_000, ge=1, description="pairs and guests at which it is turned over too")


class OperatorState(msgspec.Struct):
    """What `OperatorBook` knows.

    Attributes
    ----------
    twins, twins_before : dict
        Signs by the key of the pair, in the present memory and the one before.
    houses, houses_before : dict
        Signs by creator and by the number of the wallet.
    signs : int
        Pairs and guests in the present memory.
    doors : dict
        The wallet that last came to each creator's house.
    operator_of, wallets : dict
        The operator of a wallet, which is its first wallet's number, and the wallets of an operator.
    reasons : dict of int to list
        Signs that linked a wallet, in the order in which they came.
    touched, fresh : dict, list
        Numbers of the wallets whose operator or reasons changed since the last round, and before it.
    """

    twins: dict[int, int] = {}
    twins_before: dict[int, int] = {}
    houses: dict[str, dict[int, int]] = {}
    houses_before: dict[str, dict[int, int]] = {}
    signs: int = 0
    doors: dict[str, int] = {}
    turned_ns: int = 0
    operator_of: dict[int, int] = {}
    wallets: dict[int, list[int]] = {}
    reasons: dict[int, list[str]] = {}
    touched: dict[int, None] = {}
    fresh: list[int] = []


class OperatorBook(StatefulBook[OperatorState]):
    """Which wallets belong together; see the module. Fed after the wallet book."""

    name: ClassVar[str] = "operators"
    form = OperatorState

    def __init__(self, wallets: WalletBook, settings: OperatorSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or OperatorSettings()
        self._wallets = wallets
        wallets.mourn(self.name)

    @property
    def every_s(self) -> int:
        """Seconds between two rounds of forgetting."""
        return self.settings.every_s

    def operator(self, number: int) -> int | None:
        """Number of the first wallet of the operator of a wallet; None where it is linked to none."""
        return self.state.operator_of.get(number)

    def wallets(self, operator: int) -> list[int]:
        """Numbers of an operator's wallets, rising."""
        return self.state.wallets.get(operator, [])

    def reasons(self, number: int) -> list[str]:
        """Signs that linked a wallet: `TWINS`, `HOUSE`, both, or none for one that is linked to no other."""
        return self.state.reasons.get(number, [])

    @property
    def fresh(self) -> list[int]:
        """Numbers of the wallets whose operator or reasons changed between the last two rounds."""
        return self.state.fresh

    def update(self, event: AnyEvent) -> None:
        """Take in an event; only entries matter."""
        if isinstance(event, Trade):
            step = self._wallets.step
            if step is not None and step.entry:
                self._look(step, event.slot, event.sol_amount)

    def _look(self, step: Step, slot: int, lamports: int) -> None:
        number, same = step.wallet.number, self.settings.same_size
        for entrance in islice(reversed(step.coin.entrances), 1, None):
            if entrance.slot != slot:
                break
            larger = max(lamports, entrance.lamports)
            if larger and abs(lamports - entrance.lamports) <= same * larger:
                self._twin(number, entrance.number, step.known_ns)
        coin = step.coin
        if (
            coin.created_ns
            and slot <= coin.created_slot + self.settings.house_slots
            and coin.creator != step.wallet.address
        ):
            self._guest(step.wallet, coin.creator, step.known_ns)

    def _together(self, one: int, other: int) -> bool:
        operator = self.state.operator_of.get(one)
        return operator is not None and operator == self.state.operator_of.get(other)

    def _twin(self, one: int, other: int, now_ns: int) -> None:
        state, key = self.state, pair(one, other)
        if self._together(one, other):
            return
        first, second = self._wallets.get(one), self._wallets.get(other)
        if first is None or second is None:
            return
        signs = state.twins.get(key, 0)
        self._count(signs, now_ns)
        signs += 1 + state.twins_before.pop(key, 0)
        entries = min(first.entries, second.entries)
        if signs >= self.settings.min_signs and signs >= self.settings.twin_share * entries:
            state.twins.pop(key, None)
            self._join(one, other, TWINS)
        else:
            state.twins[key] = signs

    def _guest(self, wallet: Wallet, creator: str, now_ns: int) -> None:
        state, number = self.state, wallet.number
        door = state.doors.get(creator)
        if door is not None and self._together(number, door):
            return
        self._count(state.houses.get(creator, {}).get(number, 0), now_ns)
        signs = state.houses.setdefault(creator, {}).get(number, 0) + 1
        signs += state.houses_before.get(creator, {}).pop(number, 0)
        state.houses[creator][number] = signs
        if signs < self.settings.min_signs or signs < self.settings.house_share * wallet.entries:
            return
        owner = self._wallets.find(creator)
        for other in (owner.number if owner else None, door):
            if other is not None and other != number:
                self._join(number, other, HOUSE)
        state.doors[creator] = number

    def _count(self, signs_before: int, now_ns: int) -> None:
        """Count a sign that is the first of its pair or guest in this memory, and turn a full memory over."""
        if signs_before:
            return
        if self.state.signs >= self.settings.max_signs:
            self._turn(now_ns)
        self.state.signs += 1

    def _join(self, one: int, other: int, reason: str) -> None:
        state = self.state
        groups = [state.operator_of.get(number, number) for number in (one, other)]
        members = sorted({m: None for group in groups for m in state.wallets.get(group, [group])})
        if len(members) > self.settings.max_wallets:
            return
        for group in groups:
            state.wallets.pop(group, None)
        for number in (one, other):
            reasons = state.reasons.setdefault(number, [])
            if reason not in reasons:
                reasons.append(reason)
                state.touched[number] = None
        self._found(members)

    def _found(self, members: list[int]) -> None:
        operator_of, first = self.state.operator_of, members[0]
        self.state.touched.update(dict.fromkeys(member for member in members if operator_of.get(member) != first))
        self.state.wallets[first] = members
        operator_of.update(dict.fromkeys(members, first))

    def _turn(self, now_ns: int) -> None:
        state = self.state
        state.twins_before, state.twins = state.twins, {}
        state.houses_before, state.houses = state.houses, {}
        state.signs, state.turned_ns = 0, now_ns
        state.doors = {creator: number for creator, number in state.doors.items() if number in state.operator_of}

    def run(self, now_ns: int) -> None:
        """Turn the memory over, leave out the wallets that were forgotten, and say whose operator changed."""
        if now_ns - self.state.turned_ns >= self.settings.turn_s * NS_PER_S:
            self._turn(now_ns)
        for number in self._wallets.take_forgotten(self.name):
            operator = self.state.operator_of.get(number)
            if operator is not None:
                self._leave(number, operator)
        self.state.fresh, self.state.touched = list(self.state.touched), {}

    def _leave(self, number: int, operator: int) -> None:
        state = self.state
        members = [member for member in state.wallets.pop(operator) if member != number]
        del state.operator_of[number]
        state.reasons.pop(number, None)
        if len(members) > 1:
            self._found(members)
            return
        for member in members:
            del state.operator_of[member]
            state.reasons.pop(member, None)
            state.touched[member] = None
