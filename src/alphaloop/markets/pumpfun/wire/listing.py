"""What a file of notifications or transactions holds, laid out for people and for JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.wire.decode import DamagedRecord, fields
from alphaloop.markets.pumpfun.wire.documents import read_scans
from alphaloop.markets.pumpfun.wire.layouts import AMM_DISCRIMINATORS, DISCRIMINATOR_BYTES, TYPED
from alphaloop.markets.pumpfun.wire.records import Record


def list_events(path: Path) -> dict[str, Any]:
    """List every event in a file.

    Returns
    -------
    dict
        ``events`` of the Pump program (creates, trades, completions, migrations, buys behind a completion),
        ``amm_events`` (trades in PumpSwap pools) and ``other_events``, each with ``event``, ``log_index``, ``fields``,
        ``signature``, ``slot``, ``bytes`` and ``extra``: the bytes, in hex, after the last field known, which a newer
        layout has. Then ``transactions``, how many of them ``failed``, the signatures whose logs were ``truncated``
        with events missing, how many events were ``recovered`` behind such a cut, and how many ``foreign`` lines of
        other programs looked like events.

    Raises
    ------
    DataError
        If the file cannot be read, or an event in it is damaged.
    """
    listed: dict[str, list[dict[str, Any]]] = {"events": [], "amm_events": [], "other_events": []}
    truncated: list[str] = []
    transactions = failed = recovered = foreign = 0
    for scan in read_scans(path):
        transactions += 1
        failed += scan.failed
        recovered += scan.recovered
        foreign += scan.foreign
        if scan.incomplete:
            truncated.append(scan.signature)
        for record in scan.records:
            listed[_group(record)].append(_entry(record, path))
    if not transactions:
        raise DataError(f"{path.name} holds no transaction; give a JSON file of notifications, transactions or records")
    counts = {"transactions": transactions, "failed": failed, "recovered": recovered, "foreign": foreign}
    return {**listed, "truncated": truncated, **counts}


def _group(record: Record) -> str:
    kind = record.data[:DISCRIMINATOR_BYTES]
    if kind in AMM_DISCRIMINATORS:
        return "amm_events"
    return "events" if kind in TYPED else "other_events"


def _entry(record: Record, path: Path) -> dict[str, Any]:
    try:
        found = fields(record.data)
    except DamagedRecord as damage:
        raise DamagedRecord(f"{path.name}, transaction {record.signature}, line {record.log_index}: {damage}") from None
    return {
        "event": found.event,
        "log_index": record.log_index,
        "fields": found.fields,
        "signature": record.signature,
        "slot": record.slot,
        "bytes": len(record.data),
        "extra": found.extra.hex(),
    }
