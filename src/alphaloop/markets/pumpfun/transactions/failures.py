"""What the chain said against a transaction, and what a trader can do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

Remedy = Literal["requote", "use_pool", "resize", "check_balance", "fund", "refresh_accounts", "fix_kind", "report"]
"""What helps: a new quote; the coin's pool, never the curve again; another amount; reading the token balance again;
more SOL; new recipients, creator and program facts; another kind of coin was assumed; nothing that is known."""

_KNOWN: Final[dict[int, tuple[str, Remedy]]] = {
    2006: ("ConstraintSeeds", "refresh_accounts"),
    3012: ("AccountNotInitialized", "refresh_accounts"),
    6000: ("NotAuthorized", "refresh_accounts"),
    6002: ("TooMuchSolRequired", "requote"),
    6003: ("TooLittleSolReceived", "requote"),
    6005: ("BondingCurveComplete", "use_pool"),
    6020: ("BuyZeroAmount", "resize"),
    6021: ("NotEnoughTokensToBuy", "resize"),
    6022: ("SellZeroAmount", "resize"),
    6023: ("NotEnoughTokensToSell", "check_balance"),
    6024: ("Overflow", "refresh_accounts"),
    6027: ("NotEnoughRemainingAccounts", "refresh_accounts"),
    6040: ("BuyNotEnoughSolToCoverRent", "fund"),
    6041: ("BuyNotEnoughSolToCoverFees", "fund"),
    6042: ("BuySlippageBelowMinTokensOut", "requote"),
    6057: ("BuybackFeeRecipientNotAuthorized", "refresh_accounts"),
    6062: ("BuybackFeeRecipientMissing", "refresh_accounts"),
    # These are described but not named by what is published.
    6072: ("cashback accounts missing", "fix_kind"),
    6073: ("cashback accounts wrong", "fix_kind"),
    6074: ("bonding_curve_v2 wrong", "refresh_accounts"),
    6094: ("v3 refuses cashback coins", "fix_kind"),
}


class Failure(msgspec.Struct, frozen=True):
    """Why a landed or simulated transaction did nothing.

    Parameters
    ----------
    part : str
        The part of the envelope that failed; empty if the transaction as a whole did.
    code : int or None
        The program's own number, None if the chain refused by a rule of its own.
    name : str
        The code's name, or the chain's word.
    remedy : str
        What helps.
    """

    part: str
    code: int | None
    name: str
    remedy: Remedy


def read_failure(error: Any, parts: Sequence[str]) -> Failure:
    """Read the `err` of a signature status, a transaction's meta or a simulation.

    A program's number means what this table says only in the trade itself; elsewhere it is reported as it is.

    Parameters
    ----------
    error : object
        ``{"InstructionError": [place, {"Custom": code}]}``, another object of one entry, or a word.
    parts : sequence of str
        What each instruction of the transaction is for, see `Envelope.parts`.
    """
    word, detail = _opened(error)
    if word != "InstructionError" or not isinstance(detail, list | tuple) or len(detail) != 2:
        return Failure("", None, word, "fund" if word.startswith("InsufficientFunds") else "report")
    place, reason = detail
    part = parts[place] if isinstance(place, int) and 0 <= place < len(parts) else "unknown"
    name, code = _opened(reason)
    if name != "Custom" or not isinstance(code, int):
        return Failure(part, None, name, "report")
    if part == "trade" and code in _KNOWN:
        return Failure(part, code, *_KNOWN[code])
    # Both parts move lamports by the system program, whose 1 says that the wallet has too few.
    if part in ("tip", "token_account") and code == 1:
        return Failure(part, code, "InsufficientLamports", "fund")
    return Failure(part, code, f"Custom {code}", "report")


def _opened(said: Any) -> tuple[str, Any]:
    if isinstance(said, dict) and len(said) == 1:
        return next((str(word), detail) for word, detail in said.items())
    return str(said)[:80], None
