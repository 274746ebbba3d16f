"""Envelopes on a real runtime: signatures, sizes, fees, token accounts, the tip.

The runtime is LiteSVM with its token, associated-account and system programs. The trading program itself is not to be
had: a stand-in of two machine instructions sits at its address, and either returns success or one of the program's
error codes. It carries the envelope and moves nothing, so nothing here says anything about trades themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from solders.account import Account
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata, TransactionMetadata

from alphaloop.core.errors import DataError, InputError
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions import costs
from alphaloop.markets.pumpfun.transactions.coins import Coin, Parties
from alphaloop.markets.pumpfun.transactions.envelope import (
    COMPUTE_UNITS,
    MAX_BYTES,
    Envelope,
    EnvelopeError,
    Lifetime,
    Terms,
    draft,
    sign,
)
from alphaloop.markets.pumpfun.transactions.instructions import Generation
from alphaloop.markets.pumpfun.transactions.orders import Buy, BuyExactIn, Order, Sell
from alphaloop.markets.pumpfun.transactions.signer import Signer
from alphaloop.markets.pumpfun.transactions.tips import TIP_ACCOUNTS, Tip, tip
from standin_program import returning

FUNDS = 10**9
WALLET = Keypair.from_seed(b"w" * 32)
MINT = Keypair.from_seed(b"m" * 32).pubkey()
CREATOR = Keypair.from_seed(b"c" * 32).pubkey()
FEE, BUYBACK = (Pubkey.from_bytes(bytes([n]) * 32) for n in (7, 8))
WHO = Parties(WALLET.pubkey(), FEE, BUYBACK)
OLD = Coin(MINT, at.TOKEN, CREATOR)
NEW = Coin(MINT, at.TOKEN_2022, CREATOR)
CASHBACK = Coin(MINT, at.TOKEN_2022, CREATOR, cashback=True)
TERMS = Terms(120_000, 100_000, tip(20_000, 3))
TIPS_BEFORE = 10**6
PROVEN = 17_000
"""The network's fee for 120,000 units at 100,000 micro-lamports."""
SEEN_UNITS = {"legacy": 72_000, "v2": 94_000, "v3": 45_000}


@dataclass
class Runtime:
    """A funded wallet, a mint, and the stand-in."""

    coin: Coin
    code: int = 0
    vm: LiteSVM = field(default_factory=LiteSVM)

    def __post_init__(self) -> None:
        self.vm.add_program(at.PUMP, returning(self.code))
        self.vm.airdrop(WALLET.pubkey(), FUNDS)
        # The engine's own accounts are there; one that is not could not be given less than its rent.
        for account in TIP_ACCOUNTS:
            self.vm.airdrop(at.key(account), TIPS_BEFORE)
        data = bytes(36) + (10**15).to_bytes(8, "little") + bytes([6, 1]) + bytes(36)
        self.vm.set_account(MINT, Account(lamports=10**9, data=data, owner=self.coin.token_program))

    def seal(self, order: Order, generation: Generation = "legacy", terms: Terms = TERMS) -> Envelope:
        lifetime = Lifetime(str(self.vm.latest_blockhash()), 150)
        made = draft(order, self.coin, WHO, generation=generation, terms=terms, lifetime=lifetime)
        return sign(made, Signer(WALLET))

    def send(self, envelope: Envelope) -> TransactionMetadata | FailedTransactionMetadata:
        return self.vm.send_transaction(VersionedTransaction.from_bytes(envelope.wire))

    def lamports(self, address: Pubkey) -> int:
        return self.vm.get_balance(address) or 0

    @property
    def spent(self) -> int:
        return FUNDS - self.lamports(WALLET.pubkey())


@pytest.mark.parametrize(
    ("coin", "order", "generation", "size"),
    [
        (OLD, Buy(1, 1), "legacy", 869),
        (NEW, Buy(1, 1), "legacy", 869),
        (NEW, Sell(1, 1), "legacy", 760),
        (CASHBACK, Sell(1, 1), "legacy", 793),
        (OLD, Buy(1, 1), "v2", 1_101),
        (NEW, Buy(1, 1), "v2", 1_133),
        (OLD, Sell(1, 1), "v2", 1_058),
        (NEW, Sell(1, 1), "v2", 1_090),
        (OLD, Buy(1, 1), "v3", 804),
        (NEW, Buy(1, 1), "v3", 836),
        (OLD, Sell(1, 1), "v3", 761),
        (NEW, Sell(1, 1), "v3", 793),
    ],
)
def test_sizes_are_the_measured_ones_and_the_runtime_takes_them(coin, order, generation, size):
    runtime = Runtime(coin)
    envelope = runtime.seal(order, generation)
    assert len(envelope.wire) == size <= MAX_BYTES
    assert isinstance(runtime.send(envelope), TransactionMetadata)


