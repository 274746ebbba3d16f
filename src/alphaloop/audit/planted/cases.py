"""What a planted function is expected to be caught at, declared beside the function itself."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from alphaloop.core.errors import UnknownNameError
from alphaloop.core.settings import nearest

Function = TypeVar("Function", bound=Callable[[Any], Any])

MODULES = (
    "windows", "filling", "resampling", "joins", "fitting", "spectral", "positions", "rare", "dtypes", "state",
    "symbols", "targets", "clean", "clean_kinds",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One function and what the audit must say of it.

    Attributes
    ----------
    name : str
        The mistake in a few words; of a clean function, what it looks like.
    function : callable
        Takes one polars or pandas frame. It is only ever called in the audit's worker processes.
    table : str
        One of `alphaloop.audit.planted.tables.TABLES`.
    leak : bool
    columns : tuple of str
        The leaking columns: each must be reported, and no other.
    kinds : tuple of str
        Kinds of finding: one of the first kind must be reported for each column, the others may be.
    reach_s : tuple of float or None
        Least and greatest plausible reach in seconds, both included; None where it is not asked for.
    target : str or None
        Column of the table that is to be predicted.
    """

    name: str
    function: Callable[[Any], Any]
    table: str
    leak: bool
    columns: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    reach_s: tuple[float, float] | None = None
    target: str | None = None


_CASES: dict[str, Case] = {}


def leak(
    name: str,
    *columns: str,
    table: str = "steady",
    kinds: tuple[str, ...] = ("lookahead",),
    reach_s: tuple[float, float] | None = None,
    target: str | None = None,
) -> Callable[[Function], Function]:
    """Declare a function with a planted leak; see `Case`."""

    def declare(function: Function) -> Function:
        _CASES[name] = Case(name, function, table, True, columns, kinds, reach_s, target)
        return function

    return declare


def clean(name: str, *, table: str = "steady", target: str | None = None) -> Callable[[Function], Function]:
    """Declare a function without a leak; see `Case`."""

    def declare(function: Function) -> Function:
        _CASES[name] = Case(name, function, table, False, target=target)
        return function

    return declare


def all_cases() -> tuple[Case, ...]:
    """Return every planted function, leaks first, in the order of the modules."""
    for module in MODULES:
        importlib.import_module(f"alphaloop.audit.planted.{module}")
    return tuple(sorted(_CASES.values(), key=lambda case: not case.leak))


def find_cases(names: tuple[str, ...]) -> tuple[Case, ...]:
    """Return the cases named, in the order given.

    Raises
    ------
    UnknownNameError
        With the nearest name that exists.
    """
    known = {case.name: case for case in all_cases()}
    for name in names:
        if name not in known:
            raise UnknownNameError(f"there is no planted function {name!r}; {nearest(name, list(known))}")
    return tuple(known[name] for name in names)
