"""``alphaloop models``: candidates, champions, and what was live when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alphaloop.cli.output import JsonFlag, emit, exit_codes, say
from alphaloop.core.clock import iso

if TYPE_CHECKING:
    from alphaloop.artifact.contract import Contract
    from alphaloop.artifact.standing import Entry

app = typer.Typer(no_args_is_help=True)

RegistryOption = Annotated[Path, typer.Option("--registry", help="Folder of the registry.")]
Reference = Annotated[str, typer.Argument(metavar="ID_OR_NAME", help="An id, its beginning, or a model name.")]
DEFAULT_REGISTRY = Path("models")


@app.command("list")
def list_models(registry: RegistryOption = DEFAULT_REGISTRY, as_json: JsonFlag = False) -> None:
    """List every artifact of the registry with its state."""
    with exit_codes():
        from alphaloop.artifact.registry import Registry

        found = Registry(registry).list()
        emit({"registry": str(registry), "models": [_entry(each) for each in found]}, as_json, _show_list)


@app.command()
def show(reference: Reference, registry: RegistryOption = DEFAULT_REGISTRY, as_json: JsonFlag = False) -> None:
    """Show an artifact's contract, its state and its history."""
    with exit_codes():
        from alphaloop.artifact.promotion import objections
        from alphaloop.artifact.registry import Registry

        models = Registry(registry)
        entry = models.show(reference)
        contract = models.load(entry.id).contract
        history = [dict(line) for line in models.history(entry.name) if entry.id in (line["id"], line.get("retired"))]
        result = {
            **_entry(entry),
            "path": str(models.path(entry.id)),
            "objections": objections(contract),
            "history": history,
            "contract": contract.model_dump(mode="json", exclude={"golden", "feature_graph", "context_graph"}),
        }
        emit(result, as_json, lambda values: _show_one(values, contract))


@app.command()
def verify(
    artifact: Annotated[str, typer.Argument(metavar="PATH_OR_ID", help="An artifact's folder, or an id or name.")],
    registry: RegistryOption = DEFAULT_REGISTRY,
    as_json: JsonFlag = False,
) -> None:
    """Check every byte of an artifact, its versions and its graph, and score its golden vectors again."""
    with exit_codes():
        from alphaloop.artifact.registry import Registry
        from alphaloop.artifact.scorer import Scorer

        # What looks like a path is one, also when it leads nowhere: the error should speak of the folder.
        is_path = Path(artifact).exists() or "/" in artifact
        folder = Path(artifact) if is_path else Registry(registry).path(Registry(registry).show(artifact).id)
        scorer = Scorer.load(folder, verify=False) if is_path else Registry(registry).load(artifact)
        result = {
            "verified": True,
            "id": scorer.id,
            "name": scorer.contract.name,
            "path": str(folder),
            "golden_rows": len(scorer.contract.golden.rows),
            "golden_max_abs_diff": scorer.verify_golden(str(folder)),
        }
        emit(result, as_json, _show_verified)


@app.command()
def add(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="An artifact's folder.")],
    registry: RegistryOption = DEFAULT_REGISTRY,
    as_json: JsonFlag = False,
) -> None:
    """Copy a verified artifact into the registry as a candidate."""
    with exit_codes():
        from alphaloop.artifact.registry import Registry

        models = Registry(registry)
        emit(_entry(models.show(models.add(folder))), as_json, _show_state)


@app.command()
def promote(
    reference: Reference,
    force: Annotated[bool, typer.Option("--force", help="Promote against objections; the ledger records it.")] = False,
    registry: RegistryOption = DEFAULT_REGISTRY,
    as_json: JsonFlag = False,
) -> None:
    """Make an artifact the champion of its model name; the one before it retires."""
    with exit_codes():
        from alphaloop.artifact.registry import Registry

        emit(_entry(Registry(registry).promote(reference, force)), as_json, _show_state)


@app.command()
def rollback(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model name.")],
    registry: RegistryOption = DEFAULT_REGISTRY,
    as_json: JsonFlag = False,
) -> None:
    """Retire the champion of a model name and make the one before it champion again."""
    with exit_codes():
        from alphaloop.artifact.registry import Registry

        emit(_entry(Registry(registry).rollback(name)), as_json, _show_state)


def _entry(entry: Entry) -> dict[str, Any]:
    return dict(entry.__dict__)


def _show_list(result: Mapping[str, Any]) -> None:
    if not result["models"]:
        say(f"{result['registry']}: no artifact yet; add one with: alphaloop models add FOLDER")
        return
    width = max(len(each["name"]) for each in result["models"])
    for each in result["models"]:
        say(f"{each['id'][:12]}  {each['name']:<{width}}  {each['state']:<9}  since {_when(each['since_ns'])}")


def _show_one(result: Mapping[str, Any], contract: Contract) -> None:
    _show_state(result)
    label = contract.label
    say(f"  market      {contract.market}, {len(contract.features)} features, label {label.name} {label.horizon_s:g} s")
    say(f"  estimator   {contract.estimator}, calibrated by {contract.calibration.method}")
    say(f"  trained     {_when(contract.created_ns)} on {sum(contract.dataset.rows.values())} rows")
    for metric, score in contract.scores.get("test", {}).items():
        if isinstance(score, Mapping) and "value" in score:
            say(f"  test        {metric:<10} {_number(score['value'])} {_interval(score.get('interval'))}".rstrip())
    for reason in result["objections"]:
        say(f"  objection   {reason}")
    for line in result["history"]:
        forced = " against objections" if line.get("forced") else ""
        say(f"  {_when(line['at_ns'])}  {line['event']}{forced} {line['id'][:12]}")
    say(f"  folder      {result['path']}")


def _show_state(result: Mapping[str, Any]) -> None:
    forced = ", forced" if result["forced"] else ""
    say(f"{result['id'][:12]} {result['name']}: {result['state']} since {_when(result['since_ns'])}{forced}")


def _show_verified(result: Mapping[str, Any]) -> None:
    say(
        f"{result['id'][:12]} {result['name']}: every byte as sealed, "
        f"{result['golden_rows']} golden vectors scored again, largest difference {result['golden_max_abs_diff']:.2g}"
    )


def _when(ns: int) -> str:
    return iso(ns - ns % 1_000_000_000)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


def _interval(interval: Sequence[float | None] | None) -> str:
    return f"[{_number(interval[0])}, {_number(interval[1])}]" if interval else ""
