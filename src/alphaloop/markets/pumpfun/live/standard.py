"""The portfolio that a trader has unless its settings say otherwise: three strategies on signals, three on launches.

Amounts are lamports. The numbers of the standard strategies, phases and breakers are those that Pump.fun traders of
this kind publish; sizes, priorities and the launch strategies are ours. The trail is armed at +30 %: armed from the
entry, 15 % below the peak would always come before a stop at 0.4, and most trades would end before they could double.
"""

from __future__ import annotations

from typing import Final

from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL as SOL
from alphaloop.trading.portfolio.settings import (
    Breakers,
    Phase,
    PortfolioSettings,
    RegimeEffect,
    Sizing,
    Strategy,
)

SIGNAL: Final = "signal"
LAUNCH: Final = "genesis_signal"
DEAD: Final = "is_dead_soon"
LAUNCH_DEAD: Final = "genesis_is_dead_soon"
MINUTE: Final = 60.0


def _on_signal(
    model: str, *, phase: int, priority: int, profit: float, stop: float, minutes: float
) -> tuple[str, Strategy]:
    return model, Strategy(
        source=SIGNAL,
        model=model,
        score_threshold=0.80,
        min_phase=phase,
        priority=priority,
        take_profit=profit,
        stop_loss=stop,
        max_hold_s=minutes * MINUTE,
    )


def _on_launch(
    model: str, *, phase: int, priority: int, dead: float, profit: float, stop: float, minutes: float
) -> tuple[str, Strategy]:
    return model, Strategy(
        source=LAUNCH,
        model=model,
        score_threshold=0.90,
        dead_model=LAUNCH_DEAD,
        dead_threshold=dead,
        min_phase=phase,
        priority=priority,
        take_profit=profit,
        stop_loss=stop,
        max_hold_s=minutes * MINUTE,
    )


STRATEGIES: Final = dict(
    (
        _on_signal("reach_2x_1h", phase=1, priority=20, profit=2.0, stop=0.4, minutes=60),
        _on_signal("reach_3x_30m", phase=2, priority=30, profit=3.0, stop=0.4, minutes=30),
        _on_signal("reach_2x_10m", phase=3, priority=10, profit=2.0, stop=0.5, minutes=10),
        _on_launch("genesis_2x_10m", phase=1, priority=15, dead=0.30, profit=2.0, stop=0.5, minutes=10),
        _on_launch("genesis_3x_30m", phase=2, priority=35, dead=0.25, profit=3.0, stop=0.4, minutes=30),
        _on_launch("genesis_2x_1h", phase=2, priority=25, dead=0.30, profit=2.0, stop=0.4, minutes=60),
    )
)
PHASES: Final = (
    Phase(min_balance=SOL // 5, max_open=1, size_fraction=0.20),
    Phase(min_balance=SOL, max_open=2),
    Phase(min_balance=10 * SOL, max_open=5),
)
KEEP: Final = SOL * 8 // 100
OVERHEAD: Final = SOL * 125 // 10_000
"""The highest tip and unit price of the standard execution, and rent for every account that can be missing."""


def standard_portfolio() -> PortfolioSettings:
    """The whole of it."""
    return PortfolioSettings(
        strategies=STRATEGIES,
        phases=PHASES,
        sizing=Sizing(min_size=SOL // 50, keep=KEEP, overhead=OVERHEAD),
        breakers=Breakers(min_balance=KEEP),
        regimes={"bear": RegimeEffect(add_threshold=0.05, size_factor=0.5)},
    )
