"""From a URL to declared tables."""

from __future__ import annotations

from alphaloop.stores.place import parse_place
from alphaloop.stores.records.contract import Records


def open_records(url: str) -> Records:
    """Open the database at `url`.

    Parameters
    ----------
    url : str
        ``memory://``, ``sqlite:///FILE`` (or a bare file name), or ``postgresql://[user:password@]host:port/database``.

    Raises
    ------
    InputError
        If the URL is none of these, the file is no database, or the server refuses the user.
    StoreAwayError
        If the server does not answer.
    """
    place = parse_place(url)
    if place.kind == "memory":
        from alphaloop.stores.records.memory import MemoryRecords

        return MemoryRecords()
    from alphaloop.stores.records.sql import open_sql

    return open_sql(place)
