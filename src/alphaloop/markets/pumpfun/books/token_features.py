"""What the features and the bus tell of one token.

Windows are half-open in known time, ``(now - w, now]``:

================  ==================================================================================  ==============
name              meaning                                                                             unit
================  ==================================================================================  ==============
buys_60s          buys in 60 s                                                                        trades
sells_60s         sells in 60 s                                                                       trades
buys_300s         buys in 300 s                                                                       trades
sells_300s        sells in 300 s                                                                      trades
velocity          buys_60s by the minutes, at most one, at least `velocity_floor_s`, that the token   buys per minute
                  has existed
unique_buyers     distinct wallets that ever bought on the curve                                      wallets
sol_net_60s       buys minus sells in 60 s, fees excluded                                             SOL
buy_sell_ratio    (buys_300s + 1) / (sells_300s + 1): finite also without a sell                      1
virtual_sol       virtual SOL reserve after the newest trade                                          SOL
market_cap_sol    price x supply                                                                      SOL
================  ==================================================================================  ==============

All are missing for a token that was never seen. The counts of a window, and what is made of them, are missing while
the window reaches back before the first event of the recording, unless the token's creation was seen. Distinct buyers
and buy ranks are missing where the creation was not seen, because earlier buyers are not known.
"""

from __future__ import annotations

import math
from typing import Any, Final

from alphaloop.markets.pumpfun.books.token_state import LONG_NS, SHORT_NS, TokenState
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL

FEATURES: Final = (
    "buys_60s",
    "sells_60s",
    "buys_300s",
    "sells_300s",
    "velocity",
    "unique_buyers",
    "sol_net_60s",
    "buy_sell_ratio",
    "virtual_sol",
    "market_cap_sol",
)


def token_features(state: TokenState, now_ns: int, history_ns: int, floor_ns: int) -> dict[str, float]:
    """Compute the ten token-state features of the module's table.

    Parameters
    ----------
    state : TokenState
    now_ns : int
        End of the windows, not before the newest trade.
    history_ns : int
        Time since the first event of the recording.
    floor_ns : int
        Age that a younger token counts as.
    """
    flow = state.flow(now_ns)
    short = 1.0 if state.from_birth or history_ns >= SHORT_NS else math.nan
    long = 1.0 if state.from_birth or history_ns >= LONG_NS else math.nan
    age_ns = now_ns - state.created_ns if state.from_birth else SHORT_NS
    minutes = min(SHORT_NS, max(floor_ns, age_ns)) / SHORT_NS
    return {
        "buys_60s": flow.buys_60s * short,
        "sells_60s": flow.sells_60s * short,
        "buys_300s": flow.buys_300s * long,
        "sells_300s": flow.sells_300s * long,
        "velocity": flow.buys_60s * short / minutes,
        "unique_buyers": float(len(state.buyers)) if state.from_birth else math.nan,
        "sol_net_60s": flow.net_60s / LAMPORTS_PER_SOL * short,
        "buy_sell_ratio": (flow.buys_300s + 1) / (flow.sells_300s + 1) * long,
        "virtual_sol": state.virtual_sol / LAMPORTS_PER_SOL,
        "market_cap_sol": state.market_cap_sol,
    }


def live_state(state: TokenState, now_ns: int) -> dict[str, Any]:
    """Present curve state for the bus channel ``token:<mint>``.

    Amounts are integers (lamports, base units); `price` is SOL per token; counts are those of what was seen.
    """
    flow = state.flow(now_ns)
    return {
        "mint": state.mint,
        "known_ns": now_ns,
        "last_trade_ns": state.last_ns,
        "created_ns": state.created_ns,
        "creator": state.creator,
        "virtual_sol": state.virtual_sol,
        "virtual_token": state.virtual_token,
        "real_sol": state.real_sol,
        "real_token": state.real_token,
        "price": state.price,
        "peak_price": state.peak_price,
        "market_cap_sol": state.market_cap_sol,
        "progress": state.progress,
        "complete": bool(state.completed_ns),
        "mayhem": state.mayhem,
        "trades": state.trades,
        "unique_buyers": len(state.buyers),
        "buys_60s": flow.buys_60s,
        "sells_60s": flow.sells_60s,
        "buys_300s": flow.buys_300s,
        "sells_300s": flow.sells_300s,
        "sol_net_60s": flow.net_60s / LAMPORTS_PER_SOL,
    }
