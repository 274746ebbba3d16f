"""Bring a database to a market's schema: the missing steps, through Alembic's operations, in one transaction."""

from __future__ import annotations

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, insert, select, text

from alphaloop.stores.records.schema import AddColumn, AddIndex, Change, CreateTable, DropColumn, DropIndex, Schema
from alphaloop.stores.records.tables import column_of, index_name, key_of

# Chosen once; every release must lock under the same number.
MIGRATION_LOCK = 4_021_559_113

applied_steps = Table(
    "records_steps",
    MetaData(),
    Column("market", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("step", Text, nullable=False),
)


def migrate(connection: Connection, schema: Schema, place: str) -> list[str]:
    """Apply the steps that the database has not seen, and give their names.

    Two processes that migrate at once wait for each other.

    Raises
    ------
    InputError
        If the database has steps that `schema` does not.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATION_LOCK})
    applied_steps.create(connection, checkfirst=True)
    own = select(applied_steps.c.step).where(applied_steps.c.market == schema.market).order_by(applied_steps.c.number)
    applied = list(connection.scalars(own))
    missing = schema.missing_steps(place, applied)
    operations = Operations(MigrationContext.configure(connection, opts={"transactional_ddl": True}))
    for number, step in enumerate(missing, start=len(applied)):
        for change in step.changes:
            _apply(operations, change)
        connection.execute(insert(applied_steps).values(market=schema.market, number=number, step=step.name))
    return [step.name for step in missing]


def _apply(operations: Operations, change: Change) -> None:
    if isinstance(change, CreateTable):
        _create(operations, change)
    elif isinstance(change, AddColumn):
        operations.add_column(change.table, column_of(change.column))
    elif isinstance(change, DropColumn):
        operations.drop_column(change.table, change.column)
    elif isinstance(change, AddIndex):
        operations.create_index(index_name(change.table, change.columns), change.table, list(change.columns))
    elif isinstance(change, DropIndex):
        operations.drop_index(index_name(change.table, change.columns), change.table)
    else:
        operations.drop_table(change.table)


def _create(operations: Operations, change: CreateTable) -> None:
    spec = change.table
    operations.create_table(spec.name, *(column_of(column) for column in spec.columns), key_of(spec))
    for columns in spec.indexes:
        operations.create_index(index_name(spec.name, columns), spec.name, list(columns))
