"""What is audited: finding it by name, and calling it with the kind of frame it wants.

Only the worker process loads a subject; the process that runs the audit never executes the user's code.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alphaloop.core.errors import UnknownNameError
from alphaloop.core.settings import nearest

FLAVOURS = ("polars", "pandas", "pandas by time", "polars lazy")
METHODS = ("fit_transform", "compute", "transform", "features", "run")


@dataclass(frozen=True)
class Reference:
    """Where a function lives: a file or an importable module, and the dotted name inside it."""

    place: str
    name: str
    is_file: bool

    @property
    def shown(self) -> str:
        """The subject's name as people write it."""
        return f"{Path(self.place).name if self.is_file else self.place}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read ``FILE.py:OBJECT`` or ``package.module:object``.

        Raises
        ------
        UnknownNameError
            If the file is not there or no object is named.
        """
        place, _, name = text.rpartition(":") if ":" in text else (text, "", "")
        if not place or not name:
            raise UnknownNameError(f"{text!r} names no object; write FILE.py:OBJECT, for example features.py:make")
        is_file = place.endswith(".py")
        if is_file and not Path(place).is_file():
            raise UnknownNameError(f"{place} does not exist; check the path and run again")
        return cls(str(Path(place).resolve()) if is_file else place, name, is_file)

    @classmethod
    def of(cls, function: Callable[..., Any] | type) -> Reference:
        """Find where a function that is already loaded can be loaded again.

        Raises
        ------
        UnknownNameError
            If it is defined inside another function: a fresh process could not find it.
        """
        target = inspect.unwrap(function)
        module = sys.modules.get(getattr(target, "__module__", ""), None)
        name = getattr(target, "__qualname__", type(target).__qualname__)
        if inspect.ismethod(target) or "<" in name or not hasattr(target, "__qualname__"):
            held = vars(module).items() if module is not None else ()
            owner = getattr(target, "__self__", None)
            name = next((key for key, value in held if value is target), "")
            if not name and owner is not None:
                key = owner.__name__ if inspect.isclass(owner) else next((k for k, v in held if v is owner), None)
                name = f"{key or type(owner).__qualname__}.{target.__name__}"
        if module is None or not name or "<locals>" in name:
            raise UnknownNameError(
                f"{getattr(target, '__qualname__', target)!r} is not reachable by name from its module, and the audit "
                "calls it in fresh processes; define it at the top level of a file"
            )
        file = getattr(module, "__file__", None)
        if module.__spec__ is not None and "." in module.__name__ and module.__name__ != "__main__":
            return cls(module.__name__, name, False)
        if file is None:
            raise UnknownNameError(
                f"{name!r} was typed into a session without a file; save it in a file and audit that"
            )
        return cls(str(Path(file).resolve()), name, True)


def load_module(reference: Reference) -> types.ModuleType:
    """Import the module of a reference.

    Raises
    ------
    UnknownNameError
        If importing it fails.
    """
    try:
        if not reference.is_file:
            return importlib.import_module(reference.place)
        return _load_file(Path(reference.place))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        said = " ".join(str(error).split())[:300]
        raise UnknownNameError(
            f"{Path(reference.place).name} cannot be imported: {type(error).__name__}: {said}; correct it and run again"
        ) from error


def _load_file(path: Path) -> types.ModuleType:
    top, parts = path.parent, [path.stem]
    while (top / "__init__.py").is_file():
        parts.insert(0, top.name)
        top = top.parent
    for folder in (str(top), str(path.parent)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    if len(parts) > 1:
        return importlib.import_module(".".join(parts))
    name = path.stem if path.stem not in sys.modules else f"audited_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("it is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def find_object(module: types.ModuleType, reference: Reference) -> Any:
    """Follow the dotted name.

    Raises
    ------
    UnknownNameError
        With the nearest name that exists.
    """
    found: Any = module
    for part in reference.name.split("."):
        if inspect.isclass(found) and found is not module:
            found = _instance(found, reference)
        if not hasattr(found, part):
            own = {key: value for key, value in vars(module).items() if not key.startswith("_")}
            names = [key for key, value in own.items() if getattr(value, "__module__", "") == module.__name__] or [*own]
            raise UnknownNameError(f"{reference.shown}: there is no {part!r}; {nearest(part, names)}")
        found = getattr(found, part)
    return found


def as_function(found: Any, reference: Reference) -> Callable[[Any], Any]:
    """Make a callable of one frame out of what a name leads to.

    Raises
    ------
    UnknownNameError
        If it cannot be called with one data frame.
    """
    if inspect.isclass(found):
        found = _instance(found, reference)
    if not callable(found):
        method = next((name for name in METHODS if callable(getattr(found, name, None))), None)
        if method is None:
            raise UnknownNameError(
                f"{reference.shown} is {type(found).__name__}, not a function; name a function of one data frame"
            )
        found = getattr(found, method)
    try:
        inspect.signature(found).bind(None)
    except TypeError as error:
        raise UnknownNameError(
            f"{reference.shown} cannot be called with one data frame ({error}); give its other arguments defaults"
        ) from None
    except ValueError:
        pass
    return found  # type: ignore[no-any-return]


def _instance(found: type, reference: Reference) -> Any:
    try:
        return found()
    except Exception as error:
        raise UnknownNameError(
            f"{reference.shown}: {found.__name__}() fails ({type(error).__name__}: {error}); "
            "make an instance at the top level of the file and name that"
        ) from None


def flavours(function: Callable[..., Any]) -> list[str]:
    """Kinds of frame to try, the likeliest first: by annotation, else by the library its code names."""
    target = inspect.unwrap(function)
    code = getattr(target, "__func__", target)
    code = code if hasattr(code, "__code__") else getattr(type(code), "__call__", code)  # noqa: B004
    noted = str(_first_annotation(code))
    if "LazyFrame" in noted and "DataFrame" not in noted.replace("LazyFrame", ""):
        return ["polars lazy"]
    owner = _library(noted, getattr(code, "__globals__", {}))
    votes = dict.fromkeys(("polars", "pandas"), 0)
    for name, module in _modules_named(code):
        votes[module] += name
    first = owner or ("pandas" if votes["pandas"] > votes["polars"] else "polars")
    rest = [flavour for flavour in FLAVOURS if not flavour.startswith(first)]
    return [flavour for flavour in FLAVOURS if flavour.startswith(first)] + rest


def _first_annotation(code: Any) -> Any:
    try:
        parameters = [p for p in inspect.signature(code).parameters.values() if p.name not in ("self", "cls")]
    except (TypeError, ValueError):
        return ""
    if not parameters or parameters[0].annotation is inspect.Parameter.empty:
        return ""
    return parameters[0].annotation


def _library(annotation: str, names: dict[str, Any]) -> str | None:
    for library in ("polars", "pandas"):
        if library in annotation:
            return library
    alias = names.get(annotation.strip("'\"").partition(".")[0])
    module = alias.__name__ if isinstance(alias, types.ModuleType) else getattr(alias, "__module__", "")
    return next((library for library in ("polars", "pandas") if module.startswith(library)), None)


def _modules_named(code: Any) -> Iterator[tuple[int, str]]:
    names = getattr(code, "__globals__", {})
    pending = [getattr(code, "__code__", None)]
    while pending:
        block = pending.pop()
        if block is None:
            continue
        pending += [const for const in block.co_consts if isinstance(const, types.CodeType)]
        for name in block.co_names:
            module = names.get(name)
            if isinstance(module, types.ModuleType) and module.__name__ in ("polars", "pandas"):
                yield 1, module.__name__
