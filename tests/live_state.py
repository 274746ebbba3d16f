"""What the chain of `live_chain` holds: cells that can be taken back, and a ledger of every lamport that moved."""

from __future__ import annotations

import hashlib
from collections import ChainMap
from dataclasses import dataclass
from typing import Any, NamedTuple

from solders.pubkey import Pubkey

from alphaloop.markets.pumpfun.curve.fees import TODAY, Fees
from alphaloop.markets.pumpfun.curve.reserves import START, SUPPLY, Reserves
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.costs import rent
from alphaloop.markets.pumpfun.wire.keys import ZERO_KEY

FAUCET = "faucet"
LEADERS = "leaders"
CURVE_BYTES = 166


class Failure(Exception):
    """An instruction fails; `error` is what the chain writes behind its place."""

    def __init__(self, error: Any) -> None:
        super().__init__(str(error))
        self.error = error


def custom(code: int) -> Failure:
    return Failure({"Custom": code})


class Move(NamedTuple):
    """Lamports from one account to another; `FAUCET` gives what a test asks for, `LEADERS` get the network's fees."""

    slot: int
    signature: str
    source: str
    target: str
    lamports: int
    reason: str


@dataclass(frozen=True)
class Coin:
    """A coin: its kind, its curve, and its pool once it has migrated."""

    mint: str
    creator: str
    token_program: str
    reserves: Reserves = START
    complete: bool = False
    mayhem: bool = False
    cashback: bool = False
    holder_reward: bool = False
    supply: int = SUPPLY
    account_bytes: int = CURVE_BYTES
    creator_fee: int = 0
    protocol_fees: int = 0
    after_base: int = 0
    after_quote: int = 0
    pool: tuple[int, int] | None = None
    born_ns: int = 0

    @property
    def curve(self) -> str:
        return str(at.bonding_curve(at.key(self.mint)))

    def fees(self, base: Fees = TODAY) -> Fees:
        return base.for_coin(has_creator=self.creator != ZERO_KEY, cashback=self.cashback)


@dataclass(frozen=True)
class Holding:
    """A token account."""

    owner: str
    mint: str
    amount: int


class State:
    """Cells by (kind, address), each change of which can be taken back, and the ledger."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str], Any] = {}
        self._before: list[tuple[tuple[str, str], Any]] = []
        self._forgotten = 0
        self.ledger: list[Move] = []
        self.slot = 0
        self.signature = ""

    def get(self, kind: str, address: str, default: Any = None) -> Any:
        found = self._cells.get((kind, address))
        return default if found is None else found

    def put(self, kind: str, address: str, value: Any) -> None:
        place = (kind, address)
        self._before.append((place, self._cells.get(place)))
        self._cells[place] = value

    def each(self, kind: str) -> dict[str, Any]:
        return {
            address: value for (found, address), value in self._cells.items() if found == kind and value is not None
        }

    def mark(self) -> tuple[int, int]:
        """A place to come back to."""
        return self._forgotten + len(self._before), len(self.ledger)

    def back(self, mark: tuple[int, int]) -> None:
        """Take back everything since a mark."""
        changes, moves = mark
        if changes < self._forgotten:
            raise AssertionError("what is final cannot be taken back")
        while self._forgotten + len(self._before) > changes:
            place, value = self._before.pop()
            if value is None:
                self._cells.pop(place, None)
            else:
                self._cells[place] = value
        del self.ledger[moves:]

    def past(self, mark: tuple[int, int]) -> State:
        """The state as it was at a mark; to read only."""
        found = State()
        over: dict[tuple[str, str], Any] = {}
        for place, value in reversed(self._before[max(0, mark[0] - self._forgotten) :]):
            over[place] = value
        found._cells = ChainMap(over, self._cells)  # type: ignore[assignment]
        return found

    def settle(self, mark: tuple[int, int]) -> None:
        """Make everything before a mark final."""
        del self._before[: mark[0] - self._forgotten]
        self._forgotten = max(self._forgotten, mark[0])

    # -- lamports and tokens -----------------------------------------------------------------------------------------

    def lamports(self, address: str) -> int:
        return int(self.get("lamports", address, 0))

    def move(self, source: str, target: str, lamports: int, reason: str, short: Failure | None = None) -> None:
        """Move lamports; too few of them fail with `short`, by default as the system program does."""
        if lamports < 0:
            raise AssertionError(f"{lamports} lamports cannot move")
        if lamports == 0:
            return
        if source != FAUCET:
            left = self.lamports(source) - lamports
            if left < 0:
                raise short or custom(1)
            self.put("lamports", source, left)
        self.put("lamports", target, self.lamports(target) + lamports)
        self.ledger.append(Move(self.slot, self.signature, source, target, lamports, reason))

    def holding(self, address: str) -> Holding | None:
        found: Holding | None = self.get("tokens", address)
        return found

    def open_account(self, payer: str, owner: str, mint: str, token_program: str) -> str:
        """Make a token account if it is not there, at the payer's cost."""
        address = token_address(owner, mint, token_program)
        if self.holding(address) is None:
            self.move(payer, address, rent(165 if token_program == str(at.TOKEN) else 170), "rent of a token account")
            self.put("tokens", address, Holding(owner, mint, 0))
        return address

    def add_tokens(self, address: str, amount: int) -> None:
        held = self.holding(address)
        if held is None:
            raise custom(3012)
        if held.amount + amount < 0:
            raise custom(6023)
        self.put("tokens", address, Holding(held.owner, held.mint, held.amount + amount))

    def coin(self, mint: str) -> Coin | None:
        found: Coin | None = self.get("coin", mint)
        return found

    def program_of(self, mint: str) -> str:
        """The token program of a coin, or of wrapped SOL."""
        return str(at.TOKEN) if mint == str(at.QUOTE_SOL) else str(self.get("coin", mint).token_program)

    def close_account(self, address: str, target: str) -> None:
        """Close a token account of wrapped SOL, or an empty one: its lamports go to `target`."""
        held = self.holding(address)
        if held is None:
            raise Failure("InvalidAccountData")
        if held.amount and held.mint != str(at.QUOTE_SOL):
            raise custom(11)
        self.move(address, target, self.lamports(address), "closed account")
        self.put("tokens", address, None)

    def move_wrapped(self, source: str, target: str, lamports: int, reason: str) -> None:
        """Move wrapped SOL: the amounts and the lamports beneath them."""
        self.add_tokens(source, -lamports)
        self.add_tokens(target, lamports)
        self.move(source, target, lamports, reason)

    def total(self) -> int:
        """All lamports there are."""
        return sum(self.each("lamports").values())


def token_address(owner: str, mint: str, token_program: str) -> str:
    return str(at.token_account(at.key(owner), at.key(mint), at.key(token_program)))


def name_key(label: str) -> str:
    """An address that only tests have, the same for the same label."""
    return str(Pubkey.from_bytes(hashlib.sha256(label.encode()).digest()))
