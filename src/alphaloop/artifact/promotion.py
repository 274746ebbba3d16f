"""Proof before promotion: what a contract must show before its artifact may trade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alphaloop.artifact.contract import Contract


def objections(contract: Contract) -> list[str]:
    """Reasons against promoting an artifact, in words; a proof that is missing is one. Empty if there are none."""
    reasons = [*_audit(contract.audit), *_parity(contract.parity)]
    if not contract.threshold.tradable:
        reasons.append(f"its threshold is not tradable (net value {contract.threshold.net_value} on validation)")
    return reasons


def _audit(audit: Mapping[str, Any]) -> list[str]:
    if "clean" not in audit:
        return ["it carries no audit"]
    if audit["clean"] is not True:
        findings = audit.get("findings")
        count = len(findings) if isinstance(findings, list | tuple) else findings
        return [f"its audit is not clean ({count} findings)" if count is not None else "its audit is not clean"]
    return []


def _parity(parity: Mapping[str, Any]) -> list[str]:
    if "flipped" not in parity or "rows" not in parity:
        return ["it carries no proof of parity"]
    if parity["flipped"] != 0 or parity.get("passed", True) is not True or parity["rows"] < 1:
        return [f"its parity gate failed ({parity['flipped']} of {parity['rows']} decisions flipped)"]
    return []
