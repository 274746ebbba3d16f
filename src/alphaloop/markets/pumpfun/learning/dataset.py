"""Stored signals joined with their outcomes: one row per signal, as it was when it was decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.errors import DataError
from alphaloop.dataset.table import Dataset
from alphaloop.markets.pumpfun.learning.recipe import PumpRecipe
from alphaloop.markets.pumpfun.learning.stored import OUTCOMES, TABLES, Row, Stored
from alphaloop.markets.pumpfun.outcomes.records import Outcome
from alphaloop.markets.pumpfun.outcomes.targets import Answer
from alphaloop.markets.pumpfun.signals.catalogue import EventFeatureSet

COLUMNS = ("mint", "creator", "known_ns", "feature_set_hash", "features")
GRADUATED = "graduated"
ENDED = "windows that ended"


@dataclass(frozen=True)
class SignalRows:
    """A dataset and what it says nothing about.

    Attributes
    ----------
    dataset : Dataset
        Its symbols are the tokens' mints.
    signal_ids, creators : tuple of str
        Of each row.
    left_out : dict of str to int
        Reasons why stored signals are no rows, with their number.
    out_of_sight : int
        Rows whose answer was known before their token graduated out of sight; what came after would not have been seen.
    """

    dataset: Dataset
    signal_ids: tuple[str, ...]
    creators: tuple[str, ...]
    left_out: dict[str, int]
    out_of_sight: int = 0

    @property
    def creator(self) -> NDArray[np.int64]:
        """Code of each row's creator, shape ``(n,)``; a token whose creator is unknown is a creator of its own."""
        tokens = self.dataset.symbol.tolist()
        names = [name or f"token {token}" for name, token in zip(self.creators, tokens, strict=True)]
        return np.unique(names, return_inverse=True)[1].astype(np.int64)

    @property
    def survivors(self) -> str:
        """Say how many signals are on tokens that graduated out of sight, which count one way or not at all; or ""."""
        lost, kept = self.left_out.get(GRADUATED, 0), self.out_of_sight
        if not lost + kept:
            return ""
        return (
            f"{lost + kept:,} signals are on tokens that graduated and whose pool's prices were not recorded: {kept:,} "
            f"are rows, because their answer was known before, and {lost:,} are left out, so that among graduated "
            f"tokens the share of {self.dataset.classes[1]!r} is not the market's; collect with --pumpswap to see them"
        )

    @property
    def windows(self) -> str:
        """Say how many launch windows are no rows because of how they ended; or ""."""
        ended = {reason: count for reason, count in self.left_out.items() if reason.startswith(ENDED)}
        if not ended:
            return ""
        each = ", ".join(f"{count:,} {reason.removeprefix(ENDED).strip()}" for reason, count in ended.items())
        return (
            f"{sum(ended.values()):,} launch windows are stored and are no rows ({each}): the scores are those of the "
            f"{len(self.dataset):,} that a model is asked about. That an aborted launch fails is known without one"
        )

    @property
    def cautions(self) -> dict[str, str]:
        """What the rows do not show, by topic."""
        found = {"Survivors": self.survivors, "Windows": self.windows}
        return {topic: f"{text}." for topic, text in found.items() if text}


def read_rows(stored: Stored, recipe: PumpRecipe) -> SignalRows:
    """Read what a recipe asks for.

    A signal is a row if it carries the very feature set that the recipe names and its outcomes answer the recipe's
    question. It is decided at its `known_ns` and resolved when the answer was known. Features are the stored float32,
    to the bit.

    Raises
    ------
    DataError
        If no signal is a row, or all have the same answer.
    """
    left_out: Counter[str] = Counter()
    answers = _answers(stored, recipe)
    rows = list(_usable(stored, recipe, answers, left_out))
    if recipe.dataset.max_rows:
        rows = rows[-recipe.dataset.max_rows :]
    if not rows:
        reasons = "; ".join(f"{reason}: {count}" for reason, count in left_out.most_common(3)) or "none is stored"
        raise DataError(
            f"{stored.name}: no {recipe.kind} can be learned from ({reasons}); "
            "collect for longer or choose another target"
        )
    return _table(rows, answers, recipe, dict(left_out.most_common()))


