"""Sales in a pool on a real runtime: wrapped SOL that comes and goes, sizes, fees, the tip; and what is refused.

The runtime is LiteSVM with its token, associated-account and system programs. The pools' program itself is not to be
had: a stand-in at its address returns success or an error code, and pays nothing. What a sale would have paid is put
into the wallet's wrapped-SOL account before, which a sale has to unwrap just the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import pytest
from solders.account import Account
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata, TransactionMetadata

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.curve.accounts import FEES_MARK, USDC, read_pool_fee_table
from alphaloop.markets.pumpfun.curve.fees import Fees, FeeTable, FeeTier
from alphaloop.markets.pumpfun.curve.quotes import QuoteError
from alphaloop.markets.pumpfun.curve.reserves import SUPPLY
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions import costs
from alphaloop.markets.pumpfun.transactions import pool_addresses as pool_at
from alphaloop.markets.pumpfun.transactions.coins import Parties, UnknownKindError
from alphaloop.markets.pumpfun.transactions.envelope import MAX_BYTES, Envelope, Lifetime, Terms, sign
from alphaloop.markets.pumpfun.transactions.failures import read_failure
from alphaloop.markets.pumpfun.transactions.orders import Sell, sell_at
from alphaloop.markets.pumpfun.transactions.pool_accounts import (
    POOL_MARK,
    SETTINGS_MARK,
    NoPoolError,
    PoolSettings,
    PoolState,
    pool_reads,
    read_pool,
    read_pool_settings,
    read_pool_state,
)
from alphaloop.markets.pumpfun.transactions.pool_quotes import (
    NOT_IN_VAULT,
    SELLING_DISABLED,
    ZERO_BASE,
    ZERO_QUOTE,
    pool_fees,
    quote_pool_sale,
    sell_into_pool,
)
from alphaloop.markets.pumpfun.transactions.pool_sales import (
    POOL_COMPUTE_UNITS,
    PoolGeneration,
    draft_pool_sale,
    needed_for_pool_sale,
    pool_generation_for,
    pool_parties,
)
from alphaloop.markets.pumpfun.transactions.signer import Signer
from alphaloop.markets.pumpfun.transactions.tips import TIP_ACCOUNTS, tip
from alphaloop.markets.pumpfun.wire.keys import ZERO_KEY, to_bytes
from standin_program import returning

FUNDS = 10**9
TIP = 20_000
TIPS_BEFORE = 10**6
WALLET = Keypair.from_seed(b"w" * 32)
USER = WALLET.pubkey()
MINT = Keypair.from_seed(b"m" * 32).pubkey()
CREATOR = Keypair.from_seed(b"c" * 32).pubkey()
WHO = Parties(USER, Pubkey.from_bytes(b"\7" * 32), Pubkey.from_bytes(b"\x08" * 32))
TERMS = Terms(280_000, 100_000, tip(TIP, 3))
FEE = 5_000 + 28_000
VOLUME = pool_at.pool_user_volume(USER)
WRAPPED = at.quote_account(USER)
TIERS = FeeTable((FeeTier(0, Fees(93, 30, lp_bps=2)), FeeTier(420 * 10**9, Fees(5, 95, lp_bps=20))), (), Fees(5, 0))
SETTINGS = PoolSettings(
    *[tuple(str(Pubkey.from_bytes(bytes([16 * kind + n]) * 32)) for n in range(8)) for kind in (1, 2, 3)],
    selling_disabled=False,
    creator_fee_configurable=True,
)


def account(
    *,
    program: Pubkey = at.TOKEN_2022,
    mint: Pubkey = MINT,
    priced_in: str = str(at.QUOTE_SOL),
    authority: Pubkey | None = None,
    index: int = 0,
    base_vault: Pubkey | None = None,
    creator: str = str(CREATOR),
    flags: tuple[int, int] = (0, 0),
    virtual: int = 0,
    own_bps: int = 0,
    waiting: tuple[int, int] = (0, 0),
    length: int = 301,
) -> bytes:
    """A pool's account; flags are mayhem and cashback, waiting are the protocol's and the creator's fees."""
    pool = at.pool(mint)
    data = POOL_MARK + b"\xfe" + index.to_bytes(2, "little")
    data += bytes(authority or pool_at.pool_authority(mint)) + bytes(mint) + to_bytes(priced_in) + bytes(32)
    data += bytes(base_vault or at.token_account(pool, mint, program)) + bytes(at.quote_account(pool)) + bytes(8)
    data += to_bytes(creator) + bytes(flags) + virtual.to_bytes(16, "little", signed=True)
    data += own_bps.to_bytes(8, "little") + bytes(2) + b"".join(n.to_bytes(8, "little") for n in waiting)
    return data.ljust(length, b"\0")[:length]


