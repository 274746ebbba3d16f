"""Declared tables behind one contract: in memory, in SQLite, in PostgreSQL."""

from __future__ import annotations

from alphaloop.stores.records.address import open_records
from alphaloop.stores.records.contract import Condition, Records, Row, Where, Without
from alphaloop.stores.records.schema import (
    AddColumn,
    AddIndex,
    CreateTable,
    DropColumn,
    DropIndex,
    DropTable,
    Schema,
    Step,
)
from alphaloop.stores.records.specs import ColumnSpec, Kind, TableSpec

__all__ = [
    "AddColumn",
    "AddIndex",
    "ColumnSpec",
    "Condition",
    "CreateTable",
    "DropColumn",
    "DropIndex",
    "DropTable",
    "Kind",
    "Records",
    "Row",
    "Schema",
    "Step",
    "TableSpec",
    "Where",
    "Without",
    "open_records",
]
