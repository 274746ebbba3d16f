"""Tries to prove that a feature, label, fit or dataset knows what it should not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alphaloop.audit.findings import AuditResult, Finding

if TYPE_CHECKING:
    from alphaloop.audit.certificate import certify, verify_certificate
    from alphaloop.audit.dataset import audit_dataset
    from alphaloop.audit.feature_sets import audit_feature_set
    from alphaloop.audit.fitting import check_fit, check_shuffled
    from alphaloop.audit.functions import audit_function
    from alphaloop.audit.labels import audit_label

_HOMES = {
    "audit_dataset": "dataset",
    "audit_feature_set": "feature_sets",
    "audit_function": "functions",
    "audit_label": "labels",
    "certify": "certificate",
    "check_fit": "fitting",
    "check_shuffled": "fitting",
    "verify_certificate": "certificate",
}

__all__ = [
    "AuditResult",
    "Finding",
    "audit_dataset",
    "audit_feature_set",
    "audit_function",
    "audit_label",
    "certify",
    "check_fit",
    "check_shuffled",
    "verify_certificate",
]


def __getattr__(name: str) -> Any:  # whatever the name means
    """Import a name when it is first used: a worker process needs few of them, and starts faster without the rest."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"alphaloop.audit.{_HOMES[name]}"), name)
