"""Sentences that every store says alike."""

from __future__ import annotations

from collections.abc import Sequence

from alphaloop.core.errors import InputError, StateError
from alphaloop.stores.contract import Event, Run


def in_use(place: str, holder: str) -> InputError:
    """Refuse a second opening of `place`."""
    return InputError(
        f"{place}: the state is in use by {holder}; stop that trader first or give another place with --state"
    )


def require_identity(place: str, run: Run, identity: str) -> None:
    """Refuse to go on with a run that was something else."""
    if run.identity != identity:
        raise InputError(
            f"{place}: run {run.run_id!r} was begun as {run.identity} and cannot go on as {identity}; "
            "give the same artifact, data and plan, or another place with --state"
        )


def require_open(place: str, run_id: str, run: Run | None) -> None:
    """Refuse to add to a run that is unknown or finished."""
    if run is None:
        raise StateError(f"{place}: run {run_id!r} was never begun; begin it before appending")
    if run.result is not None:
        raise StateError(f"{place}: run {run_id!r} is finished and takes no more events; begin another run")


def require_next(place: str, run_id: str, events: Sequence[Event], next_seq: int) -> None:
    """Refuse events that leave a gap or come twice."""
    for offset, event in enumerate(events):
        if event.seq != next_seq + offset:
            raise StateError(
                f"{place}: run {run_id!r} got event {event.seq} where {next_seq + offset} comes next; "
                "two writers share one journal, or one lost its place"
            )
