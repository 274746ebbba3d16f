"""Optional dependencies: a missing one is a sentence that says which extra brings it."""

from __future__ import annotations

from importlib.util import find_spec

from alphaloop.core.errors import InputError


def require(extra: str, *modules: str) -> None:
    """Check that `modules`, which the optional dependency group `extra` brings, can be imported; import nothing.

    Raises
    ------
    InputError
        Naming the first missing module and the command that installs it.
    """
    missing = next((module for module in modules if find_spec(module) is None), None)
    if missing:
        raise InputError(f"this needs {missing}, which is not installed; run: pip install 'alphaloop[{extra}]'")