def holding(amount: int, mint: Pubkey, owner: Pubkey) -> bytes:
    return (bytes(mint) + bytes(owner) + amount.to_bytes(8, "little")).ljust(165, b"\0")


def read(program: Pubkey = at.TOKEN_2022, base: int = 2 * 10**14, quote: int = 85 * 10**9, **chosen) -> PoolState:
    pool = at.pool(MINT)
    mint = bytes(36) + SUPPLY.to_bytes(8, "little") + bytes(38)
    vaults = [holding(base, MINT, pool), holding(quote, at.QUOTE_SOL, pool)]
    return read_pool_state(MINT, program, [account(program=program, **chosen), *vaults, mint])


PLAIN, OLD = read(), read(program=at.TOKEN)
CASHBACK, SHORT = read(flags=(0, 1)), read(flags=(0, 1), length=245)


@dataclass
class Runtime:
    """A funded wallet, wrapped SOL, and the stand-in."""

    code: int = 0
    vm: LiteSVM = field(default_factory=LiteSVM)

    def __post_init__(self) -> None:
        self.vm.add_program(at.AMM, returning(self.code))
        self.vm.airdrop(USER, FUNDS)
        for tipped in TIP_ACCOUNTS:
            self.vm.airdrop(at.key(tipped), TIPS_BEFORE)
        native = bytes(44) + bytes([9, 1]) + bytes(36)
        self.vm.set_account(at.QUOTE_SOL, Account(lamports=10**9, data=native, owner=at.TOKEN))

    def wrap(self, lamports: int) -> None:
        """Have this much in the wallet's wrapped-SOL account."""
        rent = costs.TOKEN_ACCOUNT_RENT
        data = holding(lamports, at.QUOTE_SOL, USER)[:72] + bytes(36) + b"\1"  # initialized
        data += (1).to_bytes(4, "little") + rent.to_bytes(8, "little") + bytes(44)  # native, with its rent beside
        self.vm.set_account(WRAPPED, Account(lamports=rent + lamports, data=data, owner=at.TOKEN))

    def seal(self, state: PoolState, generation: PoolGeneration = "v1", *, missing: bool = False) -> Envelope:
        lifetime = Lifetime(str(self.vm.latest_blockhash()), 150)
        made = draft_pool_sale(
            Sell(1, 1),
            state,
            WHO,
            terms=TERMS,
            lifetime=lifetime,
            generation=generation,
            volume_account_missing=missing,
        )
        return sign(made, Signer(WALLET))

    def send(self, envelope: Envelope) -> TransactionMetadata | FailedTransactionMetadata:
        return self.vm.send_transaction(VersionedTransaction.from_bytes(envelope.wire))

    def lamports(self, address: Pubkey) -> int:
        return self.vm.get_balance(address) or 0

    @property
    def spent(self) -> int:
        return FUNDS - self.lamports(USER)


@pytest.mark.parametrize(
    ("state", "generation", "missing", "size"),
    [
        (PLAIN, "v1", False, 1_041),
        (OLD, "v1", False, 1_009),
        (CASHBACK, "v1", False, 1_117),
        (CASHBACK, "v1", True, 1_134),
        (SHORT, "v1", True, 1_150),
        (PLAIN, "v2", False, 842),
    ],
)
def test_every_sale_fits_a_packet_and_the_runtime_takes_it(state, generation, missing, size):
    runtime = Runtime()
    envelope = runtime.seal(state, generation, missing=missing)
    assert len(envelope.wire) == size <= MAX_BYTES
    done = runtime.send(envelope)
    assert isinstance(done, TransactionMetadata), done
    # There must be room for the sale itself, of which the most that was seen is this.
    assert done.compute_units_consumed() + 101_322 < POOL_COMPUTE_UNITS["v1"]


@pytest.mark.parametrize("state", [PLAIN, OLD])
@pytest.mark.parametrize("generation", ["v1", "v2"])
def test_wrapped_sol_is_plain_sol_again_and_its_account_is_gone(state, generation):
    runtime = Runtime()
    runtime.wrap(12_345_678)
    assert isinstance(runtime.send(runtime.seal(state, generation)), TransactionMetadata)
    assert runtime.lamports(WRAPPED) == 0
    assert runtime.spent == FEE + TIP - 12_345_678 - costs.TOKEN_ACCOUNT_RENT
    assert runtime.lamports(at.key(TIP_ACCOUNTS[3])) == TIPS_BEFORE + TIP


