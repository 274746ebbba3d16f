"""Tries to prove that a feature, label or fitted model knows what it should not."""

from alphaloop.audit.findings import AuditResult, Finding
from alphaloop.audit.functions import audit_function

__all__ = ["AuditResult", "Finding", "audit_function"]
