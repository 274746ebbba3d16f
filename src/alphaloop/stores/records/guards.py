"""Sentences that every backend says alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alphaloop.core.errors import StateError
from alphaloop.stores.records.specs import TableSpec


def undeclared(place: str, table: str) -> StateError:
    """Refuse a table that no schema brought."""
    return StateError(f"{place}: no table {table!r} is declared; migrate the schema that has it first")


def already_there(place: str, table: str, key: Mapping[str, Any] | str) -> StateError:
    """Refuse a row whose key is taken."""
    shown = key if isinstance(key, str) else ", ".join(f"{name}={value!r}" for name, value in key.items())
    return StateError(
        f"{place}: table {table} already has a row with {shown}; give conflict='ignore' or 'replace' if that is meant"
    )


def failed_before(place: str) -> StateError:
    """Refuse to go on in a transaction in which a call failed."""
    return StateError(f"{place}: an earlier call of this transaction failed, and it was undone; begin it again")


def closed(place: str) -> StateError:
    """Refuse a call after `close`."""
    return StateError(f"{place}: these records were closed; open them again")


def within_key(table: TableSpec, values: Mapping[str, Any]) -> None:
    """Refuse to change what identifies a row."""
    for name in values:
        if name in table.key:
            raise StateError(f"table {table.name}: {name!r} is part of the key and cannot change; add another row")
