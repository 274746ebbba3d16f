"""A model of the chain for tests of the live trader: blocks, transactions, statuses, coins, and every lamport.

It has no clock and no sockets of its own: whoever drives it says when a block comes, and all chance is drawn from the
`random.Random` that it is given, so that one seed gives one history to the byte. Transactions come as the signed bytes
that the trader would send; signatures, accounts, limits and costs are checked as the chain checks them, and trades are
carried out by the exact arithmetic of the curve. What goes wrong is a `Fate`, scripted or drawn.

    chain = Chain(random.Random(7))
    chain.fund(wallet, 10**9)
    mint = chain.launch()
    blockhash, last_valid = chain.latest_blockhash()
    signature = chain.submit(wire)          # accepted; `Refusal` if not
    chain.advance(3)                        # three blocks
    chain.statuses([signature]), chain.transaction(signature), chain.ledger

Blocks come at `SLOT_NS`; the newest is `processed`, the one `CONFIRMED` behind it is confirmed, the one `FINALIZED`
behind is final. `fork` takes unfinal blocks back, with everything that a test set up after them.
"""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from alphaloop.markets.pumpfun.curve.completion import MIGRATION_FEE
from alphaloop.markets.pumpfun.curve.fees import TODAY, Fees
from alphaloop.markets.pumpfun.curve.reserves import START, SUPPLY, TOKENS_FOR_SALE, Reserves
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.costs import rent
from alphaloop.markets.pumpfun.transactions.orders import Buy, BuyExactIn, Order, Sell
from alphaloop.markets.pumpfun.transactions.tips import MIN_TIP, TIP_ACCOUNTS
from alphaloop.markets.pumpfun.wire.keys import encode_base58
from live_accounts import BUYBACK_RECIPIENTS, FEE_RECIPIENTS, MAYHEM_RECIPIENTS, account, curve_bytes
from live_execution import Entry, Parsed, execute, parse
from live_programs import Place
from live_state import FAUCET, Coin, Move, State, name_key, token_address

__all__ = ["Chain", "Coin", "Entry", "Fate", "Faults", "Move", "Refusal"]

SLOT_NS = 400_000_000
START_NS = 1_790_000_000_000_000_000
START_SLOT = 420_000_000
START_HEIGHT = 398_000_000
LIFE_BLOCKS = 150
CONFIRMED = 2
FINALIZED = 32
CACHED_BLOCKS = 300
Commitment = Literal["processed", "confirmed", "finalized"]
BEHIND: dict[str, int] = {"processed": 0, "confirmed": CONFIRMED, "finalized": FINALIZED}
Way = Literal["rpc", "engine"]


class Refusal(Exception):
    """Not taken; `kind` says why: ``undecodable``, ``congested``, ``no_tip``, ``already_processed`` or another."""

    def __init__(self, kind: str, message: str = "") -> None:
        super().__init__(message or kind)
        self.kind = kind


class AnswerLost(Exception):
    """A submission was taken, but the answer did not come."""


class Fate(NamedTuple):
    """What becomes of one submission.

    Attributes
    ----------
    kind : str
        ``land`` in the first block that comes; ``drop``: this submission leads to nothing; ``never``: no submission of
        this transaction will ever land; ``fail``: it lands and does nothing, with `error`.
    blocks : int
        Blocks to wait before it can land.
    answer : str
        ``ok``; ``lost``: taken, but `AnswerLost` is raised; else not taken, and `Refusal` of this kind is raised.
    """

    kind: Literal["land", "drop", "never", "fail"] = "land"
    blocks: int = 0
    answer: str = "ok"
    error: Any = None


