"""Every setting of the market's books and signals, as one tree that a TOML file can fill."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import Field

from alphaloop.core.errors import RecipeError
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.signals.rule import RuleSettings


class PumpSettings(Settings):
    """All of it; each part's own class says what its keys mean."""

    rule: RuleSettings = Field(default_factory=RuleSettings)

    @classmethod
    def read(cls, path: Path) -> PumpSettings:
        """Settings from a TOML file; what it leaves out has its default.

        Raises
        ------
        RecipeError
            If the file cannot be read or a key or value is wrong; says the nearest right key.
        """
        try:
            values = tomllib.loads(path.read_text())
        except OSError as error:
            raise RecipeError(f"{path}: cannot be read ({error.strerror}); name a TOML file of settings") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise RecipeError(f"{path.name}: is no TOML: {error}; correct it and run again") from None
        return cls.parse(values, path.name)
