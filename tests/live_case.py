"""A wallet, and transactions of it, on the chain of `live_chain`."""

from __future__ import annotations

import base64
import random

from solders.keypair import Keypair

from alphaloop.markets.pumpfun.curve.accounts import read_global
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.coins import parties, read_coin
from alphaloop.markets.pumpfun.transactions.envelope import COMPUTE_UNITS, Envelope, Lifetime, Terms, draft, sign
from alphaloop.markets.pumpfun.transactions.instructions import Generation
from alphaloop.markets.pumpfun.transactions.orders import Order
from alphaloop.markets.pumpfun.transactions.signer import Signer
from alphaloop.markets.pumpfun.transactions.tips import tip
from live_chain import Chain, Faults

SOL = 10**9
WALLET = Keypair.from_seed(b"w" * 32)
ME = str(WALLET.pubkey())
TIP = 20_000


def bytes_of(chain: Chain, address: object) -> bytes:
    found = chain.account(str(address))
    assert found is not None
    return base64.b64decode(found["data"][0])


def seal(
    chain: Chain, mint: str, order: Order, generation: Generation = "legacy", *, lot: int = 0, tips: int | None = TIP,
    price: int = 100_000, lifetime: Lifetime | None = None,
) -> Envelope:  # fmt: skip
    coin, _ = read_coin(mint, chain.coin(mint).token_program, bytes_of(chain, chain.coin(mint).curve))
    who = parties(WALLET.pubkey(), coin, read_global(bytes_of(chain, at.GLOBAL)), lot)
    terms = Terms(COMPUTE_UNITS[generation], price, None if tips is None else tip(tips, lot))
    lifetime = lifetime or Lifetime(*chain.latest_blockhash())
    return sign(draft(order, coin, who, generation=generation, terms=terms, lifetime=lifetime), Signer(WALLET))


def small(seed: int = 1, **faults: float) -> Chain:
    chain = Chain(random.Random(seed), faults=Faults(**faults))
    chain.fund(ME, 10 * SOL)
    chain.advance(3)
    return chain
