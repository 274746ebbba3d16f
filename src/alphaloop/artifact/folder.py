"""An artifact on disk: ``model.onnx``, ``metadata.json`` and the manifest that seals them."""

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

MODEL = "model.onnx"
METADATA = "metadata.json"


def write_artifact(
    folder: Path, contract: Contract, onnx_bytes: bytes, attachments: Mapping[str, bytes] | None = None
) -> str:
    """Seal a model into a new folder, whole or not at all.

    Parameters
    ----------
    folder : Path
        Where; must not exist.
    contract : Contract
        Becomes ``metadata.json``.
    onnx_bytes : bytes
        The graph.
    attachments : mapping of file name to bytes, optional
        Further files under the same seal, such as the certificate of the audit.

    Returns
    -------
    str
        The artifact's id, 64 hex digits.

    Raises
    ------
    InputError
        If the folder exists already, or an attachment's name is not a plain, free file name.
    ModelCompatibilityError
        If the contract holds a NaN or an infinity, which JSON cannot say; the message names the key.
    """
    files = {MODEL: onnx_bytes, METADATA: encode(contract)}
    for name, content in (attachments or {}).items():
        if name in {*files, MANIFEST} or name != Path(name).name or name.startswith("."):
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
    folder: Path, contract: Contract, onnx_bytes: bytes, attachments: Mapping[str, bytes] | None = None
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
    identity = write_artifact(fresh, contract, onnx_bytes, attachments)
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
    """Bytes of ``metadata.json``."""
    values = contract.model_dump(mode="python")
    wrong = _not_finite(values, ())
    if wrong:
        key, value = wrong
        raise ModelCompatibilityError(f"contract key {key!r} is {value}, which JSON cannot say; record None instead")
    return (json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def decode(sealed: Sealed, source: str) -> Contract:
    """Contract of a checked artifact; `source` names it in the error."""
    for name in (MODEL, METADATA):
        if name not in sealed.files:
            raise ModelCompatibilityError(f"{source}: {MANIFEST} does not list {name}; get the artifact again")
    where = f"{source}: {METADATA}"
    try:
        values = json.loads(sealed.files[METADATA])
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