def _answers(stored: Stored, recipe: PumpRecipe) -> dict[str, Answer]:
    """What the outcomes say, by signal; also that they do not say it."""
    where = {"kind": recipe.kind, "horizon_s": ("in", list(recipe.label.horizons_s))}
    rows = stored.rows(OUTCOMES, Outcome.__struct_fields__, where)
    answers = {}
    for signal_id, group in groupby(rows, key=lambda row: str(row["signal_id"])):
        answers[signal_id] = recipe.label.answer({each.horizon_s: each for each in map(Outcome.from_row, group)})
    return answers


def _usable(stored: Stored, recipe: PumpRecipe, answers: Mapping[str, Answer], left_out: Counter[str]) -> Iterator[Row]:
    """Give signals with an answer, in the order of their decisions, and count the others by why they are none."""
    launches = recipe.kind == "genesis"
    columns = (*COLUMNS, "reason") if launches else COLUMNS
    for row in stored.rows(TABLES[recipe.kind], columns, _period(recipe), "known_ns"):
        answer = answers.get(row["signal_id"])
        if row["feature_set_hash"] != recipe.feature_set.hash:
            left_out["made with another feature set"] += 1
        elif launches and row["reason"] not in recipe.dataset.windows:
            left_out[f"{ENDED} {row['reason']}"] += 1
        elif answer is None:
            left_out["no outcome is stored yet"] += 1
        elif answer.hit is None:
            left_out[answer.reason] += 1
        else:
            _check_width(row, recipe.feature_set)
            yield row


def _period(recipe: PumpRecipe) -> dict[str, Any]:
    limits = recipe.dataset
    found = []
    if limits.first_ns is not None:
        found.append((">=", limits.first_ns))
    if limits.last_ns is not None:
        found.append(("<=", limits.last_ns))
    return {"known_ns": found} if found else {}


def _check_width(row: Row, wanted: EventFeatureSet) -> None:
    if len(row["features"]) != 4 * len(wanted):
        raise DataError(
            f"signal {row['signal_id']}: its features take {len(row['features'])} bytes, expected {4 * len(wanted)} of "
            f"{wanted.name!r}; the row is damaged: restore it from the recording"
        )


def _table(rows: list[Row], answers: Mapping[str, Answer], recipe: PumpRecipe, left_out: dict[str, int]) -> SignalRows:
    found = [answers[row["signal_id"]] for row in rows]
    mints = np.array([row["mint"] for row in rows])
    symbols, codes = np.unique(mints, return_inverse=True)
    decided = np.array([row["known_ns"] for row in rows], np.int64)
    order = np.lexsort((codes, decided))
    net = np.array([answer.net for answer in found])
    X = np.frombuffer(b"".join(row["features"] for row in rows), "<f4").reshape(len(rows), -1).astype(np.float32)
    dataset = Dataset(
        symbol=codes.astype(np.int32),
        symbols=tuple(symbols.tolist()),
        decided_ns=decided,
        resolved_ns=np.array([answer.resolved_ns for answer in found], np.int64),
        X=X,
        y=np.array([answer.hit for answer in found], np.int8),
        gross=np.array([answer.gross for answer in found]),
        net_long=net,
        net_short=-net,
        feature_names=recipe.feature_set.names,
        families=recipe.feature_set.families,
        classes=recipe.label.classes,
        sides=recipe.label.sides,
    ).take(order)
    _require_both(dataset)
    return SignalRows(
        dataset,
        tuple(rows[place]["signal_id"] for place in order.tolist()),
        tuple(rows[place]["creator"] or "" for place in order.tolist()),
        left_out,
        sum(answer.out_of_sight for answer in found),
    )


def _require_both(dataset: Dataset) -> None:
    counts = dataset.class_counts()
    if min(counts.values()) == 0:
        only = max(counts, key=counts.__getitem__)
        raise DataError(
            f"all {len(dataset)} signals are {only!r}: one class cannot be learned; collect for longer or choose "
            "another target"
        )
