"""Paper or money: what a start was asked for, and the summary that it prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias

from alphaloop.core.errors import InputError
from alphaloop.markets.pumpfun.live.settings import LiveSettings
from alphaloop.markets.pumpfun.live.summary import sol

Mode: TypeAlias = Literal["dry", "live"]

DRY_RUN_ENV: Final = "LIVE_DRY_RUN"
ON_PAPER: Final = "dry:"
_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"0", "false", "no", "off"})


def chosen_mode(money: bool, key: Path | None, environ: Mapping[str, str]) -> Mode:
    """Paper, unless money was asked for by `money` or by ``LIVE_DRY_RUN=false``, and nothing speaks against it.

    Raises
    ------
    InputError
        If the two contradict each other, the variable cannot be understood, or money has no key file.
    """
    said = environ.get(DRY_RUN_ENV, "").strip().lower()
    if said and said not in _YES | _NO:
        raise InputError(f"{DRY_RUN_ENV} is {said!r}; set it to true or false, or leave it unset to trade on paper")
    if money and said in _YES:
        raise InputError(f"--money was given and {DRY_RUN_ENV} is {said}; take one of them back")
    if not money and said not in _NO:
        return "dry"
    if key is None:
        raise InputError("trading with money needs the wallet's key file; give it with --key, or trade on paper")
    return "live"


def account_name(mode: Mode, wallet: str) -> str:
    """What the account is called in the database: the wallet, marked where no money moves."""
    return wallet if mode == "live" else f"{ON_PAPER}{wallet}"


def mode_of(account: str) -> Mode:
    """The mode in which an account of this name trades."""
    return "dry" if account.startswith(ON_PAPER) else "live"


def summary_lines(mode: Mode, account: str, balance: int, settings: LiveSettings) -> Iterator[str]:
    """What a start says of itself before it trades.

    Parameters
    ----------
    balance : int
        Lamports that the wallet, or the paper account, holds.
    """
    portfolio = settings.portfolio
    yield f"{'REAL MONEY' if mode == 'live' else 'on paper: nothing is submitted'}, account {account}"
    yield f"balance {sol(balance):.6f} SOL, of which {sol(portfolio.sizing.keep):.6f} is never spent"
    for number, phase in enumerate(portfolio.phases, 1):
        yield (
            f"phase {number} from {sol(phase.min_balance):g} SOL: {phase.max_open} positions, each "
            f"{phase.size_fraction:.0%} of the free balance at most"
        )
    for name, each in portfolio.strategies.items():
        yield (
            f"strategy {name}: score {each.score_threshold:g}, profit {each.take_profit:g}x, stop {each.stop_loss:g}x, "
            f"{each.max_hold_s / 60:g} min at most"
        )
    breakers = portfolio.breakers
    yield (
        f"breakers: {breakers.daily_drawdown:.0%} a day, {breakers.max_consecutive_losses} losses in a row, "
        f"{sol(breakers.min_balance):g} SOL least balance"
    )
