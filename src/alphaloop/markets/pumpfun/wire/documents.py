"""Files of JSON that hold what nodes said: notifications, ``getTransaction`` answers, records of either.

A document is one of

- a ``logsNotification`` of a WebSocket, or its ``result`` or ``value``;
- a ``getTransaction`` answer, or its ``result``;
- a record with one of these under ``notification``, or one line under ``log``.

A file holds one, a JSON list of them, or one per line. Confirmations of a subscription are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.wire import logs
from alphaloop.markets.pumpfun.wire.layouts import PUMP_PROGRAM
from alphaloop.markets.pumpfun.wire.transactions import Scan, scan_transaction


class _Value(msgspec.Struct, frozen=True):
    logs: list[str]
    signature: str | None = None
    err: Any = None


def read_scans(path: Path | str) -> Iterator[Scan]:
    """Yield what each document of a file says, in order; every `known_ns` counts from 0.

    Raises
    ------
    DataError
        If the file is no JSON, or a document in it is of no known kind; the error names it.
    """
    place = Path(path)
    for where, document in _documents(place):
        try:
            found = scan(document)
        except DataError as wrong:
            raise type(wrong)(f"{where}: {wrong}") from None
        if found is not None:
            yield found


def scan(document: Any, known_ns: int = 0) -> Scan | None:
    """Find out what a document is, and what it says; None for the confirmation of a subscription.

    Raises
    ------
    DataError
        If it is of no known kind.
    """
    if not isinstance(document, Mapping):
        kind = type(document).__name__
        raise DataError(f"a JSON {kind} is no notification and no transaction; give the node's JSON objects")
    if isinstance(document.get("notification"), Mapping):
        return scan(document["notification"], known_ns)
    if isinstance(document.get("error"), Mapping):
        raise DataError(f"the node answered with an error ({document['error'].get('message')}); ask it again")
    if isinstance(document.get("params"), Mapping):
        return scan(document["params"].get("result"), known_ns)
    if "result" in document:
        result = document["result"]
        if isinstance(result, int):
            return None
        return scan_transaction(document, known_ns) if result is None else scan(result, known_ns)
    if isinstance(document.get("value"), Mapping):
        context = document.get("context")
        slot = context.get("slot") if isinstance(context, Mapping) else 0
        return _scan_logs(document["value"], slot if isinstance(slot, int) else 0, known_ns)
    if "transaction" in document:
        return scan_transaction(document, known_ns)
    if "logs" in document:
        return _scan_logs(document, 0, known_ns)
    if isinstance(document.get("log"), str):
        return _scan_line(document["log"], document.get("signature"), known_ns)
    keys = ", ".join(list(map(str, document))[:5]) or "none"
    raise DataError(
        f"an object with the keys {keys} is no logs notification, getTransaction answer or record of one; "
        "give the node's JSON as it came"
    )


def _scan_logs(value: Mapping[str, Any], slot: int, known_ns: int) -> Scan:
    try:
        found = msgspec.convert(value, _Value)
    except msgspec.ValidationError as wrong:
        raise DataError(f"this is no logs notification ({wrong}); give the node's JSON as it came") from None
    signature = found.signature or ""
    seen = logs.records(found.logs, signature=signature, slot=slot, known_ns=known_ns, err=found.err)
    if seen.damaged:
        raise DataError(f"transaction {signature}: a data line is not base64; fetch the transaction again")
    return Scan(signature, slot, None, seen.records, found.err is not None, seen.truncated, 0, seen.foreign)


def _scan_line(line: str, signature: Any, known_ns: int) -> Scan:
    text = line.strip()
    wrapped = [f"Program {PUMP_PROGRAM} invoke [1]", text if text.startswith(logs.DATA) else logs.DATA + text]
    found = _scan_logs({"logs": wrapped, "signature": signature}, 0, known_ns)
    return found._replace(records=[msgspec.structs.replace(record, log_index=0) for record in found.records])


def _documents(path: Path) -> Iterator[tuple[str, Any]]:
    if not path.is_file():
        state = "is not a file" if path.exists() else "does not exist"
        raise DataError(f"{path} {state}; give a JSON file of notifications, transactions or records")
    with _open(path) as handle:
        by_line = _parse(next((line for line in handle if line.strip()), b"")) is not None
        handle.seek(0)
        if by_line:
            for number, line in enumerate(handle, 1):
                if line.strip():
                    yield from _flat(f"{path.name} line {number}", line)
        else:
            yield from _flat(path.name, handle.read())


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"{path} cannot be opened ({error.strerror}); make it readable and run again") from None


def _flat(where: str, content: bytes) -> Iterator[tuple[str, Any]]:
    parsed = _parse(content)
    if parsed is None:
        raise DataError(f"{where} is not JSON ({_reason(content)}); give the node's answers as they came")
    if not isinstance(parsed, list):
        yield where, parsed
        return
    for number, document in enumerate(parsed, 1):
        yield f"{where} item {number}", document


def _parse(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        return None


def _reason(content: bytes) -> str:
    try:
        msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError) as wrong:
        return str(wrong)
    return "null"
