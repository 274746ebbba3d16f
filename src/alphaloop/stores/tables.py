"""The tables, in words that SQLite and PostgreSQL both understand. Migrations lead to exactly these."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, MetaData, String, Table, Text

metadata = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s"}
)


def _run_key() -> Column[str]:
    return Column("run_id", String(64), ForeignKey("runs.run_id"), primary_key=True)


runs = Table(
    "runs",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("identity", Text, nullable=False),
    Column("result", Text),
)

events = Table(
    "events",
    metadata,
    _run_key(),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("time_ns", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("body", Text, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    _run_key(),
    Column("seq", BigInteger, nullable=False),
    Column("cursor", BigInteger, nullable=False),
    Column("time_ns", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
)

blobs = Table(
    "checkpoint_blobs",
    metadata,
    _run_key(),
    Column("name", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    _run_key(),
    Column("beat_ns", BigInteger, nullable=False),
)
