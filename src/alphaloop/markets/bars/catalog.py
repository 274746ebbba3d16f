"""What the bars market offers by name; read by `alphaloop.markets.catalog`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphaloop.markets.catalog import NamedSet

if TYPE_CHECKING:
    from alphaloop.features import FeatureSet


def _bars() -> FeatureSet:
    from alphaloop.markets.bars.features import BARS

    return BARS


def _context() -> FeatureSet:
    from alphaloop.markets.bars.features import CONTEXT

    return CONTEXT


FEATURE_SETS = (
    NamedSet("bars", "59 indicator features of open-high-low-close-volume bars", _bars),
    NamedSet("bars_context", "what labels and brackets scale by: ATR in price units, never a model input", _context),
)
