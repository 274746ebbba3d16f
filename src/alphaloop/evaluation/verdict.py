"""One sentence above everything else: the first rule that applies decides it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from alphaloop.evaluation.evidence import Evidence
from alphaloop.evaluation.wording import between, count, signed, signed_percent

Tone = Literal["good", "caution", "bad", "unknown"]

FEWEST_TRADES = 30


@dataclass(frozen=True)
class Verdict:
    """What the page says first; `kind` is stable, for tests and machines."""

    kind: str
    tone: Tone
    text: str


def judge(evidence: Evidence) -> Verdict:
    """Give the verdict: refusals first, then whether there is an edge at all, then whether it was worth money."""
    verdict = _refusal(evidence) or _without_edge(evidence) or _with_edge(evidence)
    if not evidence.synthetic:
        return verdict
    text = f"{verdict.text} The market is synthetic: this proves the tools, not a trade."
    return Verdict(verdict.kind, verdict.tone, text)


def _refusal(e: Evidence) -> Verdict | None:
    if e.audit_clean is False:
        found = count(e.audit_findings, "finding")
        return Verdict("leak", "bad", f"Do not use: the audit has {found}, so no score on this page can be believed.")
    if e.parity_flipped:
        rows = f"{e.parity_flipped:,} of {e.parity_rows or 0:,}"
        return Verdict("parity", "bad", f"Do not use: the exported graph decides differently on {rows} rows.")
    if e.pr_auc is None:
        return Verdict("unscored", "unknown", "Unproven: the test rows were not scored.")
    return None


def _without_edge(e: Evidence) -> Verdict | None:
    if any(found.kind == "constant" for found in e.collapse):
        return Verdict("constant", "bad", "No model: every test row gets the same probability.")
    if e.difference is None or not e.difference.measured:
        return Verdict("unproven", "unknown", "Unproven: the difference to the baselines has no interval.")
    gap = f"PR-AUC differs by {signed(e.difference.value)} ({between(e.difference, plus=True)})"
    if e.difference.high < 0.0:
        return Verdict("worse", "bad", f"Worse than the best baseline ({e.baseline}): {gap}.")
    if e.difference.low <= 0.0:
        text = f"No edge beyond the best baseline ({e.baseline}): {gap}, and the interval includes zero."
        return Verdict("no_edge", "bad", text)
    return None


def _with_edge(e: Evidence) -> Verdict:
    edge = f"Ranks better than the best baseline ({e.baseline})"
    if e.audit_clean is None:
        return Verdict("unaudited", "unknown", f"{edge}, but has not been audited.")
    if e.tradable is False:
        text = f"{edge}, but no threshold paid its costs on validation: do not trade it."
        return Verdict("untradable", "caution", text)
    if e.trades is None or e.net_return is None:
        return Verdict("no_backtest", "caution", f"{edge}; what it earns was not measured.")
    if e.trades < FEWEST_TRADES:
        return Verdict("few_trades", "caution", f"{edge}; {count(e.trades, 'test trade')} cannot show what it earns.")
    made = signed_percent(e.net_return)
    if e.net_return <= 0.0 and (e.before_fees or 0.0) > 0.0:
        return Verdict("eaten", "caution", f"{edge}, but the fees take more than it earns: {made} net in the test.")
    if e.net_return <= 0.0:
        return Verdict("loses", "caution", f"{edge}, but trading it lost money in the test: {made} net.")
    if e.trade_mean is None or not e.trade_mean.measured:
        text = f"{edge} and made {made} net in the test; how far luck explains it was not measured."
        return Verdict("luck_unmeasured", "caution", text)
    if e.trade_mean.low <= 0.0:
        return Verdict("lucky", "caution", f"{edge} and made {made} net in the test, which luck alone could explain.")
    return Verdict("edge", "good", f"{edge} and made {made} net of costs in this one test period.")
