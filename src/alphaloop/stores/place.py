"""Where a store is: a URL, taken apart once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from alphaloop.core.addresses import redacted
from alphaloop.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a store.

    Attributes
    ----------
    kind : str
        ``memory``, ``sqlite`` or ``postgresql``.
    url : str
        As given; may hold a password, and never appears in a message.
    path : str
        The SQLite file, else empty.
    """

    kind: Literal["memory", "sqlite", "postgresql"]
    url: str = field(repr=False)
    path: str = ""

    @property
    def name(self) -> str:
        """What errors and logs call it."""
        return self.path or redacted(self.url)


def parse_place(url: str) -> Place:
    """Understand the URL of a store; the name of a file that has a suffix, such as ``x.db``, is a SQLite file.

    Any other word is refused: a slip of the pen would make a file of that name.

    Raises
    ------
    InputError
        If it is of no kind that is known here.
    """
    scheme, mark, rest = url.partition("://")
    if not mark and Path(url).suffix and ":" not in url:
        return Place("sqlite", url, url)
    if url == "memory://":
        return Place("memory", url)
    if scheme == "sqlite" and rest.startswith("/") and rest != "/":
        return Place("sqlite", url, rest.removeprefix("/"))
    if scheme in ("postgresql", "postgres") and rest:
        return Place("postgresql", url)
    raise InputError(
        f"{redacted(url)!r}: not the place of a store; give sqlite:///FILE, postgresql://USER@HOST/DATABASE or memory://"
    )
