"""The two feature sets of events: 68 features of a signal, 75 of a launch; ordered, named, in families, hashed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

from alphaloop.core.errors import FeatureError
from alphaloop.core.hashing import hash_json
from alphaloop.markets.pumpfun.signals.features_genesis import GENESIS_FAMILIES
from alphaloop.markets.pumpfun.signals.features_signal import SIGNAL_FAMILIES, Line

FORMAT: Final = 1


@dataclass(frozen=True)
class FeatureSpec:
    """One feature of a set.

    Attributes
    ----------
    name : str
        Unique within its set.
    family : str
        The group it belongs to.
    unit : str
        ``share`` is from 0 to 1, ``sol`` is lamports / 1e9.
    source : str
        The book or event it comes from, and how.
    missing : str
        What NaN means; ``never`` where it cannot be.
    """

    name: str
    family: str
    unit: str
    source: str
    missing: str


@dataclass(frozen=True)
class EventFeatureSet:
    """An ordered set of features that are read from books at an event.

    Its hash names the meaning: it changes with the name, the version, the order, and every word said about a feature.
    A model is bound to it.
    """

    name: str
    version: int
    features: tuple[FeatureSpec, ...]

    def __post_init__(self) -> None:
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise FeatureError(f"feature set {self.name!r} has {twice[0]!r} more than once; rename one of them")

    def __len__(self) -> int:
        return len(self.features)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def families(self) -> tuple[str, ...]:
        """Family of each feature, in order."""
        return tuple(feature.family for feature in self.features)

    @cached_property
    def units(self) -> tuple[str, ...]:
        """Unit of each feature, in order."""
        return tuple(feature.unit for feature in self.features)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of `to_dict`."""
        return hash_json(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Everything there is to know, as plain data for JSON."""
        return {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "features": [asdict(feature) for feature in self.features],
        }


def _features(families: Mapping[str, tuple[Line, ...]]) -> tuple[FeatureSpec, ...]:
    return tuple(
        FeatureSpec(name, family, unit, source, missing)
        for family, lines in families.items()
        for name, unit, source, missing in lines
    )


SIGNAL: Final = EventFeatureSet("pumpfun-signal", 1, _features(SIGNAL_FAMILIES))
GENESIS: Final = EventFeatureSet("pumpfun-genesis", 1, _features(GENESIS_FAMILIES))
