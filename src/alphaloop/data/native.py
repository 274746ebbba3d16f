"""Native readers on files of unknown health: whatever goes wrong inside becomes one sentence."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from alphaloop.core.errors import AlphaloopError, DataError

T = TypeVar("T")

_STDERR = 2
_LONGEST_REASON = 120


def guarded(name: str, form: str, read: Callable[[], T]) -> T:
    """Run a reader of file `name`; its errors, a panic of native code among them, become one `DataError`."""
    try:
        with _quiet():
            return read()
    except AlphaloopError:
        raise
    except BaseException as error:
        # pyo3's PanicException derives from BaseException so that nobody swallows it by accident; here it can only mean
        # that the bytes are damaged. A person's Ctrl-C is not a property of the file.
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
            raise
        raise DataError(
            f"{name} cannot be read as {form}, it is truncated or corrupted ({_reason(error)}); fetch it again"
        ) from None


@contextmanager
def refusing_panics(name: str) -> Iterator[None]:
    """Turn a panic of native code on the values of file `name` into a `DataError`; other errors stay what they are."""
    try:
        with _quiet():
            yield
    except (Exception, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        raise DataError(
            f"{name} holds values that cannot be read ({_reason(error)}); fetch or export it again"
        ) from None


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split("{")[0].split()) or type(error).__name__
    return text[:_LONGEST_REASON].rstrip(" .:,")


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what native code writes to standard error; drop it when the block fails, else pass it on.

    A panic prints a backtrace before it becomes an exception, and nobody who gave a damaged file needs to see it.
    """
    sys.stderr.flush()
    try:
        saved = os.dup(_STDERR)
    except OSError:
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, _STDERR)
            os.close(saved)
        held.seek(0)
        os.write(_STDERR, held.read())
