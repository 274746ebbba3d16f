"""What `alphaloop live` prints for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from alphaloop.cli.output import say


def show_status(found: Mapping[str, Any]) -> None:
    """Print the standing of an account."""
    if "account" in found:
        say(f"account       {found['account']} ({found['mode']})")
    say(f"balance       {found['balance_sol']:.6f} SOL, {found['free_sol']:.6f} free, equity {found['equity_sol']:.6f}")
    drawdown = found["day_drawdown"]
    say(f"today         {'unknown' if drawdown is None else f'{-drawdown:+.2%} since 00:00 UTC'}")
    say(f"phase         {found['phase']}, {found['open_positions']} open, {found['unproved_orders']} unproved")
    blocked = f"blocked by {found['blocked_by']}: {found['blocked_detail']}" if found["blocked_by"] else "allowed"
    say(f"entries       {blocked}")
    rate = found["win_rate"]
    say(f"trades        {found['total_trades']}, {'no win rate yet' if rate is None else f'{rate:.1f} % won'}")
    say(f"net           {found['total_pnl_sol']:+.6f} SOL, streak {found['current_streak']:+d}")
    for name, count in list(found.get("stopped_by", {}).items())[:5]:
        say(f"  stopped by  {name}: {count:,}")
    if "models" in found:
        _show_models(found["models"])


def _show_models(found: Mapping[str, Any]) -> None:
    models = ", ".join(f"{name} ({each['id'][:12]})" for name, each in found["models"].items())
    say(f"models        {models or 'none: nothing can be entered'}")
    for name in found["missing"]:
        say(f"  missing     {name}")
    for name, reason in found["refused"].items():
        say(f"  refused     {name}: {reason}")
    for name, reason in found["left_whole"].items():
        say(f"  slower      {name} runs in onnxruntime whole: {reason}")


def show_positions(found: Mapping[str, Any]) -> None:
    """Print what is held."""
    if not found["positions"]:
        say("nothing is held")
    for each in found["positions"]:
        multiple = "no price" if each["multiple"] is None else f"{each['multiple']:.3f}x"
        leaving = f", leaving ({each['exit_wanted']}, {each['exit_tries']} tries)" if each["exit_wanted"] else ""
        say(
            f"{each['token_mint']}  {each['strategy']:<16} {each['status']:<14} {multiple:>9} "
            f"{each['spent_sol']:.4f} SOL{leaving}"
        )


def show_trades(found: Mapping[str, Any]) -> None:
    """Print trades."""
    for each in found["trades"]:
        net = "" if each["net_pnl"] is None else f"{each['net_pnl']:+.6f} SOL"
        ended = each["exit_reason"] or each["reason"] or ""
        named = f"{each['token_mint']}  {each['strategy']:<16}"
        say(f"{each['decided_time']}  {named} {each['status']:<14} {ended:<14} {net}")


def show_why(found: Mapping[str, Any]) -> None:
    """Print decisions on one signal."""
    for decision in found["decisions"]:
        say(f"{decision['at']}  {decision['source']} on {decision['asset']}, {decision['age_s']:.3f} s old")
        say(f"  outcome     {decision['outcome']}: {decision['meaning']}")
        if decision["detail"]:
            say(f"  detail      {decision['detail']}")
        for strategy, check in decision["checks"].items():
            say(f"  {strategy:<18} {check or 'passed all checks'}")
        scores = ", ".join(f"{name} {value:.4f}" for name, value in sorted(decision["scores"].items()))
        say(f"  scores      {scores or 'none'}")
        say(
            f"  account     balance {decision['balance_sol']:.6f} SOL, phase {decision['phase']}, "
            f"{decision['open_positions']} open"
        )
    show_trades(found)


def show_why_not(found: Mapping[str, Any]) -> None:
    """Print what stopped signals."""
    say(f"{found['signals']:,} signals since {found['since']}, {found['taken']:,} taken")
    for each in found["reasons"]:
        say(f"{each['count']:>9,}  {each['share']:>6.1%}  {each['reason']:<18} {each['meaning']}")


def show_run(found: Mapping[str, Any]) -> None:
    """Print what a run came to."""
    if found.get("ready"):
        show_status(found)
    show_positions(found)


def show_stop(found: Mapping[str, Any]) -> None:
    """Print that a trader ends."""
    say(f"stopping, with {found['open_positions']} positions open: nobody watches them until the next start")


def show_config(found: Mapping[str, Any]) -> None:
    """Print settings as TOML."""
    _tables(found, "")


def _tables(values: Mapping[str, Any], path: str) -> None:
    """Print settings as TOML; nested tables after plain values."""
    for name, value in values.items():
        if not isinstance(value, Mapping) and not _is_tables(value):
            say(f"{name} = {json.dumps(value)}")
    for name, value in values.items():
        if isinstance(value, Mapping):
            say(f"\n[{path}{name}]")
            _tables(value, f"{path}{name}.")
        elif _is_tables(value):
            for each in value:
                say(f"\n[[{path}{name}]]")
                _tables(each, f"{path}{name}.")


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)
