"""What a block engine means by a refusal.

Its texts drift and most of its codes are not published: they are read by meaning, and what is not understood is told as
it came.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Final

import msgspec


class Meaning(StrEnum):
    """What a refusal asks for."""

    RATE_LIMITED = "rate_limited"
    """This region has had enough of us: another one, or later."""
    CONGESTED = "congested"
    """All have had enough of everybody: later, or by another road."""
    STALE_TIP = "stale_tip"
    """The tip goes to none of the engine's accounts: read the list again."""
    UNDECODABLE = "undecodable"
    """It cannot read what was sent: ours to correct."""
    MALFORMED = "malformed"
    """It can, and it is against the rules of a bundle: ours to correct."""
    ALREADY_PROCESSED = "already_processed"
    """It is on the chain already."""
    NO_LEADER = "no_leader"
    """No leader that takes bundles comes soon: another region, or later."""
    WOULD_FAIL = "would_fail"
    """It simulated the bundle, and the trade fails now."""
    EXPIRED = "expired"
    """The blockhash is too old or not known."""
    NOT_ALLOWED = "not_allowed"
    """The key is not taken."""
    UNKNOWN = "unknown"


OURS: Final = (Meaning.UNDECODABLE, Meaning.MALFORMED, Meaning.STALE_TIP, Meaning.WOULD_FAIL, Meaning.EXPIRED)
"""Refusals that another region would repeat."""

TOO_MANY: Final = 429
GLOBAL_LIMIT: Final = -32_097

_WORDS: Final[tuple[tuple[Meaning, tuple[str, ...]], ...]] = (
    (Meaning.CONGESTED, ("globally rate limited", "network congested")),
    (Meaning.RATE_LIMITED, ("rate limit", "too many requests", "retry after")),
    (Meaning.STALE_TIP, ("tip account",)),
    (Meaning.ALREADY_PROCESSED, ("already processed", "already been processed")),
    (Meaning.EXPIRED, ("blockhash", "expired")),
    (Meaning.UNDECODABLE, ("decode", "deserialize", "invalid base64", "invalid base58")),
    (Meaning.NO_LEADER, ("leader",)),
    (Meaning.WOULD_FAIL, ("simulation", "would fail")),
    (
        Meaning.MALFORMED,
        ("too many transactions", "exceeds", "duplicate", "too large", "bundle must", "invalid params"),
    ),
    (Meaning.NOT_ALLOWED, ("unauthorized", "not authorized", "forbidden", "invalid auth")),
)
_WAIT: Final = re.compile(r"retry[ -]after\D{0,3}(\d+)\s*(ms|s)?", re.IGNORECASE)
LONGEST_WAIT_S: Final = 60.0


class Refusal(msgspec.Struct, frozen=True):
    """Why an engine did not take something.

    Attributes
    ----------
    wait_s : float or None
        How long it asks us to stay away; None if it does not say.
    text : str
        Its own words, cut.
    """

    meaning: Meaning
    text: str
    wait_s: float | None = None


def read_refusal(status: int, answer: Any, retry_after: str | None = None) -> Refusal:
    """Read an answer that is not a success.

    Parameters
    ----------
    status : int
        Of HTTP.
    answer : object
        What the body decodes to, or its text.
    retry_after : str or None
        The header, in seconds.
    """
    error = answer.get("error", answer) if isinstance(answer, dict) else answer
    code = error.get("code") if isinstance(error, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    text = " ".join(str(message or f"HTTP status {status}").split())[:200]
    return Refusal(_meaning(status, code, text.lower()), text, _wait(text, retry_after))


def _meaning(status: int, code: Any, text: str) -> Meaning:
    if code == GLOBAL_LIMIT:
        return Meaning.CONGESTED
    for meaning, words in _WORDS:
        if any(word in text for word in words):
            return meaning
    if status == TOO_MANY:
        return Meaning.RATE_LIMITED
    return Meaning.NOT_ALLOWED if status in (401, 403) else Meaning.UNKNOWN


def _wait(text: str, header: str | None) -> float | None:
    said = _WAIT.search(text)
    if said is not None:
        wait = float(said[1]) / (1.0 if (said[2] or "ms").lower() == "s" else 1000.0)
        return min(wait, LONGEST_WAIT_S)
    try:
        return None if header is None else min(max(float(header), 0.0), LONGEST_WAIT_S)
    except ValueError:
        return None
