"""What the Pump.fun market offers by name; read by `alphaloop.markets.catalog`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphaloop.markets.event_sets import NamedEventSet

if TYPE_CHECKING:
    from alphaloop.markets.pumpfun.signals.catalogue import EventFeatureSet


def _signal() -> EventFeatureSet:
    from alphaloop.markets.pumpfun.signals.catalogue import SIGNAL

    return SIGNAL


def _genesis() -> EventFeatureSet:
    from alphaloop.markets.pumpfun.signals.catalogue import GENESIS

    return GENESIS


EVENT_SETS = (
    NamedEventSet("pumpfun-signal", "68 features of a tracked wallet's buy", _signal),
    NamedEventSet("pumpfun-genesis", "75 features of a launch's first minute", _genesis),
)
