"""An artifact on disk: the graph, the contract and the manifest that seals them.

The two files are ``model.onnx`` and ``metadata.json``, or, where a market's users expect the model's name in them,
``NAME.onnx`` and ``NAME_metadata.json``. Which of the two it is follows from the one graph that the manifest lists.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from alphaloop.artifact.contract import FORMAT_VERSION, Contract
from alphaloop.artifact.manifest import MANIFEST, Sealed, seal, unseal
from alphaloop.core.errors import InputError, ModelCompatibilityError, RecipeError
from alphaloop.core.files import atomic_folder, sync_folder

GRAPH_SUFFIX = ".onnx"
PLAIN_STEM = "model"


def file_names(stem: str = PLAIN_STEM) -> tuple[str, str]:
    """Names of the graph and of the contract of an artifact whose graph is called `stem`."""
    return stem + GRAPH_SUFFIX, "metadata.json" if stem == PLAIN_STEM else f"{stem}_metadata.json"


def write_artifact(
    folder: Path,
    contract: Contract,
    onnx_bytes: bytes,
    attachments: Mapping[str, bytes] | None = None,
    stem: str = PLAIN_STEM,
) -> str:
    """Seal a model into a new folder, whole or not at all.

    Parameters
    ----------
    folder : Path
        Where; must not exist.
    contract : Contract
        Becomes ``metadata.json``, or the file that goes with `stem`.
    onnx_bytes : bytes
        The graph.
    attachments : mapping of file name to bytes, optional
        Further files under the same seal, such as the certificate of the audit; no second graph.
    stem : str, default "model"
        What the graph is called, see `file_names`.

    Returns
    -------
    str
        The artifact's id, 64 hex digits.

    Raises
    ------
    InputError
        If the folder exists already, or the stem's or an attachment's name is not a plain, free file name.
    ModelCompatibilityError
        If the contract holds a NaN or an infinity, which JSON cannot say; the message names the key.
    """
    if not _is_plain(stem):
        raise InputError(f"an artifact's graph cannot be called {stem!r}; choose a plain file name")
    model, metadata = file_names(stem)
    files = {model: onnx_bytes, metadata: encode(contract)}
    for name, content in (attachments or {}).items():
        if name in {*files, MANIFEST} or not _is_plain(name) or name.endswith(GRAPH_SUFFIX):
            raise InputError(f"attachment name {name!r} cannot be used; choose a plain file name that is free")
        files[name] = content
    identity, manifest = seal(files)
    try:
        with atomic_folder(folder) as temporary:
            for name, content in {**files, MANIFEST: manifest}.items():
                (temporary / name).write_bytes(content)
    except FileExistsError:
        raise InputError(f"{folder} exists already; an artifact is never overwritten: choose another folder") from None
    return identity


def replace_artifact(
    folder: Path,
    contract: Contract,
    onnx_bytes: bytes,
    attachments: Mapping[str, bytes] | None = None,
    stem: str = PLAIN_STEM,
) -> str:
    """Seal a model into `folder`; an artifact that is there already stays until the new one is whole.

    Raises
    ------
    InputError
        If `folder` is there and is no artifact.
    ModelCompatibilityError
        As `write_artifact`.
    """
    if folder.exists() and not (folder / MANIFEST).is_file():
        raise InputError(f"{folder} is in the way and is no artifact; name another folder, or move it away")
    fresh, former = (folder.with_name(f".{folder.name}.{state}") for state in ("fresh", "former"))
    if former.exists() and not folder.exists():
        former.rename(folder)  # a crash between the two renames below
    for leftover in (fresh, former):
        shutil.rmtree(leftover, ignore_errors=True)
    identity = write_artifact(fresh, contract, onnx_bytes, attachments, stem)
    if folder.exists():
        folder.rename(former)
    fresh.rename(folder)
    sync_folder(folder.parent)
    shutil.rmtree(former, ignore_errors=True)
    return identity


def read_artifact(folder: Path) -> Contract:
    """Check every byte of an artifact and return its contract; raises `ModelCompatibilityError` if anything differs."""
    return decode(unseal(folder), str(folder))


def encode(contract: Contract) -> bytes:
    """Bytes of the contract's file."""
    values = contract.model_dump(mode="python")
    wrong = _not_finite(values, ())
    if wrong:
        key, value = wrong
        raise ModelCompatibilityError(f"contract key {key!r} is {value}, which JSON cannot say; record None instead")
    return (json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def graph_name(sealed: Sealed, source: str) -> str:
    """Name of the file with the graph; `source` names the artifact in the error.

    Raises
    ------
    ModelCompatibilityError
        If the manifest does not list exactly one graph and the contract that goes with it.
    """
    graphs = [name for name in sealed.files if name.endswith(GRAPH_SUFFIX)]
    if len(graphs) > 1:
        raise ModelCompatibilityError(
            f"{source}: {MANIFEST} lists {len(graphs)} graphs ({', '.join(sorted(graphs))}), expected one; "
            "get the artifact again"
        )
    graph = graphs[0] if graphs else file_names()[0]
    for name in (graph, file_names(graph.removesuffix(GRAPH_SUFFIX))[1]):
        if name not in sealed.files:
            raise ModelCompatibilityError(f"{source}: {MANIFEST} does not list {name}; get the artifact again")
    return graph


def decode(sealed: Sealed, source: str) -> Contract:
    """Contract of a checked artifact; `source` names it in the error."""
    metadata = file_names(graph_name(sealed, source).removesuffix(GRAPH_SUFFIX))[1]
    where = f"{source}: {metadata}"
    try:
        values = json.loads(sealed.files[metadata])
    except ValueError as error:
        raise ModelCompatibilityError(f"{where} is not JSON ({error}); get the artifact again") from None
    version = values.get("format_version") if isinstance(values, dict) else None
    if version != FORMAT_VERSION:
        raise ModelCompatibilityError(
            f"{where} has format version {version!r}, expected {FORMAT_VERSION}; "
            "use the release of alphaloop that wrote it, or train again"
        )
    try:
        return Contract.parse(values, where)
    except RecipeError as error:
        raise ModelCompatibilityError(str(error)) from None


def _is_plain(name: str) -> bool:
    return bool(name) and name == Path(name).name and not name.startswith(".")


def _not_finite(value: object, path: tuple[str, ...]) -> tuple[str, float] | None:
    if isinstance(value, float):
        return None if math.isfinite(value) else (".".join(path), value)
    items: Iterable[tuple[object, object]] = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    for key, inner in items:
        found = _not_finite(inner, (*path, str(key)))
        if found:
            return found
    return None