@pytest.mark.parametrize("generation", ["legacy", "v2", "v3"])
@pytest.mark.parametrize(("coin", "rent", "length"), [(OLD, 2_039_280, 165), (NEW, 2_074_080, 170)])
def test_a_buy_makes_the_token_account_pays_the_fee_and_tips_last(generation, coin, rent, length):
    runtime = Runtime(coin)
    envelope = runtime.seal(BuyExactIn(10**7, 1), generation)
    done = runtime.send(envelope)
    assert isinstance(done, TransactionMetadata)
    account = runtime.vm.get_account(at.token_account(WALLET.pubkey(), MINT, coin.token_program))
    assert account is not None
    assert (account.lamports, len(account.data), account.owner) == (rent, length, coin.token_program)
    assert runtime.lamports(at.key(TIP_ACCOUNTS[3])) == TIPS_BEFORE + 20_000
    assert runtime.spent == rent + PROVEN + 20_000
    assert done.fee() == TERMS.fee == PROVEN
    assert str(done.signature()) == envelope.signature
    # Even with a trade that does next to nothing there must be room for the real one in the defaults.
    assert (
        done.compute_units_consumed()
        < COMPUTE_UNITS[generation] - {"legacy": 72_000, "v2": 94_000, "v3": 45_000}[generation]
    )
    assert envelope.parts == ("compute_limit", "compute_price", "token_account", "trade", "tip")


def test_a_second_buy_finds_the_account_and_pays_no_rent():
    runtime = Runtime(NEW)
    runtime.send(runtime.seal(Buy(1, 1)))
    before = runtime.spent
    runtime.vm.expire_blockhash()
    assert isinstance(runtime.send(runtime.seal(Buy(1, 1))), TransactionMetadata)
    assert runtime.spent - before == PROVEN + 20_000


@pytest.mark.parametrize("order", [Buy(1, 1), Sell(1, 1)])
def test_a_failing_trade_pays_no_tip_and_makes_no_account(order):
    runtime = Runtime(NEW, code=6002)
    envelope = runtime.seal(order)
    failed = runtime.send(envelope)
    assert isinstance(failed, FailedTransactionMetadata)
    assert runtime.spent == PROVEN
    assert runtime.lamports(at.key(TIP_ACCOUNTS[3])) == TIPS_BEFORE
    assert runtime.vm.get_account(at.token_account(WALLET.pubkey(), MINT, at.TOKEN_2022)) is None
    error = failed.err()
    assert envelope.parts[error.index] == "trade"
    assert error.err.code == 6002


def test_a_tip_beyond_the_wallet_takes_the_trade_back():
    runtime = Runtime(NEW)
    envelope = runtime.seal(Sell(1, 1), terms=Terms(120_000, 100_000, Tip(at.key(TIP_ACCOUNTS[0]), FUNDS)))
    failed = runtime.send(envelope)
    assert isinstance(failed, FailedTransactionMetadata)
    assert (envelope.parts[failed.err().index], failed.err().err.code) == ("tip", 1)
    assert runtime.spent == PROVEN


@pytest.mark.parametrize("missing", [0, 1])
def test_a_wallet_must_keep_its_own_rent(missing):
    runtime = Runtime(NEW)
    funds = PROVEN + 20_000 + costs.WALLET_RENT - missing
    runtime.vm.set_account(WALLET.pubkey(), Account(lamports=funds, data=b"", owner=at.SYSTEM))
    done = runtime.send(runtime.seal(Sell(1, 1)))
    if missing:
        assert isinstance(done, FailedTransactionMetadata)
        assert "InsufficientFundsForRent" in repr(done.err())
        assert runtime.lamports(at.key(TIP_ACCOUNTS[3])) == TIPS_BEFORE
    else:
        assert isinstance(done, TransactionMetadata)
        assert runtime.lamports(WALLET.pubkey()) == costs.WALLET_RENT


def test_a_limit_that_is_too_low_fails_and_pays_its_own_fee_only():
    runtime = Runtime(NEW)
    envelope = runtime.seal(Buy(1, 1), terms=Terms(1_000, 1, tip(20_000, 3)))
    assert isinstance(runtime.send(envelope), FailedTransactionMetadata)
    assert runtime.spent == costs.network_fee(1_000, 1) == 5_001


