"""Names of signals: the same event has the same name in every replay."""

from __future__ import annotations

import hashlib

from alphaloop.markets.pumpfun.signals.catalogue import EventFeatureSet


def signal_id(kind: str, key: tuple[str, int], wallet: str, features: EventFeatureSet) -> str:
    """First 32 hex digits of the SHA-256 of kind, event, wallet and feature-set hash."""
    text = "\n".join((kind, key[0], str(key[1]), wallet, features.hash))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
