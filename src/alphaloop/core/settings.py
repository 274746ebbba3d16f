"""The base of every settings record: frozen, strict, and helpful about a misspelt key."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from alphaloop.core.errors import RecipeError
from alphaloop.core.hashing import hash_json


class Settings(BaseModel):
    """Frozen, unknown keys refused, floats finite; its hash is its identity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=False)

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON of every setting, defaults included."""
        return hash_json(self.model_dump(mode="json"))

    @classmethod
    def parse(cls, values: Mapping[str, Any], source: str, *, at: str = "") -> Self:
        """Build from plain values; `source` names the file in the error, `at` the table inside it that they come from.

        Raises
        ------
        RecipeError
            With the path of the first wrong key, the value it has and, for an unknown key, the nearest right one.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise RecipeError(_sentence(cls, error, source, at)) from None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read from a TOML file; what it leaves out has its default.

        Raises
        ------
        RecipeError
            If the file cannot be read, is no TOML, or has a wrong key or value.
        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise RecipeError(f"{path}: cannot be read ({error.strerror}); name a TOML file of settings") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise RecipeError(f"{path}: is no TOML ({error}); correct it and run again") from None
        return cls.parse(values, str(path))


def nearest(word: str, choices: list[str]) -> str:
    """A clause that helps after a misspelt `word`: the nearest choice, or all of them."""
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.55)
    return f"did you mean {close[0]!r}?" if close else f"choose one of: {', '.join(sorted(choices))}"


def _sentence(model: type[BaseModel], error: ValidationError, source: str, at: str) -> str:
    first = error.errors()[0]
    path = ".".join(filter(None, (at, *(str(part) for part in first["loc"]))))
    if first["type"] == "extra_forbidden":
        *parents, wrong = first["loc"]
        return f"{source}: unknown key {path!r}; {nearest(str(wrong), _keys_at(model, [str(p) for p in parents]))}"
    reason = first["msg"].removeprefix("Value error, ")
    reason = reason[0].lower() + reason[1:]
    got = "" if first["type"] in ("missing", "value_error") else f", got {first['input']!r}"
    where = f"key {path!r} is not usable: " if path else ""
    return f"{source}: {where}{reason}{got}; correct it and run again"


def _keys_at(model: type[BaseModel], parents: list[str]) -> list[str]:
    current: type[BaseModel] = model
    for part in parents:
        field = current.model_fields.get(part)
        found = field and next((t for t in (field.annotation, *get_args(field.annotation)) if _is_model(t)), None)
        if not found:
            continue
        current = found
    return list(current.model_fields)


def _is_model(candidate: Any) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, BaseModel)
