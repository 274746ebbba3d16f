"""Runs with journal, checkpoint and heartbeat."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of the first release."""
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("result", sa.Text),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
    )
    _of_run(
        "events",
        sa.Column("seq", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("time_ns", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        key=("run_id", "seq"),
    )
    _of_run(
        "checkpoints",
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("cursor", sa.BigInteger, nullable=False),
        sa.Column("time_ns", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
    )
    _of_run(
        "checkpoint_blobs",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        key=("run_id", "name"),
    )
    _of_run("heartbeats", sa.Column("beat_ns", sa.BigInteger, nullable=False))


def _of_run(table: str, *columns: sa.Column[Any], key: tuple[str, ...] = ("run_id",)) -> None:
    op.create_table(
        table,
        sa.Column("run_id", sa.String(64), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint(*key, name=f"pk_{table}"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=f"fk_{table}_run_id_runs"),
    )


def downgrade() -> None:
    """Drop everything."""
    for table in ("heartbeats", "checkpoint_blobs", "checkpoints", "events", "runs"):
        op.drop_table(table)
