"""What a careful reader would conclude, in words, by rules from the numbers and from nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

from alphaloop.evaluation.deflation import luck_of_best
from alphaloop.evaluation.evidence import Evidence
from alphaloop.evaluation.verdict import FEWEST_TRADES, Tone, Verdict, judge
from alphaloop.evaluation.wording import (
    ABSENT,
    between,
    count,
    decimal,
    percent,
    signed,
    signed_percent,
)

SHARE_OF_BINS_OFF = 0.25


@dataclass(frozen=True)
class Sentence:
    """One conclusion: what it is about, how it should strike the reader, and what it says."""

    topic: str
    tone: Tone
    text: str


@dataclass(frozen=True)
class Conclusion:
    """The verdict and the sentences behind it, in the order in which to read them."""

    verdict: Verdict
    sentences: tuple[Sentence, ...]


def conclude(evidence: Evidence, cautions: Mapping[str, str] | None = None) -> Conclusion:
    """Apply every rule; a part that was not measured gets a sentence that says so.

    Parameters
    ----------
    cautions
        What the caller knows of the rows that no number shows: topic to sentence.
    """
    found = [sentence for rule in RULES if (sentence := rule(evidence)) is not None]
    found += [Sentence(topic, "caution", text) for topic, text in (cautions or {}).items()]
    return Conclusion(judge(evidence), tuple(found))


def _audit(e: Evidence) -> Sentence:
    if e.audit_clean is None:
        return Sentence("Audit", "unknown", "The audit was not run: look-ahead has not been ruled out.")
    if e.audit_clean:
        return Sentence("Audit", "good", "The audit tried to prove a leak and could not.")
    found = count(e.audit_findings, "finding")
    return Sentence("Audit", "bad", f"The audit has {found}; until explained, every score is suspect.")


def _ranking(e: Evidence) -> Sentence:
    if e.pr_auc is None or e.base_rate is None:
        return Sentence("Ranking", "unknown", "The test rows were not scored.")
    against = (
        f"PR-AUC is {decimal(e.pr_auc.value)} ({between(e.pr_auc)}) where the base rate, what a blind guess gets, "
        f"is {decimal(e.base_rate)}"
    )
    if not e.pr_auc.measured:
        return Sentence("Ranking", "unknown", f"{against}; the test is too short for an interval.")
    if e.pr_auc.low > e.base_rate:
        return Sentence("Ranking", "good", f"{against}: better than guessing.")
    if e.pr_auc.high < e.base_rate:
        return Sentence("Ranking", "bad", f"{against}: worse than guessing.")
    return Sentence("Ranking", "bad", f"{against}: not told apart from guessing.")


def _baseline(e: Evidence) -> Sentence:
    if e.difference is None or e.baseline is None:
        return Sentence("Baselines", "unknown", "The model was not compared with a baseline on the same rows.")
    gap = f"PR-AUC minus that of the best baseline, {e.baseline}, is {signed(e.difference.value)}"
    if not e.difference.measured:
        return Sentence("Baselines", "unknown", f"{gap}; the test is too short for an interval.")
    gap = f"{gap} ({between(e.difference, plus=True)})"
    if e.difference.low > 0.0:
        return Sentence("Baselines", "good", f"{gap}: the model adds something that the baseline does not have.")
    if e.difference.high < 0.0:
        return Sentence("Baselines", "bad", f"{gap}: the baseline is the better model.")
    return Sentence("Baselines", "bad", f"{gap}: the interval includes zero, so no edge beyond the baseline is shown.")


def _collapse(e: Evidence) -> Sentence | None:
    if not e.collapse:
        return None
    ways = "; ".join(found.evidence for found in e.collapse)
    return Sentence("Collapse", "bad", f"The probabilities have collapsed: {ways}.")


def _calibration(e: Evidence) -> Sentence:
    if e.bins_off is None or not e.bins:
        return Sentence("Calibration", "unknown", "Whether promised shares come true was not measured.")
    missed = f"{e.bins_off} of {e.bins} bins promise a share outside the interval of what came"
    if e.bins_off < max(2, ceil(SHARE_OF_BINS_OFF * e.bins)):
        return Sentence("Calibration", "good", f"Probabilities can be read as shares: {missed}.")
    lean = "" if e.lean is None else f", on average by {signed(e.lean)} (promise minus outcome)"
    return Sentence("Calibration", "caution", f"Calibration is off: {missed}{lean}.")


def _shrinkage(e: Evidence) -> Sentence | None:
    before, after = e.validation_roc_auc, e.roc_auc
    if before is None or after is None or not before.measured:
        return None
    seen, unseen = f"{decimal(before.value)} ({between(before)})", decimal(after.value)
    moved = f"ROC-AUC is {seen} on validation and {unseen} on the test"
    if after.value < before.low:
        return Sentence("Validation to test", "caution", f"{moved}: part of what was learned or tuned did not last.")
    return Sentence("Validation to test", "good", f"{moved}: no sign of having been tuned to one period.")


def _tuning(e: Evidence) -> Sentence | None:
    if e.tries is None or e.tries < 2:
        return None
    chosen = f"The model is the best of {e.tries:,} trials on validation"
    score = e.validation_pr_auc
    if score is None or not score.measured:
        return Sentence("Tuning", "caution", f"{chosen}: its validation score flatters, its test score does not.")
    luck = luck_of_best(e.tries, score.standard_error)
    return Sentence(
        "Tuning",
        "caution",
        f"{chosen}: if all were equally good, the best would look up to {decimal(luck)} better in PR-AUC by luck alone "
        "(an upper bound, since trials resemble each other), so only the test score counts.",
    )


def _premium(e: Evidence) -> Sentence:
    if not e.leaks:
        return Sentence("Leak premium", "unknown", "What purge and time order are worth here was not measured.")
    worst = max(e.leaks, key=lambda leak: leak.premium)
    said = f"trained with \u201c{worst.name}\u201d, {e.premium_metric} would have looked {signed(worst.premium)} better"
    noise = 2.0 * e.pr_auc.standard_error if e.pr_auc is not None and e.pr_auc.measured else 0.0
    if worst.premium > noise:
        text = f"This data flatters careless splits: {said}, which is more than the sampling noise of the test."
        return Sentence("Leak premium", "caution", text)
    return Sentence("Leak premium", "good", f"Purge and time order change little here: at most, {said}.")


def _threshold(e: Evidence) -> Sentence:
    if e.tradable is None:
        return Sentence("Threshold", "unknown", "No threshold was chosen by net value.")
    trades = count(e.threshold_trades or 0, "validation trade")
    chosen = f"{signed_percent(e.threshold_net)} in summed net returns over {trades}"
    if e.tradable:
        return Sentence("Threshold", "good", f"The chosen threshold paid its costs on validation: {chosen}.")
    text = f"No threshold with enough trades paid its costs on validation; the best made {chosen}."
    return Sentence("Threshold", "bad", text)


def _money(e: Evidence) -> Sentence:
    if e.trades is None or e.net_return is None:
        return Sentence("Money", "unknown", "No backtest was run: what the scores are worth in money is open.")
    if e.trades == 0:
        return Sentence("Money", "caution", "The backtest made no trade.")
    fall = ABSENT if e.max_drawdown is None else percent(abs(e.max_drawdown))
    made = f"{count(e.trades, 'trade')} made {signed_percent(e.net_return)} net of costs, deepest drawdown {fall}"
    if e.net_return <= 0.0 and e.before_fees is not None and e.before_fees > 0.0:
        text = f"{made}; before fees it was {signed_percent(e.before_fees)}, so fees took more than it earned."
        return Sentence("Money", "bad", text)
    if e.net_return <= 0.0:
        return Sentence("Money", "bad", f"{made}: a loss{_before_fees(e)}.")
    if e.trades < FEWEST_TRADES:
        return Sentence("Money", "caution", f"{made}: fewer than {FEWEST_TRADES} trades show nothing either way.")
    if e.trade_mean is None or not e.trade_mean.measured:
        return Sentence("Money", "caution", f"{made}; how far luck explains it was not measured.")
    mean, low, high = (signed_percent(v, 3) for v in (e.trade_mean.value, e.trade_mean.low, e.trade_mean.high))
    average = f"the mean trade made {mean} ({low} to {high})"
    if e.trade_mean.low <= 0.0:
        return Sentence("Money", "caution", f"{made}, but {average}: zero is inside, luck alone could explain it.")
    return Sentence("Money", "good", f"{made}, and {average}.")


def _before_fees(e: Evidence) -> str:
    return "" if e.before_fees is None else f", also before fees ({signed_percent(e.before_fees)})"


def _benchmark(e: Evidence) -> Sentence | None:
    if e.benchmark is None or e.benchmark_return is None or e.net_return is None:
        return None
    theirs, ours = signed_percent(e.benchmark_return), signed_percent(e.net_return)
    said = f"Over the same hours, {e.benchmark} made {theirs}, the model {ours}"
    if e.net_return > e.benchmark_return:
        return Sentence("Benchmark", "good", f"{said}.")
    return Sentence("Benchmark", "caution", f"{said}: it was as good or better.")


def _parity(e: Evidence) -> Sentence:
    if e.parity_rows is None or e.parity_flipped is None:
        text = "Whether the exported graph decides like the trained model was not measured."
        return Sentence("Parity", "unknown", text)
    flips = f"{count(e.parity_flipped, 'decision')} flipped on {e.parity_rows:,} rows"
    if e.parity_flipped:
        return Sentence("Parity", "bad", f"The exported graph is not the trained model: {flips}.")
    return Sentence("Parity", "good", f"The exported graph is the trained model: {flips}.")


RULES: tuple[Callable[[Evidence], Sentence | None], ...] = (
    _audit,
    _ranking,
    _baseline,
    _collapse,
    _calibration,
    _shrinkage,
    _tuning,
    _premium,
    _threshold,
    _money,
    _benchmark,
    _parity,
)
