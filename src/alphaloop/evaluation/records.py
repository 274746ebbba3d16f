"""Plain records, such as the contract and the certificate, as text that a person can read."""

from __future__ import annotations

import json
from collections.abc import Mapping

from alphaloop.evaluation.readings import plain_name
from alphaloop.evaluation.report_input import Plain
from alphaloop.evaluation.wording import scalar

LONGEST_VALUE = 20_000


def pretty_json(record: Plain) -> str:
    """Print a record as indented JSON; parts too long to read are replaced by their length."""
    return json.dumps(_readable(record), indent=2, ensure_ascii=False, default=str)


def pairs(record: Plain | None, skip: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """List the scalar entries of a record as label and text."""
    return [
        (plain_name(key), scalar(value))
        for key, value in (record or {}).items()
        if key not in skip and (value is None or isinstance(value, bool | int | float | str))
    ]


def _readable(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _readable(_shortened(part)) for key, part in value.items()}
    return [_readable(part) for part in value] if isinstance(value, list | tuple) else value


def _shortened(value: object) -> object:
    if not isinstance(value, Mapping | list | tuple):
        return value
    length = len(json.dumps(value, default=str))
    return value if length <= LONGEST_VALUE else f"({length:,} characters, left out here; whole in metadata.json)"