@dataclass
class Faults:
    """Chances of each fault, for fates that are not scripted."""

    drop: float = 0.0
    never: float = 0.0
    fail: float = 0.0
    late: float = 0.0
    latest: int = 30
    lost: float = 0.0
    refuse: float = 0.0
    shuffle: float = 0.0
    skip_slot: float = 0.0

    def draw(self, chance: random.Random) -> Fate:
        """Draw a fate; the same number of draws whatever comes, so that one fault does not move all others."""
        kind_draw, late_draw, answer_draw, blocks = (chance.random() for _ in range(4))
        kind: Any = "land"
        for name, share in (("drop", self.drop), ("never", self.never), ("fail", self.fail)):
            if kind == "land" and kind_draw < share:
                kind = name
            kind_draw -= share
        delay = 1 + int(blocks * self.latest) if late_draw < self.late else 0
        answer = "lost" if answer_draw < self.lost else "ok"
        if self.lost <= answer_draw < self.lost + self.refuse:
            answer = "congested"
        return Fate(kind, delay, answer, {"InstructionError": [3, {"Custom": 6002}]} if kind == "fail" else None)


@dataclass
class Pending:
    """A submission that waits for its block."""

    parsed: Parsed
    way: Way
    fate: Fate
    from_height: int


@dataclass
class Block:
    """What one block added; `mark` is the state before it."""

    slot: int
    height: int
    blockhash: str
    ns: int
    mark: tuple[int, int]
    entries: list[Entry] = field(default_factory=list)
    taken: list[Pending] = field(default_factory=list)


