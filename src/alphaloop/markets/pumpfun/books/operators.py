"""Wallets that one operator runs.

The sign: two wallets enter the same coin in the same slot with nearly the same amount. Once is chance; a pair with
`min_signs` of them, which are `min_share` of the entries of the wallet that entered less, is linked at once, and linked
wallets are one operator's. An operator is named after its first wallet, the one that was seen trading first. Groups do
not grow beyond `max_wallets`: a link that would join more is taken as a sign of a popular bot program and left out.

What is forgotten: a pair's signs once the memory has been turned over twice without a link, which happens each `turn_s`
and whenever it holds `max_pairs`; a wallet, when the wallet book forgets it. Links stay until then. So a link *is* that
many signs within that memory.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec
from pydantic import Field

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books.graph import pair
from alphaloop.markets.pumpfun.books.roster import Step
from alphaloop.markets.pumpfun.books.stateful import StatefulBook
from alphaloop.markets.pumpfun.books.wallets import WalletBook
from alphaloop.markets.pumpfun.events import AnyEvent, Trade


class OperatorSettings(Settings):
    """What a sign is, and how many make a link."""

    every_s: int = Field(default=3600, ge=1, description="seconds between two rounds of forgetting")
    same_size: float = Field(default=0.02, ge=0, lt=1, description="difference of two amounts, as a part of the larger")
    min_signs: int = Field(default=3, ge=2, description="signs that link two wallets")
    min_share: float = Field(default=0.2, ge=0, le=1, description="part of the lesser wallet's entries that are signs")
    max_wallets: int = Field(default=100, ge=2, description="wallets of one operator")
    turn_s: int = Field(default=86_400, ge=1, description="the memory of signs is turned over this often")
    max_pairs: int = Field(default=300_000, ge=1, description="pairs that it holds at most before it is turned over")


class OperatorState(msgspec.Struct):
    """Signs by pair; the operator of a wallet by number, and the wallets of an operator by its first one's number."""

    signs: dict[int, int] = {}
    signs_before: dict[int, int] = {}
    turned_ns: int = 0
    operator_of: dict[int, int] = {}
    wallets: dict[int, list[int]] = {}


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

    def update(self, event: AnyEvent) -> None:
        """Take in an event; only entries matter."""
        if isinstance(event, Trade):
            step = self._wallets.step
            if step is not None and step.entry:
                self._look(step, event.slot, event.sol_amount)

    def _look(self, step: Step, slot: int, lamports: int) -> None:
        number, same = step.wallet.number, self.settings.same_size
        for entrance in reversed(step.coin.entrances[:-1]):
            if entrance.slot != slot:
                break
            larger = max(lamports, entrance.lamports)
            if larger and abs(lamports - entrance.lamports) <= same * larger:
                self._sign(number, entrance.number, step.known_ns)

    def _sign(self, one: int, other: int, now_ns: int) -> None:
        state, key = self.state, pair(one, other)
        group = state.operator_of.get(one)
        if group is not None and group == state.operator_of.get(other):
            return
        signs = 1 + state.signs.pop(key, 0) + state.signs_before.pop(key, 0)
        if signs >= self.settings.min_signs and self._enough(one, other, signs):
            self._join(one, other)
            return
        state.signs[key] = signs
        if len(state.signs) >= self.settings.max_pairs:
            self._turn(now_ns)

    def _enough(self, one: int, other: int, signs: int) -> bool:
        first, second = self._wallets.get(one), self._wallets.get(other)
        if first is None or second is None:
            return False
        return signs >= self.settings.min_share * min(first.entries, second.entries)

    def _join(self, one: int, other: int) -> None:
        state = self.state
        groups = [state.operator_of.get(number, number) for number in (one, other)]
        members = sorted({m: None for group in groups for m in state.wallets.get(group, [group])})
        if len(members) > self.settings.max_wallets:
            return
        for group in groups:
            state.wallets.pop(group, None)
        self._found(members)

    def _found(self, members: list[int]) -> None:
        self.state.wallets[members[0]] = members
        self.state.operator_of.update(dict.fromkeys(members, members[0]))

    def _turn(self, now_ns: int) -> None:
        self.state.signs_before, self.state.signs = self.state.signs, {}
        self.state.turned_ns = now_ns

    def run(self, now_ns: int) -> None:
        """Turn the memory over and leave out the wallets that were forgotten."""
        if now_ns - self.state.turned_ns >= self.settings.turn_s * NS_PER_S:
            self._turn(now_ns)
        for number in self._wallets.take_forgotten(self.name):
            operator = self.state.operator_of.get(number)
            if operator is not None:
                self._leave(number, operator)

    def _leave(self, number: int, operator: int) -> None:
        members = [member for member in self.state.wallets.pop(operator) if member != number]
        for member in (number, *members):
            del self.state.operator_of[member]
        if len(members) > 1:
            self._found(members)
