"""Feature sets by reference: the file in which a user wrote one."""

from __future__ import annotations

import sys
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from alphaloop.core.errors import FeatureError, InputError, UnknownNameError
from alphaloop.core.hashing import hash_json
from alphaloop.core.settings import nearest
from alphaloop.features import operators
from alphaloop.features.expr import Expr
from alphaloop.features.sets import Feature, FeatureSet


def load_feature_set(reference: str) -> FeatureSet:
    """The feature set in a user's Python file.

    Parameters
    ----------
    reference : str
        ``FILE.py``: its single `FeatureSet`, or else all its module-level expressions with public names, in order; or
        ``FILE.py:OBJECT``: the `FeatureSet`, `Feature` or expression of that name. The file is run, like any import.

    Raises
    ------
    UnknownNameError
        If there is no such file or object, or nothing in it is a feature.
    FeatureError
        If the file cannot be run; the sentence names the line.
    """
    file, _, name = reference.partition(":") if reference.count(":") == 1 else (reference, "", "")
    path = Path(file)
    if path.suffix != ".py" or not path.is_file():
        raise UnknownNameError(f"{file!r} is not a Python file; name one as FILE.py or FILE.py:OBJECT")
    module = _run(path)
    found = {key: value for key, value in vars(module).items() if not key.startswith("_")}
    if name:
        if name not in vars(module):
            raise UnknownNameError(f"{file}: there is no {name!r}; {nearest(name, list(found) or ['nothing'])}")
        return _as_set(name, vars(module)[name], file)
    sets = [value for value in found.values() if isinstance(value, FeatureSet)]
    if len(sets) == 1:
        return sets[0]
    if sets:
        names = [key for key, value in found.items() if isinstance(value, FeatureSet)]
        raise UnknownNameError(f"{file}: has {len(sets)} feature sets; name one of them, as in {file}:{names[0]}")
    features = list(_features(found).values())
    if not features:
        raise UnknownNameError(f"{file}: defines no feature; write some, such as rsi_14 = rsi(close, 14)")
    return FeatureSet(path.stem, features)


def _features(found: dict[str, object]) -> dict[str, Feature]:
    """Module-level expressions and features, without the bare columns that an import brings."""
    columns = {expr.key for expr in vars(operators).values() if isinstance(expr, Expr)}
    features = {}
    for name, value in found.items():
        if isinstance(value, Feature):
            features[value.name] = value
        elif isinstance(value, Expr) and not (value.key in columns and value["name"] == name):
            features[name] = Feature(name, value)
    return features


def _as_set(name: str, value: object, file: str) -> FeatureSet:
    if isinstance(value, FeatureSet):
        return value
    if isinstance(value, Feature):
        return FeatureSet(value.name, [value])
    if isinstance(value, Expr):
        return FeatureSet(name, [Feature(name, value)])
    kind = type(value).__name__
    raise UnknownNameError(f"{file}: {name!r} is of type {kind}, not a feature set; name a FeatureSet or an expression")


def _run(path: Path) -> ModuleType:
    """Import a file that is on no import path, under a name that nothing else has."""
    name = f"alphaloop_user_{hash_json(str(path.resolve()))[:16]}"
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise FeatureError(f"{path}: line {error.lineno}: {error.msg}; correct the file") from None
    except InputError as error:
        raise type(error)(f"{path}: line {_line(error, path)}: {error}") from None
    except (Exception, SystemExit) as error:
        kind = type(error).__name__
        raise FeatureError(f"{path}: line {_line(error, path)}: {kind}: {error}; correct the file") from None
    finally:
        del sys.modules[name]
    return module


def _line(error: BaseException, path: Path) -> int:
    """The last line of the user's own file on the way to the error."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 0 for frame in reversed(frames) if Path(frame.filename) == path), 0)
