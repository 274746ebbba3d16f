"""What every command about the live trader takes, and the database that it looks into."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from alphaloop.stores.records import Records

Data = Annotated[Path, typer.Option("--data", help="Folder of the trader's own things: its token, its dry-run state.")]
Db = Annotated[
    str | None,
    typer.Option("--db", envvar="DATABASE_URL", help="sqlite:///FILE or postgresql://...; default: DATA/live.db."),
]
BusUrl = Annotated[
    str, typer.Option("--bus", envvar="REDIS_URL", help="redis://HOST:PORT/DB, where the collector publishes.")
]
Account = Annotated[str | None, typer.Option("--account", help="Whose; needed only where a database has several.")]

HERE = Path("live")
REDIS = "redis://127.0.0.1:6379/0"


def records_of(data: Path, db: str | None) -> Records:
    """Open the trader's database.

    Raises
    ------
    InputError
        If it is a file that is not there: nobody has traded in it.
    """
    from alphaloop.core.errors import InputError
    from alphaloop.markets.pumpfun.live.schema import SCHEMA
    from alphaloop.stores.place import parse_place
    from alphaloop.stores.records import open_records

    place = parse_place(db or f"sqlite:///{data / 'live.db'}")
    if place.kind == "sqlite" and not Path(place.path).is_file():
        raise InputError(f"{place.name}: no such database; give --db, or --data of the trader")
    records = open_records(place.url)
    records.migrate(SCHEMA)
    return records
