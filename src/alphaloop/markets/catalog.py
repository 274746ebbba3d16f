"""What the installed markets offer, by name.

A market is a package inside this folder with a module ``catalog`` that declares ``FEATURE_SETS``, a tuple of
`NamedSet`; features of events are declared apart, see `alphaloop.markets.event_sets`. Nothing here names a market, so a
market's folder can be deleted and nothing else notices. Declarations carry loaders, not loaded sets: listing names
imports no kernel.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from alphaloop import markets
from alphaloop.core.errors import RecipeError, UnknownNameError
from alphaloop.core.progress import Progress
from alphaloop.core.settings import nearest

if TYPE_CHECKING:
    from alphaloop.features import FeatureSet
    from alphaloop.training.recipe import Procedure


@dataclass(frozen=True)
class NamedSet:
    """A feature set that a market offers under a name.

    Attributes
    ----------
    name
        What users type; unique over all markets.
    description
        One line for listings.
    load
        Builds or imports the set; called only when the set is asked for.
    """

    name: str
    description: str
    load: Callable[[], FeatureSet]


class TrainingRun(Protocol):
    """What a market's training run came to."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that a reader of the result should know."""
        ...

    def summary(self) -> dict[str, Any]:
        """Give the result as plain data, for JSON."""
        ...


class Trainer(Protocol):
    """``run_training`` of a market's module ``pipeline``."""

    def __call__(
        self, recipe: Any, data: Path | str, *, out: Path | None, registry: Path, audit_s: float, progress: Progress
    ) -> TrainingRun:
        """Train from a recipe of the market's kind and a file, folder or database, as the market reads it.

        The artifact becomes a candidate of the registry.
        """
        ...


class Demo(Protocol):
    """A market's module ``demo``: once round the loop on a synthetic market.

    `SIZE` is how much of it where nothing is asked for, `FEWEST` the least that can be learned from.
    """

    SIZE: int
    FEWEST: int
    TRIALS: int

    def run_demo(
        self, out: Path, *, size: int, trials: int, seed: int, note: Callable[[str], None], progress: Progress
    ) -> dict[str, Any]:
        """Go round, and return what came of it as plain data."""
        ...

    def tell(self, result: Mapping[str, Any]) -> Iterator[str]:
        """Say in lines for people what `run_demo` returned."""
        ...


def market_names() -> list[str]:
    """Names of the installed markets, sorted."""
    return sorted(found.name for found in pkgutil.iter_modules(markets.__path__) if found.ispkg)


def named_sets() -> dict[str, tuple[str, NamedSet]]:
    """Every declared feature set: name to (market, declaration), in order of market and declaration."""
    found: dict[str, tuple[str, NamedSet]] = {}
    for market in market_names():
        module = f"{markets.__name__}.{market}.catalog"
        if find_spec(module) is None:
            continue
        for declared in getattr(import_module(module), "FEATURE_SETS", ()):
            found[declared.name] = (market, declared)
    return found


def feature_sets() -> list[str]:
    """Names of the feature sets that the installed markets offer."""
    return list(named_sets())


def feature_set(name: str) -> FeatureSet:
    """Load the feature set with this name.

    Raises
    ------
    UnknownNameError
        If no installed market offers it; says the nearest name that one does.
    """
    found = named_sets()
    if name not in found:
        from alphaloop.markets.event_sets import named_event_sets

        if name in named_event_sets():
            raise UnknownNameError(f"{name!r} has features of events, not of bars; choose one of: {', '.join(found)}")
        raise UnknownNameError(
            f"no feature set is called {name!r}; {nearest(name, list(found))} "
            "(a set of your own is FILE.py or FILE.py:OBJECT)"
        )
    return found[name][1].load()


def find_feature_set(reference: str) -> FeatureSet:
    """Load the feature set that a user means: a name, ``FILE.py`` or ``FILE.py:OBJECT``.

    Raises
    ------
    UnknownNameError
        If the reference leads to no feature set.
    """
    if is_file_reference(reference):
        from alphaloop.features.reference import load_feature_set

        return load_feature_set(reference)
    return feature_set(reference)


def is_file_reference(reference: str) -> bool:
    """Whether a reference points into a Python file rather than naming a declared set."""
    return reference.endswith(".py") or ".py:" in reference


def recipes() -> dict[str, Path]:
    """Every shipped recipe: ``MARKET/NAME`` to the path of its TOML file, sorted."""
    found: dict[str, Path] = {}
    for market in market_names():
        for folder in import_module(f"{markets.__name__}.{market}").__path__:
            for path in sorted(Path(folder, "recipes").glob("*.toml")):
                found[f"{market}/{path.stem}"] = path
    return found


def recipe(name: str) -> Path:
    """Path of a shipped recipe, by ``MARKET/NAME`` or by ``NAME`` alone where only one market has it.

    Raises
    ------
    UnknownNameError
        If no recipe, or more than one, has this name.
    """
    found = recipes()
    matches = [key for key in found if name in (key, key.partition("/")[2])]
    if len(matches) == 1:
        return found[matches[0]]
    if matches:
        raise UnknownNameError(f"recipe {name!r} exists in several markets; choose one of: {', '.join(matches)}")
    raise UnknownNameError(f"no recipe is called {name!r}; {nearest(name, list(found))}")


def find_recipe(reference: str) -> Path:
    """Path of the recipe that a user means: a shipped one by name, or a TOML file.

    Raises
    ------
    UnknownNameError
        If the reference is no TOML file's name and no shipped recipe has it.
    """
    return Path(reference) if reference.endswith(".toml") else recipe(reference)


def trainer(market: str) -> Trainer:
    """How a market trains.

    Raises
    ------
    RecipeError
        If no such market is installed, or it does not train from recipes.
    """
    run: Trainer = _pipeline(market).run_training
    return run


def recipe_kind(market: str) -> type[Procedure]:
    """What a market's recipes may say: ``RECIPE`` of its module ``pipeline``.

    Raises
    ------
    RecipeError
        As `trainer`.
    """
    kind: type[Procedure] = _pipeline(market).RECIPE
    return kind


def _pipeline(market: str) -> ModuleType:
    module = f"{markets.__name__}.{market}.pipeline"
    if market not in market_names() or find_spec(module) is None:
        raise RecipeError(f"key 'market' is {market!r}, which is not installed; {nearest(market, market_names())}")
    return import_module(module)


def demo(market: str = "") -> Demo:
    """Give the demo of a market, or of the last installed one that has a demo.

    Raises
    ------
    UnknownNameError
        If no installed market of this name has a demo.
    """
    found = [name for name in market_names() if find_spec(f"{markets.__name__}.{name}.demo")]
    if not found or market not in ("", *found):
        raise UnknownNameError(f"no market {market!r} with a demo is installed; {nearest(market, found)}")
    module: Any = import_module(f"{markets.__name__}.{market or found[-1]}.demo")
    chosen: Demo = module
    return chosen
