"""Facts of the chain for a dry run that asks nobody: mainnet's of 2026-10-10, and a made-up blockhash.

A transaction that is made from them has everything that a real one has, and can land nowhere.
"""

from __future__ import annotations

import hashlib
from typing import Final

from alphaloop.core.clock import to_ns
from alphaloop.markets.pumpfun.curve.accounts import Global
from alphaloop.markets.pumpfun.curve.completion import MIGRATION_FEE
from alphaloop.markets.pumpfun.curve.fees import BUYBACK_BPS, TODAY, Fees, flat
from alphaloop.markets.pumpfun.curve.reserves import START, SUPPLY
from alphaloop.markets.pumpfun.live.facts import ChainFacts, Program
from alphaloop.markets.pumpfun.transactions.envelope import Lifetime
from alphaloop.markets.pumpfun.transactions.pool_accounts import PoolSettings
from alphaloop.markets.pumpfun.transactions.tips import TIP_ACCOUNTS, TipFloor
from alphaloop.markets.pumpfun.wire.keys import to_text

SLOT_NS: Final = to_ns(0.4)
LIFE_BLOCKS: Final = 150

_NORMAL: Final = (
    "62qc2CNXwrYqQScmEdiZFFAnJR262PxWEuNQtxfafNgV",
    "7VtfL8fvgNfhz17qKRMjzQEXgbdpnHHHQRh54R9jP2RJ",
    "7hTckgnGnLQR6sdH7YkqFTAA7VwTfYFaZ6EhEsU3saCX",
    "9rPYyANsfQZw3DnDmKE3YCQF5E8oD89UXoHn9JFEhJUz",
    "AVmoTthdrX6tKt4nDjco2D775W2YK3sDhxPcMmzUAmTY",
    "CebN5WGQ4jvEPvsVU4EoHEpgzq1VV7AbicfhtW4xC9iM",
    "FWsW1xNtWscwNmKv6wVsU1iTzRN6wmmk3MjxRP5tT7hz",
    "G5UZAVbAf46s7cKWoyKu8kYTip9DGTpbLZ2qa9Aq69dP",
)
_MAYHEM: Final = (
    "GesfTA3X2arioaHp8bbKdjG9vJtskViWACZoYvxp4twS",
    "4budycTjhs9fD6xw62VBducVTNgMgJJ5BgtKq7mAZwn6",
    "8SBKzEQU4nLSzcwF4a74F2iaUDQyTfjGndn6qUWBnrpR",
    "4UQeTP1T39KZ9Sfxzo3WR5skgsaP6NZa87BAkuazLEKH",
    "8sNeir4QsLsJdYpc9RZacohhK1Y5FLU3nC5LXgYB4aa6",
    "Fh9HmeLNUMVCvejxCtCL2DbYaRyBFVJ5xrWkLnMH6fdk",
    "463MEnMeGyJekNZFQSTUABBEbLnvMTALbT6ZmsxAbAdq",
    "6AUH3WEHucYZyC61hqpqYUWVto5qA5hjHuNQ32GNnNxA",
)
_BUYBACK: Final = (
    "5YxQFdt3Tr9zJLvkFccqXVUwhdTWJQc1fFg2YPbxvxeD",
    "9M4giFFMxmFGXtc3feFzRai56WbBqehoSeRE5GK7gf7",
    "GXPFM2caqTtQYC2cJ5yJRi9VDkpsYZXzYdwYpGnLmtDL",
    "3BpXnfJaUTiwXnJNe7Ej1rcbzqTTQUvLShZaWazebsVR",
    "5cjcW9wExnJJiqgLjq7DEG75Pm6JBgE1hNv4B2vHXUW6",
    "EHAAiTxcdDwQ3U4bU6YcMsQGaekdzLS3B5SmYo46kJtL",
    "5eHhjP8JaYkz83CWwvGU2uMUXefd3AazWGx4gpcuEEYD",
    "A7hAgCzFw14fejgCp387JUJRMNyz4j89JKnhtKU8piqW",
)
POOL_FEES: Final = Fees(protocol_bps=5, creator_bps=5, lp_bps=20)
"""A pool's charges where its fee account cannot be read: those of most real sales on record."""

PROGRAM: Final = Program(
    settings=Global(
        fee_recipients=_NORMAL,
        mayhem_fee_recipients=_MAYHEM,
        buyback_fee_recipients=_BUYBACK,
        start=START,
        token_total_supply=SUPPLY,
        fee_bps=TODAY.protocol_bps,
        creator_fee_bps=5,
        pool_migration_fee=MIGRATION_FEE,
        buyback_bps=BUYBACK_BPS,
        max_configurable_creator_fee_bps=0,
    ),
    fees=flat(TODAY),
    pool_settings=PoolSettings(_NORMAL, _MAYHEM, _BUYBACK, selling_disabled=False, creator_fee_configurable=False),
    pool_fees=flat(POOL_FEES),
)
TIP_FLOOR: Final = TipFloor(p25=1_000, p50=10_000, p75=50_000, p95=1_500_000, p99=10_000_000, ema_p50=11_000)


def put_paper_facts(facts: ChainFacts, now_ns: int) -> None:
    """Give the facts values of this moment that no chain was asked for."""
    height = now_ns // SLOT_NS
    blockhash = to_text(hashlib.sha256(f"paper {height}".encode()).digest())
    facts.put("blockhash", Lifetime(blockhash, height + LIFE_BLOCKS), now_ns)
    facts.put("program", PROGRAM, now_ns)
    facts.put("tip_floor", TIP_FLOOR, now_ns)
    facts.put("tip_accounts", TIP_ACCOUNTS, now_ns)


def paper_height(facts: ChainFacts, now_ns: int) -> int:
    """The block height by now, from the newest blockhash that was read and the usual pace of blocks; -1 if none was."""
    lifetime, asked_ns = facts.newest_lifetime
    if lifetime is None:
        return -1
    return lifetime.last_valid_block_height - LIFE_BLOCKS + max(now_ns - asked_ns, 0) // SLOT_NS
