"""What the chain said against a transaction, and what a trader can do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

Remedy = Literal[
    "requote", "use_pool", "resize", "check_balance", "fund", "refresh_accounts", "fix_kind", "wait", "report"
]
"""What helps: a new quote; the coin's pool, never the curve again; another amount; reading the token balance again;
more SOL; new recipients, creator and program facts; another kind of coin was assumed; time alone; nothing that is
known."""

_CURVE: Final[dict[int, tuple[str, Remedy]]] = {
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

_POOL: Final[dict[int, tuple[str, Remedy]]] = {
    # Of the programs that the pool calls: fewer coins than are sold, or too few lamports for an account it makes.
    1: ("InsufficientFunds", "check_balance"),
    2006: ("ConstraintSeeds", "refresh_accounts"),
    3012: ("AccountNotInitialized", "refresh_accounts"),
    6001: ("ZeroBaseAmount", "resize"),
    6002: ("ZeroQuoteAmount", "resize"),
    6004: ("ExceededSlippage", "requote"),
    6008: ("InvalidBaseMint", "refresh_accounts"),
    6009: ("InvalidQuoteMint", "refresh_accounts"),
    6013: ("InvalidProtocolFeeRecipient", "refresh_accounts"),
    6014: ("InvalidPoolBaseTokenAccount", "refresh_accounts"),
    6015: ("InvalidPoolQuoteTokenAccount", "refresh_accounts"),
    6021: ("DisabledSell", "wait"),
    # Seen where an account of a newer list was missing, after the transfers.
    6023: ("Overflow", "refresh_accounts"),
    6044: ("NotEnoughRemainingAccounts", "refresh_accounts"),
    # Also where a coin with a creator is charged nothing for it: `sell` then reads its trailing accounts otherwise.
    6053: ("BuybackFeeRecipientNotAuthorized", "refresh_accounts"),
    6058: ("BuybackFeeRecipientMissing", "refresh_accounts"),
    6059: ("MissingCashbackAccounts", "fix_kind"),
    6060: ("InvalidCashbackAccumulator", "fix_kind"),
    6061: ("InvalidCashbackAccumulatorAta", "fix_kind"),
    6062: ("InvalidPoolV2", "refresh_accounts"),
    6063: ("InsufficientRealQuoteReserves", "resize"),
    6079: ("CashbackCoinNotSupported", "fix_kind"),
}

_BY_PART: Final = {"trade": _CURVE, "pool_trade": _POOL}
_MOVES_LAMPORTS: Final = (
    "tip",
    "token_account",
    "wrapped_account",
    "cashback_account",
    "volume_account",
    "pool_growth",
)


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

    A program's number means what these tables say only in the trade itself; elsewhere it is reported as it is.

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
    known = _BY_PART.get(part, {}).get(code)
    if known is not None:
        return Failure(part, code, *known)
    # These parts move lamports by the system program, whose 1 says that the wallet has too few.
    if part in _MOVES_LAMPORTS and code == 1:
        return Failure(part, code, "InsufficientLamports", "fund")
    return Failure(part, code, f"Custom {code}", "report")


def _opened(said: Any) -> tuple[str, Any]:
    if isinstance(said, dict) and len(said) == 1:
        return next((str(word), detail) for word, detail in said.items())
    return str(said)[:80], None