def test_the_same_bytes_land_once():
    runtime = Runtime(NEW)
    envelope = runtime.seal(Buy(1, 1))
    assert runtime.seal(Buy(1, 1)).wire == envelope.wire
    runtime.send(envelope)
    before = runtime.spent
    assert isinstance(runtime.send(envelope), FailedTransactionMetadata)
    assert runtime.spent == before


def test_changed_bytes_and_dead_blockhashes_do_not_land():
    runtime = Runtime(NEW)
    envelope = runtime.seal(Buy(1, 1))
    # The last byte is the number of look-up tables; the one before is of the tip's amount.
    forged = envelope.wire[:-2] + b"\1" + envelope.wire[-1:]
    assert isinstance(runtime.vm.send_transaction(VersionedTransaction.from_bytes(forged)), FailedTransactionMetadata)
    runtime.vm.expire_blockhash()
    assert isinstance(runtime.send(envelope), FailedTransactionMetadata)
    assert runtime.spent == 0


def test_the_message_is_version_0_signed_by_one_and_looks_nothing_up():
    envelope = Runtime(NEW).seal(Buy(1, 1), "v2")
    sent = VersionedTransaction.from_bytes(envelope.wire)
    assert sent.verify_with_results() == [True]
    assert sent.message.account_keys[0] == WALLET.pubkey()
    assert sent.message.address_table_lookups == []
    first, second, *_, last = sent.message.instructions
    assert bytes(first.data) == b"\2" + (120_000).to_bytes(4, "little")
    assert bytes(second.data).hex() == "03a086010000000000"
    assert sent.message.account_keys[last.program_id_index] == at.SYSTEM
    assert bytes(last.data) == (2).to_bytes(4, "little") + (20_000).to_bytes(8, "little")


def test_without_a_tip_the_trade_is_last():
    runtime = Runtime(NEW)
    envelope = runtime.seal(Sell(1, 1), terms=Terms(120_000, 0))
    assert envelope.parts == ("compute_limit", "compute_price", "trade")
    assert isinstance(runtime.send(envelope), TransactionMetadata)
    assert runtime.spent == 5_000


def test_another_wallets_message_is_not_signed():
    made = draft(Sell(1, 1), NEW, WHO, generation="v2", terms=TERMS, lifetime=Lifetime(str(MINT), 1))
    with pytest.raises(EnvelopeError, match="pays for the transaction"):
        sign(made, Signer(Keypair()))


def test_a_transaction_too_long_for_the_network_is_refused(monkeypatch):
    monkeypatch.setattr("alphaloop.markets.pumpfun.transactions.envelope.MAX_BYTES", 1_132)
    with pytest.raises(EnvelopeError, match="1133 bytes"):
        Runtime(NEW).seal(Buy(1, 1), "v2")


@pytest.mark.parametrize(("units", "price"), [(0, 1), (1_400_001, 1), (1, -1), (1, 1 << 64)])
def test_impossible_terms_are_refused(units, price):
    with pytest.raises(InputError):
        Terms(units, price)


def test_a_blockhash_that_is_none_is_refused():
    with pytest.raises(DataError, match="bytes"):
        draft(Sell(1, 1), NEW, WHO, generation="v2", terms=TERMS, lifetime=Lifetime("abc", 1))


def test_costs_are_the_known_rents_and_their_sum_is_what_a_wallet_needs():
    assert (costs.TOKEN_ACCOUNT_RENT, costs.TOKEN_2022_ACCOUNT_RENT) == (2_039_280, 2_074_080)
    assert (costs.USER_VOLUME_RENT, costs.CREATOR_VAULT_RENT) == (1_844_400, 890_880)
    assert costs.priority_fee(120_000, 100_000) == 12_000
    assert costs.priority_fee(1, 1) == 1
    shared = 1_844_400 + 890_880 + 117 * 6_960
    assert costs.most_rent(Sell(1, 1), NEW) == shared
    shared += 890_880
    assert costs.needed_balance(Buy(5, 70), OLD, fee=3, tip=2) == 70 + shared + 2_039_280 + 5
    assert costs.needed_balance(BuyExactIn(70, 5), NEW, fee=3, tip=2) == 70 + shared + 2_074_080 + 5
    assert costs.needed_balance(Sell(5, 70), NEW, fee=3, tip=2) == shared + 5
