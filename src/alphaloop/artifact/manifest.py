"""The seal of an artifact: the hash of every file, and a hash over those that is the artifact's id.

``manifest.json`` has exactly one spelling for its content, so that a changed byte anywhere, in it or in any file it
lists, is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alphaloop.artifact.contract import FORMAT_VERSION
from alphaloop.core.errors import ModelCompatibilityError
from alphaloop.core.hashing import hash_json

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Sealed:
    """An artifact whose every byte has been checked: its id, and the content of its files by name."""

    id: str
    files: Mapping[str, bytes]


def seal(files: Mapping[str, bytes]) -> tuple[str, bytes]:
    """Id and bytes of the manifest of `files`."""
    listed = {name: {"bytes": len(content), "sha256": _sha256(content)} for name, content in sorted(files.items())}
    content = {"format_version": FORMAT_VERSION, "files": listed}
    identity = hash_json(content)
    return identity, _render({**content, "id": identity})


def unseal(folder: Path) -> Sealed:
    """Read and check a folder.

    Raises
    ------
    ModelCompatibilityError
        Naming the file that is missing, extra or changed, with what was expected and what was got.
    """
    if not folder.is_dir():
        raise ModelCompatibilityError(f"{folder} is not an artifact: no such folder; give the folder with {MANIFEST}")
    manifest = _manifest(folder)
    _same_names(folder, {MANIFEST, *manifest["files"]})
    files = {name: (folder / name).read_bytes() for name in manifest["files"]}
    for name, entry in manifest["files"].items():
        got = {"bytes": len(files[name]), "sha256": _sha256(files[name])}
        for key in ("bytes", "sha256"):
            if got[key] != entry[key]:
                raise _changed(folder, name, key, entry[key], got[key])
    return Sealed(manifest["id"], files)


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise ModelCompatibilityError(f"{folder} is not an artifact: it has no {MANIFEST}; get it again")
    raw = path.read_bytes()
    try:
        manifest = json.loads(raw)
        version, recorded = manifest["format_version"], manifest["id"]
        expected = hash_json({key: value for key, value in manifest.items() if key != "id"})
    except (ValueError, TypeError, KeyError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ModelCompatibilityError(
            f"{folder}: {MANIFEST} cannot be read ({reason}); it was changed after sealing: get the artifact again"
        ) from None
    if version != FORMAT_VERSION:
        raise ModelCompatibilityError(
            f"{folder}: {MANIFEST} has format version {version!r}, expected {FORMAT_VERSION}; "
            "use the release of alphaloop that wrote it, or train again"
        )
    if recorded != expected:
        raise _changed(folder, MANIFEST, "id", expected, recorded)
    if raw != _render(manifest):
        raise _changed(folder, MANIFEST, "sha256", _sha256(_render(manifest)), _sha256(raw))
    return dict(manifest)


def _same_names(folder: Path, expected: set[str]) -> None:
    found = {path.name for path in folder.iterdir()}
    for name in sorted(expected ^ found):
        state = "is missing" if name in expected else "does not belong to it"
        raise ModelCompatibilityError(
            f"{folder}: file {name} {state}: expected {', '.join(sorted(expected))}; get the artifact again"
        )
    for name in sorted(found):
        if (folder / name).is_symlink() or not (folder / name).is_file():
            raise ModelCompatibilityError(f"{folder}: {name} is not a plain file; get the artifact again")


def _changed(folder: Path, name: str, what: str, expected: object, got: object) -> ModelCompatibilityError:
    return ModelCompatibilityError(
        f"{folder}: {name} has {what} {got}, expected {expected}; it was changed after sealing: get the artifact again"
    )


def _render(manifest: Mapping[str, Any]) -> bytes:
    return (json.dumps(manifest, sort_keys=True, indent=2) + "\n").encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