@pytest.mark.parametrize("generation", ["v1", "v2"])
def test_the_account_that_a_sale_makes_costs_nothing_in_the_end(generation):
    runtime = Runtime()
    assert isinstance(runtime.send(runtime.seal(PLAIN, generation)), TransactionMetadata)
    assert runtime.spent == FEE + TIP
    assert runtime.lamports(WRAPPED) == 0


def test_a_cashback_coins_sale_makes_what_takes_the_cashback_once():
    runtime = Runtime()
    assert isinstance(runtime.send(runtime.seal(CASHBACK)), TransactionMetadata)
    assert runtime.lamports(at.quote_account(VOLUME)) == costs.TOKEN_ACCOUNT_RENT
    assert runtime.spent == FEE + TIP + costs.TOKEN_ACCOUNT_RENT
    runtime.vm.expire_blockhash()
    assert isinstance(runtime.send(runtime.seal(CASHBACK)), TransactionMetadata)
    assert runtime.spent == 2 * (FEE + TIP) + costs.TOKEN_ACCOUNT_RENT


@pytest.mark.parametrize("state", [PLAIN, CASHBACK])
def test_a_failing_sale_pays_no_tip_and_leaves_nothing_behind(state):
    runtime = Runtime(code=6004)
    envelope = runtime.seal(state)
    failed = runtime.send(envelope)
    assert isinstance(failed, FailedTransactionMetadata)
    assert runtime.spent == FEE
    assert runtime.lamports(WRAPPED) == runtime.lamports(at.quote_account(VOLUME)) == 0
    assert runtime.lamports(at.key(TIP_ACCOUNTS[3])) == TIPS_BEFORE
    failure = read_failure({"InstructionError": [failed.err().index, {"Custom": 6004}]}, envelope.parts)
    assert (failure.part, failure.name, failure.remedy) == ("pool_trade", "ExceededSlippage", "requote")


def test_a_wallet_with_what_is_needed_can_sell_and_one_with_less_than_the_first_rent_cannot():
    runtime = Runtime()
    needed = needed_for_pool_sale(PLAIN, fee=FEE, tip=TIP)
    assert needed == 3 * 2_039_280 + FEE + TIP + costs.WALLET_RENT
    runtime.vm.set_account(USER, Account(lamports=needed, data=b"", owner=at.SYSTEM))
    assert isinstance(runtime.send(runtime.seal(PLAIN)), TransactionMetadata)
    poor = Runtime()
    short_of = FEE + costs.TOKEN_ACCOUNT_RENT - 1
    poor.vm.set_account(USER, Account(lamports=short_of, data=b"", owner=at.SYSTEM))
    envelope = poor.seal(PLAIN)
    failed = poor.send(envelope)
    assert isinstance(failed, FailedTransactionMetadata)
    error = {"InstructionError": [failed.err().index, {"Custom": failed.err().err.code}]}
    assert read_failure(error, envelope.parts).remedy == "fund"
    assert read_failure(error, envelope.parts).part == "wrapped_account"


def test_the_steps_are_named_in_their_order_and_the_tip_is_last():
    runtime = Runtime()
    budget, around = ("compute_limit", "compute_price"), ("wrapped_account", "pool_trade", "unwrap", "tip")
    assert runtime.seal(PLAIN).parts == (*budget, *around)
    assert runtime.seal(PLAIN, "v2").parts == (*budget, *around)
    assert runtime.seal(CASHBACK, missing=True).parts == (*budget, "volume_account", "cashback_account", *around)
    assert runtime.seal(SHORT).parts == (*budget, "pool_growth", "cashback_account", *around)
    assert runtime.seal(read(length=299)).parts == (*budget, "pool_growth", *around)
    assert "pool_growth" not in runtime.seal(read(length=300)).parts
    assert "pool_growth" not in runtime.seal(read(length=299), "v2").parts


def test_what_a_sale_may_have_to_make_is_counted():
    extra = FEE + TIP + costs.WALLET_RENT
    assert needed_for_pool_sale(PLAIN, generation="v2", fee=FEE, tip=TIP) - extra == 2_039_280 + 1_844_400
    assert needed_for_pool_sale(CASHBACK, fee=FEE, tip=TIP) - extra == 4 * 2_039_280 + 1_844_400
    assert needed_for_pool_sale(read(length=211), fee=FEE, tip=TIP) - extra == 3 * 2_039_280 + 89 * 6_960


