"""What the API shows of the store: one page of each list, and the state of the pipeline.

A page is ``{"items": [...], "next": CURSOR}``; the cursor, None at the end, says where the next page goes on. Rows
that are added meanwhile neither repeat nor hide anything that a later page holds.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from alphaloop.core.clock import NS_PER_S, Clock, SystemClock
from alphaloop.core.errors import AwayError, InputError, StateError
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL
from alphaloop.stores.records import Records, Row, Where

GRADUATED: Final = 7
HOUR_NS: Final = 3_600 * NS_PER_S
LARGE_TRADE_SOL: Final = 10.0
STATES: Final = (
    "launch",
    "early_accumulation",
    "momentum",
    "euphoria",
    "distribution",
    "decline",
    "dead",
    "graduated",
)
REGIMES: Final = ("bear", "transition", "bull_normal", "bull_euphoria")

Item: TypeAlias = dict[str, Any]
Page: TypeAlias = dict[str, Any]


class Pages:
    """Reads the store for the API.

    Parameters
    ----------
    records : Records
        Migrated to the market's schema.
    clock : Clock, optional
        What "the last hour" counts back from.
    """

    def __init__(self, records: Records, clock: Clock | None = None) -> None:
        self._records = records
        self._clock = clock or SystemClock()

    def signals(
        self, limit: int, cursor: str | None, min_score: float | None, model: str, mint: str | None = None
    ) -> Page:
        """Newest signals first; with `min_score`, signals and launches that `model` scored so, newest score first."""
        if min_score is None:
            of_mint: Where = {} if mint is None else {"mint": mint}
            rows, following = self._page("signals", of_mint, ("known_ns",), limit, cursor)
            return {"items": self._with_scores([_signal(row) for row in rows]), "next": following}
        where: dict[str, Any] = {"model": model, "probability": (">=", min_score)}
        if mint is not None:
            tables = ("signals", "genesis_observations")
            named = [self._records.select(table, {"mint": mint}, columns=("signal_id",)) for table in tables]
            where["signal_id"] = ("in", [row["signal_id"] for rows in named for row in rows])
        scored, following = self._page("ml_scores", where, ("scored_ns",), limit, cursor)
        ids = [row["signal_id"] for row in scored]
        found = {row["signal_id"]: _signal(row) for row in self._some("signals", "signal_id", ids)}
        found |= {row["signal_id"]: _genesis(row) for row in self._some("genesis_observations", "signal_id", ids)}
        items = [found[one] for one in ids if one in found]
        return {"items": self._with_scores(items), "next": following}

    def wallets(self, limit: int, cursor: str | None, min_alpha: float, active: bool) -> Page:
        """Wallets by falling alpha score, those with equal scores by name; wallets without a score are left out."""
        where: Where = {"is_active": active, "alpha_score": (">=", min_alpha)}
        rows, following = self._page("wallets", where, ("alpha_score",), limit, cursor)
        features = {row["wallet"]: row for row in self._some("wallet_features", "wallet", _all(rows, "wallet"))}
        profits = {row["wallet"]: row for row in self._some("wallet_pnl", "wallet", _all(rows, "wallet"))}
        items = [
            {**_camel(row), "features": _camel(features.get(row["wallet"])), "pnl": _camel(profits.get(row["wallet"]))}
            for row in rows
        ]
        return {"items": items, "next": following}

    def tokens(self, limit: int, cursor: str | None, creator: str | None, graduated: bool | None) -> Page:
        """Newest tokens first, with the state of their life and what speaks against them."""
        where: dict[str, Any] = {} if creator is None else {"creator": creator}
        if graduated is not None:
            where["completed_ns"] = ("!=", None) if graduated else None
        rows, following = self._page("tokens", where, ("known_ns",), limit, cursor)
        mints = _all(rows, "mint")
        states = {row["mint"]: row for row in self._some("token_lifecycle", "mint", mints, order_by=("known_ns",))}
        creators = {row["creator"]: row for row in self._some("creators", "creator", _all(rows, "creator"))}
        bundles: dict[str, float] = {}
        for row in self._some("bundles", "mint", mints):
            bundles[row["mint"]] = max(bundles.get(row["mint"], 0.0), row["confidence"] or 0.0)
        items = []
        for row in rows:
            state = states.get(row["mint"])
            items.append(
                {
                    **_camel(row),
                    "lifecycleState": None if state is None else state["after"],
                    "lifecycle": None if state is None else STATES[state["after"]],
                    "bundleConfidence": bundles.get(row["mint"]),
                    "creatorRisk": creators.get(row["creator"], {}).get("risk_score"),
                }
            )
        return {"items": items, "next": following}

    def recent(self, limit: int) -> list[Item]:
        """Newest signals, warnings, graduations and large trades together, newest first, each as the feed has it."""
        newest: dict[str, Any] = {"order_by": ("known_ns",), "descending": True, "limit": limit}
        found = [_signal(row) for row in self._records.select("signals", **newest)]
        found += [_genesis(row) for row in self._records.select("genesis_observations", {"emitted": True}, **newest)]
        found += [_warning(row) for row in self._records.select("anti_signals", **newest)]
        found += self._graduations(limit) + self._large_trades(limit)
        found.sort(key=lambda item: (item["data"]["knownNs"], item["type"]), reverse=True)
        return self._with_scores(found[:limit])

    def stats(self) -> Item:
        """State of the pipeline: what was made in the last hour, what waits, what each service said last."""
        now_ns = self._clock.now_ns()
        hour = {"known_ns": (">=", now_ns - HOUR_NS)}
        newest = self._records.select("regime_snapshots", order_by=("known_ns",), descending=True, limit=1)
        said: dict[str, Item] = {}
        for row in self._records.select("pipeline_stats", order_by=("known_ns",), descending=True, limit=200):
            said.setdefault(f"{row['service']}.{row['event']}", {"knownNs": row["known_ns"], **row["stats"]})
        regime = {**_camel(newest[0]), "name": REGIMES[newest[0]["code"]]} if newest else None
        return {
            "nowNs": now_ns,
            "regime": regime,
            "lastHour": {
                "signals": self._records.count("signals", hour),
                "genesisSignals": self._records.count("genesis_observations", {**hour, "emitted": True}),
                "antiSignals": self._records.count("anti_signals", hour),
                "tokens": self._records.count("tokens", hour),
            },
            "services": said,
        }

    def _graduations(self, limit: int) -> list[Item]:
        rows = self._records.select(
            "token_lifecycle", {"after": GRADUATED}, order_by=("known_ns",), descending=True, limit=limit
        )
        tokens = {row["mint"]: row for row in self._some("tokens", "mint", _all(rows, "mint"))}
        return [
            {
                "type": "graduation",
                "data": {
                    "tokenMint": row["mint"],
                    "knownNs": row["known_ns"],
                    "symbol": tokens.get(row["mint"], {}).get("symbol"),
                },
            }
            for row in rows
        ]

    def _large_trades(self, limit: int) -> list[Item]:
        newest = self._records.select("trades", order_by=("known_ns",), descending=True, limit=1, columns=("known_ns",))
        if not newest:
            return []
        # Looked for in the newest hour only: there is no index over sizes.
        where = {
            "known_ns": (">=", newest[0]["known_ns"] - HOUR_NS),
            "sol_amount": (">=", int(LARGE_TRADE_SOL * LAMPORTS_PER_SOL)),
            "quote_mint": "",
        }
        rows = self._records.select("trades", where, order_by=("known_ns",), descending=True, limit=limit)
        names = ("known_ns", "wallet", "is_buy", "sol_amount", "token_amount", "signature", "log_index")
        return [
            {"type": "large_trade", "data": {"tokenMint": row["mint"], **_camel({n: row[n] for n in names})}}
            for row in rows
        ]

    def _with_scores(self, items: list[Item]) -> list[Item]:
        ids = [item["data"]["signalId"] for item in items if "signalId" in item["data"]]
        scores: dict[str, dict[str, float]] = {}
        for row in self._some("ml_scores", "signal_id", ids):
            scores.setdefault(row["signal_id"], {})[row["model"]] = row["probability"]
        for item in items:
            if "signalId" in item["data"]:
                item["scores"] = scores.get(item["data"]["signalId"], {})
        return items

    def _page(
        self, table: str, where: Where, order_by: Sequence[str], limit: int, cursor: str | None
    ) -> tuple[list[Row], str | None]:
        key = ("signal_id", "model") if table == "ml_scores" else (_KEYS[table],)
        order = (*order_by, *key)
        place = None if cursor is None else _place(cursor, len(order))
        try:
            rows = self._records.select(table, where, order_by=order, limit=limit + 1, descending=True, after=place)
        except AwayError:
            raise
        except StateError:
            # Values of other kinds than the columns': only a cursor can bring those.
            raise _foreign(cursor) from None
        more = len(rows) > limit
        rows = rows[:limit]
        return rows, _cursor([rows[-1][name] for name in order]) if more else None

    def _some(self, table: str, column: str, values: Sequence[str], **options: Any) -> list[Row]:
        return self._records.select(table, {column: ("in", values)}, **options) if values else []


_KEYS: Final = {"signals": "signal_id", "wallets": "wallet", "tokens": "mint"}


def _signal(row: Row) -> Item:
    return {"type": "signal", "data": {**row["message"]["data"], "ruleScore": row["rule_score"]}}


def _genesis(row: Row) -> Item:
    names = ("signal_id", "creator", "created_ns", "known_ns", "emitted", "reason")
    return {"type": "genesis_signal", "data": {"tokenMint": row["mint"], **_camel({n: row[n] for n in names})}}


def _warning(row: Row) -> Item:
    names = ("anti_id", "known_ns", "severity", "reasons")
    return {"type": "anti_signal", "data": {"tokenMint": row["mint"], **_camel({n: row[n] for n in names})}}


def _camel(row: Row | None) -> Item:
    if row is None:
        return {}
    return {name.split("_")[0] + "".join(p.title() for p in name.split("_")[1:]): v for name, v in row.items()}


def _all(rows: Sequence[Row], name: str) -> list[Any]:
    return list(dict.fromkeys(row[name] for row in rows))


def _cursor(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(values)).encode()).decode().rstrip("=")


def _place(cursor: str, length: int) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        values = None
    if not isinstance(values, list) or len(values) != length:
        raise _foreign(cursor)
    return values


def _foreign(cursor: str | None) -> InputError:
    return InputError(f"cursor {cursor!r:.60} is not one that a page of this list gave; begin without a cursor")
