"""The certificate: what was audited and found, bound to the hashes of code and data."""

from __future__ import annotations

import importlib.util
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from alphaloop.audit.findings import AuditResult
from alphaloop.core.clock import Clock, SystemClock, iso
from alphaloop.core.errors import DataError
from alphaloop.core.files import write_text
from alphaloop.core.hashing import hash_file, hash_json

FORMAT = 1
LIBRARIES = ("alphaloop", "numpy", "polars", "pandas", "numba")


def certify(
    result: AuditResult,
    *,
    code_hash: str,
    data_hash: str,
    data_name: str = "",
    seed: int = 0,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Write down a result beside the hashes of what it speaks of.

    Parameters
    ----------
    result : AuditResult
    code_hash : str
        SHA-256 of the source file, or the hash of the feature set or label.
    data_hash : str
        SHA-256 of the data file, or of the table.
    data_name : str
        Name of the file, without its folder.
    seed : int
    clock : Clock or None

    Returns
    -------
    dict
        Plain values; ``content_hash`` is the hash of all the others.
    """
    body = {
        "format": FORMAT,
        "subject": result.subject,
        "code_sha256": code_hash,
        "data": data_name,
        "data_sha256": data_hash,
        "clean": result.clean,
        "coverage": result.coverage,
        "findings": [finding.to_dict() for finding in result.findings],
        "checks": dict(result.checks),
        "notes": list(result.notes),
        "seed": seed,
        "seconds": round(result.seconds, 3),
        "issued": iso((clock or SystemClock()).now_ns()),
        "versions": _versions(),
    }
    return {**body, "content_hash": hash_json(body)}


def verify_certificate(certificate: dict[str, Any], *, code_hash: str, data_hash: str) -> list[str]:
    """Say what a certificate no longer vouches for.

    Returns
    -------
    list of str
        One sentence for each thing that changed; empty if the certificate holds.
    """
    body = {key: value for key, value in certificate.items() if key != "content_hash"}
    said = []
    if certificate.get("content_hash") != hash_json(body):
        said.append("the certificate itself was changed after it was issued")
    for part, now in (("code", code_hash), ("data", data_hash)):
        issued = str(certificate.get(f"{part}_sha256", ""))
        if issued != now:
            said.append(f"the {part} changed since the audit: {issued[:12]} then, {now[:12]} now")
    if not certificate.get("clean", False):
        said.append(f"the audit found {len(certificate.get('findings', ()))} leaks")
    return said


def write_certificate(certificate: dict[str, Any], path: Path) -> None:
    """Write a certificate as JSON, whole or not at all."""
    write_text(path, json.dumps(certificate, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_certificate(path: Path) -> dict[str, Any]:
    """Read a certificate back.

    Raises
    ------
    DataError
        If it is missing or no JSON object.
    """
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path.name} cannot be read as a certificate ({error}); issue it again") from None
    if not isinstance(found, dict) or "content_hash" not in found:
        raise DataError(f"{path.name} is no audit certificate; issue it again")
    return found


def source_hash(place: str, *, is_file: bool) -> str:
    """SHA-256 of the source file of a module; of its name where it has none."""
    if is_file:
        return hash_file(Path(place))
    spec = importlib.util.find_spec(place)
    origin = spec.origin if spec is not None else None
    return hash_file(Path(origin)) if origin and Path(origin).is_file() else hash_json(place)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