class Chain:
    """The chain, its coins and its accounts.

    Attributes
    ----------
    dropped : dict
        Why a submitted transaction could not land in a block, by signature: ``expired``, ``not simulated`` and others.
    submissions : list of (signature, way, answer)
        Everything that anybody handed in.
    fates : deque of Fate
        For the next submissions, one each; then `Faults` draws.
    """

    def __init__(
        self, chance: random.Random, *, faults: Faults | None = None, fees: Fees = TODAY, start_ns: int = START_NS
    ) -> None:
        self.chance, self.faults, self.fees = chance, faults or Faults(), fees
        self.state = State()
        self.fates: deque[Fate] = deque()
        self.never: set[str] = set()
        self.dropped: dict[str, str] = {}
        self.submissions: list[tuple[str, Way, str]] = []
        self.on_block: list[Callable[[Block], None]] = []
        self._pending: list[Pending] = []
        self._landed: dict[str, Entry] = {}
        self._native = self._forks = self._labels = 0
        self._start_ns = start_ns
        self.blocks: list[Block] = []
        self._heights: dict[str, int] = {}
        self._append(Block(START_SLOT, START_HEIGHT, self._hash(), start_ns, self.state.mark()))
        for address in (*TIP_ACCOUNTS, *FEE_RECIPIENTS, *MAYHEM_RECIPIENTS, *BUYBACK_RECIPIENTS):
            self.fund(address, 10**9)

    # -- what a test sets up -----------------------------------------------------------------------------------------

    def fund(self, address: str, lamports: int) -> None:
        """Give an account lamports from nowhere; the ledger says so."""
        self.state.move(FAUCET, address, lamports, "funding")

    def launch(
        self,
        label: str = "",
        *,
        token_program: str = str(at.TOKEN_2022),
        creator: str | None = None,
        reserves: Reserves = START,
        account_bytes: int = 166,
        mayhem: bool = False,
        cashback: bool = False,
        holder_reward: bool = False,
    ) -> str:
        """A new coin with these reserves; gives its mint, the same for the same label."""
        self._labels += 1
        mint = name_key(f"mint {label or self._labels}")
        key = at.key(mint)
        creator = str(at.holder_rewards(key)) if holder_reward else creator or name_key(f"creator of {mint}")
        coin = Coin(
            mint, creator, token_program, reserves, reserves.complete, mayhem, cashback, holder_reward,
            account_bytes=account_bytes, born_ns=self.ns,
        )  # fmt: skip
        self.state.put("coin", mint, coin)
        self.state.put("curve", coin.curve, mint)
        self.fund(coin.curve, rent(account_bytes) + reserves.real_sol)
        self.fund(name_key("deployer"), 10**7)
        beside = SUPPLY - TOKENS_FOR_SALE
        tokens = self.state.open_account(name_key("deployer"), coin.curve, mint, token_program)
        self.state.add_tokens(tokens, reserves.real_token + beside)
        sold = TOKENS_FOR_SALE - reserves.real_token
        if sold > 0:
            self.grant(name_key("public"), mint, sold)
        return mint

    def grant(self, owner: str, mint: str, tokens: int) -> None:
        """Give a wallet tokens without a trade; the faucet pays for the account."""
        coin = self.coin(mint)
        self.fund(name_key("deployer"), 10**7)
        self.state.add_tokens(self.state.open_account(name_key("deployer"), owner, mint, coin.token_program), tokens)

    def script(self, *fates: Fate) -> None:
        """Say what becomes of the next submissions."""
        self.fates.extend(fates)

    def migrate(self, mint: str) -> None:
        """Move a complete coin's liquidity into its pool: 206.9e12 tokens and what was paid in, less the fee."""
        coin = self.coin(mint)
        assert coin.complete
        assert coin.pool is None
        state, pool = self.state, str(at.pool(at.key(mint)))
        paid_in = coin.reserves.real_sol + coin.after_quote
        deployer = name_key("deployer")
        self.fund(deployer, 10**8)
        state.move(deployer, pool, rent(300), "rent of the pool")
        state.put("pool", pool, mint)
        base_vault = state.open_account(deployer, pool, mint, coin.token_program)
        quote_vault = state.open_account(deployer, pool, str(at.QUOTE_SOL), str(at.TOKEN))
        for recipient in (*FEE_RECIPIENTS, *MAYHEM_RECIPIENTS, *BUYBACK_RECIPIENTS):
            self.fund(deployer, 10**7)
            state.open_account(deployer, recipient, str(at.QUOTE_SOL), str(at.TOKEN))
        curve_tokens = token_address(coin.curve, mint, coin.token_program)
        left = state.holding(curve_tokens)
        assert left is not None
        state.add_tokens(curve_tokens, -left.amount)
        state.add_tokens(base_vault, left.amount)
        state.move(coin.curve, quote_vault, paid_in - MIGRATION_FEE, "liquidity of the pool")
        state.add_tokens(quote_vault, paid_in - MIGRATION_FEE)
        state.move(coin.curve, FEE_RECIPIENTS[0], MIGRATION_FEE, "migration fee")
        state.put("coin", mint, replace(coin, pool=(left.amount, paid_in - MIGRATION_FEE)))

    # -- time --------------------------------------------------------------------------------------------------------

    @property
    def head(self) -> Block:
        return self.blocks[-1]

    @property
    def ns(self) -> int:
        """The newest block's clock."""
        return self.blocks[-1].ns if self.blocks else self._start_ns

    def advance(self, blocks: int = 1) -> list[Entry]:
        """Make blocks; gives what landed in them."""
        return [entry for _ in range(blocks) for entry in self._make_block().entries]

    def advance_to(self, ns: int) -> list[Entry]:
        """Make every block whose time has come by `ns`."""
        landed = []
        while self.ns + SLOT_NS <= ns:
            landed += self._make_block().entries
        return landed

    def fork(self, blocks: int, *, again: bool = True) -> list[str]:
        """Take the newest blocks back; their transactions wait again, or are forgotten. Gives their signatures."""
        assert 0 < blocks < min(len(self.blocks), FINALIZED)
        self._forks += 1
        lost: list[str] = []
        returned: list[Pending] = []
        for _ in range(blocks):
            block = self.blocks.pop()
            self.state.back(block.mark)
            self._heights.pop(block.blockhash)
            for entry in block.entries:
                del self._landed[entry.signature]
                lost.append(entry.signature)
            returned = block.taken + returned
        if again:
            for one in returned:
                self._pending.append(replace(one, from_height=self.head.height + 1))
        return lost

    # -- submitting --------------------------------------------------------------------------------------------------

    def submit(self, wire: bytes, way: Way = "rpc") -> str:
        """Take a signed transaction; gives its signature, which says nothing about landing.

        Raises
        ------
        Refusal
            If the bytes are no transaction, a bundle without a tip, or the fate says so.
        AnswerLost
            If the fate says so; it may land all the same.
        """
        try:
            parsed = parse(wire)
        except ValueError as wrong:
            raise Refusal("undecodable", "transaction #0 could not be decoded") from wrong
        signature = parsed.signature
        if way == "engine":
            if not any(parsed.writes(address) for address in TIP_ACCOUNTS):
                raise Refusal("no_tip", "Bundles must write lock at least one tip account to be eligible")
            if signature in self._landed:
                raise Refusal("already_processed", "bundle contains an already processed transaction")
        fate = self.fates.popleft() if self.fates else self.faults.draw(self.chance)
        self.submissions.append((signature, way, fate.answer))
        if fate.answer not in ("ok", "lost"):
            raise Refusal(fate.answer, "Network congested. Endpoint is globally rate limited.")
        if fate.kind == "never":
            self.never.add(signature)
        if fate.kind in ("land", "fail") and signature not in self.never:
            self._pending.append(Pending(parsed, way, fate, self.head.height + 1 + fate.blocks))
        if fate.answer == "lost":
            raise AnswerLost(signature)
        return signature

    def trade(self, mint: str, *, wallet: str = "", lamports: int = 0, tokens: int = 0) -> None:
        """Somebody else trades in the next block, before everything that was submitted: a buy of `lamports`, charges
        included, or a sale of `tokens`. The wallet is given what it needs for it.
        """
        wallet = wallet or name_key("stranger")
        coin = self.coin(mint)
        self.fund(wallet, lamports + 10**8)
        address = token_address(wallet, mint, coin.token_program)
        if self.state.holding(address) is None:
            self.state.open_account(wallet, wallet, mint, coin.token_program)
        if tokens and self.held(wallet, mint) < tokens:
            public = token_address(name_key("public"), mint, coin.token_program)
            self.state.add_tokens(public, self.held(wallet, mint) - tokens)
            self.state.add_tokens(address, tokens - self.held(wallet, mint))
        self._by_stranger(coin, wallet, Sell(tokens, 0) if tokens else BuyExactIn(lamports, 0))

    def finish(self, mint: str) -> None:
        """Somebody else buys all that is left of a coin in the next block, before everything that was submitted."""
        coin, wallet = self.coin(mint), name_key("stranger")
        self.fund(wallet, 200 * 10**9)
        self.state.open_account(wallet, wallet, mint, coin.token_program)
        self._by_stranger(coin, wallet, Buy(coin.reserves.real_token, 10**12))

    def _by_stranger(self, coin: Coin, wallet: str, order: Order) -> None:
        self._native += 1
        parsed = Parsed.native(self._native, coin, wallet, order)
        self._pending.insert(self._natives(), Pending(parsed, "rpc", Fate(), 0))

    # -- reading -----------------------------------------------------------------------------------------------------

    def block_at(self, commitment: Commitment = "confirmed") -> Block:
        """The newest block at a commitment."""
        return self.blocks[max(0, len(self.blocks) - 1 - BEHIND[commitment])]

    def latest_blockhash(self, commitment: Commitment = "confirmed") -> tuple[str, int]:
        """A blockhash, and the last block height at which a transaction with it can land."""
        block = self.block_at(commitment)
        return block.blockhash, block.height + LIFE_BLOCKS

    def block_height(self, commitment: Commitment = "confirmed") -> int:
        return self.block_at(commitment).height

    def commitment_of(self, entry: Entry) -> Commitment:
        depth = self.head.height - entry.height
        return "finalized" if depth >= FINALIZED else "confirmed" if depth >= CONFIRMED else "processed"

    def statuses(self, signatures: Iterable[str], *, search: bool = True) -> list[dict[str, Any] | None]:
        """As ``getSignatureStatuses``: without `search` what landed long ago is not known."""
        return [self._status(self._landed.get(signature), search) for signature in signatures]

    def landed(self, signature: str) -> Entry | None:
        """What the chain holds of a transaction, at any commitment."""
        return self._landed.get(signature)

    def transaction(self, signature: str, commitment: Commitment = "confirmed") -> dict[str, Any] | None:
        """As ``getTransaction`` in json; None if it is not there at this commitment."""
        entry = self._landed.get(signature)
        if entry is None or entry.height > self.block_height(commitment):
            return None
        return entry.answer()

    def signatures_for(self, address: str, *, limit: int = 1000, before: str = "", until: str = "") -> list[Entry]:
        """Newest first, as ``getSignaturesForAddress``."""
        found: list[Entry] = []
        started = not before
        for entry in reversed(list(self.entries())):
            if entry.signature == until or len(found) >= limit:
                break
            if started and address in entry.keys:
                found.append(entry)
            started = started or entry.signature == before
        return found

    def entries(self) -> Iterable[Entry]:
        """All that landed, in order."""
        return (entry for block in self.blocks for entry in block.entries)

    def coin(self, mint: str) -> Coin:
        coin = self.state.coin(mint)
        assert coin is not None, f"no coin {mint}"
        return coin

    def held(self, owner: str, mint: str) -> int:
        """Base units of a coin in a wallet's own token account."""
        found = self.state.holding(token_address(owner, mint, self.coin(mint).token_program))
        return found.amount if found else 0

    def lamports(self, address: str) -> int:
        return self.state.lamports(address)

    def view(self, behind: int = 0) -> State:
        """The state as so many blocks before the newest saw it; to read only."""
        if behind <= 0:
            return self.state
        return self.state.past(self.blocks[max(1, len(self.blocks) - behind)].mark if len(self.blocks) > 1 else (0, 0))

    def account(self, address: str, behind: int = 0) -> dict[str, Any] | None:
        """As ``getMultipleAccounts`` tells it, in base64."""
        return account(self.view(behind), self.fees, address)

    def token_accounts(self, owner: str, program: str, behind: int = 0) -> list[str]:
        """Addresses of a wallet's token accounts under one token program."""
        view = self.view(behind)
        return [
            address
            for address, held in view.each("tokens").items()
            if held.owner == owner and view.program_of(held.mint) == program
        ]

    def context(self, mint: str) -> dict[str, Any]:
        """What a signal message brings about a coin, as of the newest block."""
        coin = self.coin(mint)
        return {
            "virtual_sol": coin.reserves.virtual_sol,
            "virtual_token": coin.reserves.virtual_token,
            "real_sol": coin.reserves.real_sol,
            "real_token": coin.reserves.real_token,
            "complete": coin.complete,
            "creator": coin.creator,
            "token_program": coin.token_program,
            "mayhem": coin.mayhem,
            "cashback": coin.cashback,
            "holder_reward": coin.holder_reward,
            "quote_mint": "",
            "newer": "",
            "supply": coin.supply,
            "known_ns": self.ns,
        }

    @property
    def ledger(self) -> list[Move]:
        """Every lamport that moved, in order; forks take their part back."""
        return self.state.ledger

    def audit(self) -> None:
        """Check that no lamport and no token came or went, by adding up twice.

        Raises
        ------
        AssertionError
            If they did.
        """
        sums: dict[str, int] = {}
        for move in self.ledger:
            sums[move.source] = sums.get(move.source, 0) - move.lamports
            sums[move.target] = sums.get(move.target, 0) + move.lamports
        given = -sums.pop(FAUCET, 0)
        balances = {address: lamports for address, lamports in self.state.each("lamports").items() if lamports}
        assert {address: lamports for address, lamports in sums.items() if lamports} == balances
        assert given == sum(balances.values())
        held: dict[str, int] = {}
        for account_of in self.state.each("tokens").values():
            assert account_of.amount >= 0
            held[account_of.mint] = held.get(account_of.mint, 0) + account_of.amount
        for mint, coin in self.state.each("coin").items():
            assert held[mint] == coin.supply, f"{mint}: {held[mint]} of {coin.supply} base units are held"
            assert len(curve_bytes(coin)) == coin.account_bytes
            kept = rent(coin.account_bytes) + coin.protocol_fees + coin.creator_fee
            kept += 0 if coin.pool else coin.reserves.real_sol + coin.after_quote
            assert self.lamports(coin.curve) == kept, f"curve of {mint}"
        for address, account_of in self.state.each("tokens").items():
            if account_of.mint == str(at.QUOTE_SOL):
                assert self.lamports(address) == rent(165) + account_of.amount, f"wrapped SOL of {account_of.owner}"

    # -- inside ------------------------------------------------------------------------------------------------------

    def _natives(self) -> int:
        return next((i for i, one in enumerate(self._pending) if one.parsed.wire), len(self._pending))

    def _hash(self) -> str:
        parent = self.blocks[-1].blockhash if self.blocks else ""
        return encode_base58(hashlib.sha256(f"{parent}/{self._forks}/{len(self.blocks)}".encode()).digest())

    def _append(self, block: Block) -> None:
        self.blocks.append(block)
        self._heights[block.blockhash] = block.height
        if len(self.blocks) > FINALIZED:
            self.state.settle(self.blocks[-FINALIZED].mark)

    def _make_block(self) -> Block:
        head = self.head
        skipped = 1 if self.chance.random() < self.faults.skip_slot else 0
        slot = head.slot + 1 + skipped
        ns = self._start_ns + (slot - START_SLOT) * SLOT_NS
        block = Block(slot, head.height + 1, self._hash(), ns, self.state.mark())
        self._append(block)
        due = [one for one in self._pending if one.from_height <= block.height]
        self._pending = [one for one in self._pending if one.from_height > block.height]
        if self.chance.random() < self.faults.shuffle:
            self.chance.shuffle(due)
        for one in due:
            self._include(block, one)
        for tell in self.on_block:
            tell(block)
        return block

    def _include(self, block: Block, one: Pending) -> None:
        parsed, signature = one.parsed, one.parsed.signature
        reason = self._unfit(block, one)
        if reason:
            self.dropped.setdefault(signature, reason)
            return
        self.state.slot, self.state.signature = block.slot, signature
        mark = self.state.mark()
        forced = one.fate.error if one.fate.kind == "fail" else None
        place = Place(self.state, self.fees, block.ns)
        entry = execute(place, parsed, slot=block.slot, height=block.height, forced=forced)
        if one.way == "engine" and entry.err is not None and forced is None:
            # An engine simulates first and forwards nothing that fails.
            self.state.back(mark)
            self.dropped.setdefault(signature, f"not simulated: {entry.err}")
            return
        block.entries.append(entry)
        block.taken.append(one)
        self._landed[signature] = entry

    def _unfit(self, block: Block, one: Pending) -> str:
        parsed = one.parsed
        if not parsed.wire:
            return ""
        height = self._heights.get(parsed.blockhash)
        if parsed.signature in self._landed:
            return "already processed"
        if not parsed.signed:
            return "signature"
        if height is None:
            return "unknown blockhash"
        if block.height > height + LIFE_BLOCKS:
            return "expired"
        if one.way == "engine" and parsed.tips < MIN_TIP:
            return "tip too low"
        left = self.state.lamports(parsed.payer) - parsed.fee
        return "" if left == 0 or left >= rent(0) else "payer cannot pay the fee"

    def _status(self, entry: Entry | None, search: bool) -> dict[str, Any] | None:
        if entry is None:
            return None
        depth = self.head.height - entry.height
        if depth > CACHED_BLOCKS and not search:
            return None
        return {
            "slot": entry.slot,
            "confirmations": None if depth >= FINALIZED else depth,
            "err": entry.err,
            "status": {"Ok": None} if entry.err is None else {"Err": entry.err},
            "confirmationStatus": self.commitment_of(entry),
        }