@pytest.mark.parametrize(
    ("state", "fees", "preferred", "generation"),
    [
        (PLAIN, Fees(5, 95), None, "v1"),
        (PLAIN, Fees(5, 0), None, "v2"),
        (PLAIN, Fees(5, 95), "v2", "v2"),
        (PLAIN, Fees(5, 0), "v1", "v1"),
        (read(creator=ZERO_KEY), Fees(5, 0), None, "v1"),
        (CASHBACK, Fees(5, 0, 95), None, "v1"),
        (CASHBACK, Fees(5, 0, 95), "v2", "v1"),
    ],
)
def test_the_generation_follows_the_coin(state, fees, preferred, generation):
    assert pool_generation_for(state, fees, preferred) == generation


def test_the_second_generation_does_not_sell_a_cashback_coin():
    with pytest.raises(UnknownKindError, match="6079"):
        Runtime().seal(CASHBACK, "v2")


def test_recipients_come_from_the_list_of_the_kind():
    drawn = [pool_parties(USER, PLAIN, SETTINGS, lot) for lot in range(64)]
    assert {str(p.fee_recipient) for p in drawn} == set(SETTINGS.fee_recipients)
    assert {str(p.buyback_recipient) for p in drawn} == set(SETTINGS.buyback_fee_recipients)
    mayhem = [pool_parties(USER, read(flags=(1, 0)), SETTINGS, lot) for lot in range(8)]
    assert {str(p.fee_recipient) for p in mayhem} == set(SETTINGS.mayhem_fee_recipients)
    with pytest.raises(UnknownKindError, match="0 fee recipients"):
        pool_parties(USER, PLAIN, PoolSettings((ZERO_KEY,), (), (), False, False), 0)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"program": at.AMM}, "unknown token program"),
        ({"priced_in": USDC}, "for wrapped SOL"),
        ({"mint": CREATOR}, "not the coin"),
        ({"authority": CREATOR}, "opened by"),
        ({"index": 1}, "as number 1"),
        ({"base_vault": CREATOR}, "keeps its coins"),
    ],
)
def test_a_pool_that_is_not_the_coins_own_is_refused(chosen, said):
    with pytest.raises(UnknownKindError, match=said):
        read(**chosen)


def test_what_was_not_read_or_is_something_else_is_said():
    pool, mint = at.pool(MINT), bytes(36) + SUPPLY.to_bytes(8, "little") + bytes(38)
    good = [account(), holding(1, MINT, pool), holding(2, at.QUOTE_SOL, pool), mint]
    assert len(pool_reads(MINT, at.TOKEN_2022)) == len(good)
    assert (read_pool_state(MINT, at.TOKEN_2022, good).base, read_pool_state(MINT, at.TOKEN_2022, good).quote) == (1, 2)
    with pytest.raises(NoPoolError, match="wait for its migration"):
        read_pool_state(MINT, at.TOKEN_2022, [None, None, None, mint])
    for place, wrong in [(0, account()[1:]), (0, account()[:210]), (1, None), (1, good[2]), (2, good[1]), (3, b"")]:
        with pytest.raises(DataError):
            read_pool_state(MINT, at.TOKEN_2022, [wrong if i == place else data for i, data in enumerate(good)])


def test_a_state_is_kept_as_plain_json_with_its_sign():
    state = read(virtual=-(10**9), flags=(1, 1), waiting=(7, 8))
    assert msgspec.json.decode(msgspec.json.encode(state), type=PoolState) == state
    assert msgspec.convert(msgspec.to_builtins(state), PoolState) == state
    assert (state.priced, PLAIN.priced) == (84 * 10**9, 85 * 10**9)


def test_what_a_newer_account_holds_is_told_and_padding_is_nothing_new():
    assert not read_pool(account(length=400)).newer
    assert "1 bytes" in read_pool(account(length=287) + b"\1" + bytes(20)).newer


def test_settings_that_stop_sales_are_read_and_stop_quotes():
    data = SETTINGS_MARK + bytes(48) + bytes([1 << 4]) + bytes(892)
    settings = read_pool_settings(data)
    assert settings.selling_disabled
    assert not read_pool_settings(data[:56] + bytes([0xEF]) + data[57:]).selling_disabled
    with pytest.raises(QuoteError, match="disabled") as caught:
        quote_pool_sale(PLAIN, 10**12, settings, TIERS)
    assert caught.value.code == SELLING_DISABLED
    with pytest.raises(DataError, match="pool settings"):
        read_pool_settings(data[:300])


