"""From a declared table to one of SQLAlchemy."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from alphaloop.stores.records.specs import ColumnSpec, Kind, TableSpec

_TYPES: dict[Kind, Any] = {
    # Sorted by bytes in PostgreSQL as well, whatever the language of its installation.
    "text": Text().with_variant(Text(collation="C"), "postgresql"),
    "int": BigInteger(),
    "float": Double(),
    "bool": Boolean(),
    "bytes": LargeBinary(),
    "json": Text(),
}


def column_of(spec: ColumnSpec) -> Column[object]:
    """Give the column that `spec` declares."""
    return Column(spec.name, _TYPES[spec.kind], nullable=spec.nullable, autoincrement=False)


def key_of(spec: TableSpec) -> PrimaryKeyConstraint:
    """Give the primary key that `spec` declares."""
    return PrimaryKeyConstraint(*spec.key, name=f"pk_{spec.name}")


def index_name(table: str, columns: tuple[str, ...]) -> str:
    """Give the name of the index over `columns`, as PostgreSQL can hold it."""
    return f"ix_{table}_{'_'.join(columns)}"[:63]


def table_of(spec: TableSpec, metadata: MetaData | None = None) -> Table:
    """Give the table that `spec` declares, indexes included."""
    table = Table(
        spec.name,
        metadata if metadata is not None else MetaData(),
        *(column_of(column) for column in spec.columns),
        key_of(spec),
    )
    for columns in spec.indexes:
        Index(index_name(spec.name, columns), *(table.c[name] for name in columns))
    return table
