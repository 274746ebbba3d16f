"""From a URL to a run store."""

from __future__ import annotations

from alphaloop.stores.contract import Store
from alphaloop.stores.memory import MemoryStore
from alphaloop.stores.place import parse_place


def open_store(url: str) -> Store:
    """Open the run store at `url`.

    Parameters
    ----------
    url : str
        ``memory://``, ``sqlite:///FILE`` (or a bare file name), or ``postgresql://[user:password@]host:port/database``.

    Raises
    ------
    InputError
        If the URL is none of these, somebody else has the place open, or it cannot be used.
    StoreAwayError
        If the server does not answer.
    """
    place = parse_place(url)
    if place.kind == "memory":
        return MemoryStore()
    if place.kind == "sqlite":
        from alphaloop.stores.sqlite import open_sqlite

        return open_sqlite(place.path)
    from alphaloop.stores.postgres import open_postgres

    return open_postgres(url)