def test_a_quote_makes_an_order_with_its_limit():
    quote = quote_pool_sale(PLAIN, 10**12, SETTINGS, TIERS)
    gross = 10**12 * 85 * 10**9 // (2 * 10**14 + 10**12)
    charges = [-(-gross * bps // 10_000) for bps in (20, 5, 95)]
    assert [quote.lp_fee, quote.fee, quote.creator_fee] == charges
    assert quote.total == gross - sum(charges)
    assert sell_at(quote, 500) == Sell(10**12, quote.total * 9_500 // 10_000)


def test_charges_are_those_of_the_kind_of_coin():
    assert pool_fees(PLAIN, SETTINGS, TIERS) == Fees(5, 95, lp_bps=20)
    assert pool_fees(read(base=2 * 10**14, quote=80 * 10**9), SETTINGS, TIERS) == Fees(93, 30, lp_bps=2)
    assert pool_fees(read(creator=ZERO_KEY), SETTINGS, TIERS) == Fees(5, 0, lp_bps=20)
    assert pool_fees(CASHBACK, SETTINGS, TIERS) == Fees(5, 0, 95, lp_bps=20)
    assert pool_fees(read(own_bps=250), SETTINGS, TIERS) == Fees(5, 250, lp_bps=20)
    closed = PoolSettings((), (), (), selling_disabled=False, creator_fee_configurable=False)
    assert pool_fees(read(own_bps=250), closed, TIERS) == Fees(5, 95, lp_bps=20)
    # Lent liquidity counts for the market value, and burnt coins of all but a mayhem coin do not.
    assert pool_fees(read(quote=80 * 10**9, virtual=10**10), SETTINGS, TIERS).creator_bps == 95
    burnt = PoolState(PLAIN.pool, PLAIN.token_program, PLAIN.base, PLAIN.quote, SUPPLY // 2)
    assert pool_fees(burnt, SETTINGS, TIERS).creator_bps == 30
    mayhem = PoolState(read(flags=(1, 0)).pool, PLAIN.token_program, PLAIN.base, PLAIN.quote, SUPPLY // 2)
    assert pool_fees(mayhem, SETTINGS, TIERS).creator_bps == 95


@pytest.mark.parametrize(
    ("chosen", "tokens", "code"),
    [
        ({}, 0, ZERO_BASE),
        ({}, 1, ZERO_QUOTE),
        ({"quote": 2 * 10**14}, 1, ZERO_QUOTE),  # worth a lamport, and charged three
        ({"virtual": 10**12}, 10**15, NOT_IN_VAULT),
        ({"waiting": (60 * 10**9, 20 * 10**9)}, 10**14, NOT_IN_VAULT),
    ],
)
def test_sales_that_the_program_would_refuse_are_not_quoted(chosen, tokens, code):
    state = read(**chosen)
    with pytest.raises(QuoteError) as caught:
        sell_into_pool(state.pool, state.base, state.quote, tokens, Fees(5, 95, lp_bps=20))
    assert caught.value.code == code


@pytest.mark.parametrize("chosen", [{"base": 0}, {"quote": 0}, {"virtual": -85 * 10**9}])
def test_an_empty_pool_has_no_price(chosen):
    state = read(**chosen)
    with pytest.raises(DataError, match="no price"):
        sell_into_pool(state.pool, state.base, state.quote, 1, Fees(5, 95))
    with pytest.raises(DataError, match="no price"):
        pool_fees(state, SETTINGS, TIERS)


def test_a_fee_account_without_tiers_prices_nothing():
    with pytest.raises(DataError, match="0 tiers"):
        read_pool_fee_table(FEES_MARK + bytes(100))
    with pytest.raises(DataError, match="inside a table"):
        read_pool_fee_table(FEES_MARK + bytes(57) + b"\3" + bytes(43))


@pytest.mark.parametrize(
    ("part", "code", "name", "remedy"),
    [
        ("pool_trade", 6003, "Custom 6003", "report"),
        ("trade", 6003, "TooLittleSolReceived", "requote"),
        ("pool_trade", 6021, "DisabledSell", "wait"),
        ("trade", 6021, "NotEnoughTokensToBuy", "resize"),
        ("pool_trade", 6062, "InvalidPoolV2", "refresh_accounts"),
        ("trade", 6062, "BuybackFeeRecipientMissing", "refresh_accounts"),
        ("pool_trade", 6063, "InsufficientRealQuoteReserves", "resize"),
        ("pool_trade", 6061, "InvalidCashbackAccumulatorAta", "fix_kind"),
        ("pool_trade", 1, "InsufficientFunds", "check_balance"),
        ("volume_account", 1, "InsufficientLamports", "fund"),
        ("unwrap", 1, "Custom 1", "report"),
    ],
)
def test_the_same_number_means_another_thing_in_a_pool(part, code, name, remedy):
    failure = read_failure({"InstructionError": [2, {"Custom": code}]}, ("compute_limit", "compute_price", part))
    assert (failure.part, failure.name, failure.remedy) == (part, name, remedy)
