"""Which artifact is live: candidates, one champion per model name, the retired, and what was live when.

A registry is a folder: ``artifacts/<id>/`` holds the sealed artifacts, ``ledger.jsonl`` is the only truth about their
states. Each change is one appended, fsynced line; a state is what the lines say when they are read from the first.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from alphaloop.artifact.folder import decode
from alphaloop.artifact.ledger import Ledger
from alphaloop.artifact.manifest import unseal
from alphaloop.artifact.promotion import objections
from alphaloop.artifact.scorer import Scorer
from alphaloop.artifact.standing import Entry, Standing, replay
from alphaloop.core.clock import Clock, SystemClock
from alphaloop.core.errors import ModelCompatibilityError, PromotionError, UnknownNameError
from alphaloop.core.files import atomic_folder
from alphaloop.core.settings import nearest

SHORTEST_ID = 6


class Registry:
    """The artifacts of one folder and their states.

    Parameters
    ----------
    folder : Path
        Created with the first `add`.
    clock : Clock, optional
        Dates the ledger.
    """

    def __init__(self, folder: Path | str, clock: Clock | None = None) -> None:
        self.folder = Path(folder)
        self.ledger = Ledger(self.folder / "ledger.jsonl")
        self._clock = clock or SystemClock()

    def add(self, artifact: Path | str) -> str:
        """Copy a verified artifact in as a candidate and return its id; one that is there already stays as it is.

        Raises
        ------
        ModelCompatibilityError
            If the artifact is not what it says, its golden vectors included.
        """
        scorer = Scorer.load(artifact)
        with self.ledger.locked():
            self._copy(Path(artifact), scorer.id)
            if scorer.id not in self._standing().entries:
                self._append("added", scorer.id, scorer.contract.name, market=scorer.contract.market)
        return scorer.id

    def list(self) -> tuple[Entry, ...]:
        """Every artifact with its state, in the order in which they were added."""
        return tuple(self._standing().entries.values())

    def show(self, reference: str) -> Entry:
        """Find an artifact by id, by the first characters of its id, or by a model name, which means its champion.

        Raises
        ------
        UnknownNameError
            If the reference leads to none, or to more than one.
        """
        return self._find(self._standing(), reference)

    def path(self, identity: str) -> Path:
        """Folder of an artifact."""
        return self.folder / "artifacts" / identity

    def load(self, reference: str) -> Scorer:
        """Open an artifact, verified again; raises as `show` and `Scorer.load` do."""
        identity = self.show(reference).id
        scorer = Scorer.load(self.path(identity))
        _require_same(identity, scorer.id, self.path(identity))
        return scorer

    def promote(self, reference: str, force: bool = False) -> Entry:
        """Make an artifact the champion of its model name; the champion before it retires.

        Parameters
        ----------
        reference : str
            As for `show`.
        force : bool, default False
            Promote against objections; the ledger records that and which.

        Raises
        ------
        PromotionError
            If its contract lacks a proof: a clean audit, a passed parity gate, a threshold worth trading.
        """
        with self.ledger.locked():
            standing = self._standing()
            entry = self._find(standing, reference)
            contract = self.load(entry.id).contract
            if entry.state == "champion":
                return entry
            reasons = objections(contract)
            if reasons and not force:
                raise PromotionError(
                    f"artifact {entry.id[:12]} of {entry.name!r} may not be promoted: {'; '.join(reasons)}; "
                    "correct the cause and train again, or force it and have that recorded"
                )
            self._append("promoted", entry.id, entry.name, forced=bool(reasons), objections=reasons)
            return self._standing().entries[entry.id]

    def rollback(self, name: str | None = None) -> Entry:
        """Retire the champion of `name` and make the one before it champion again; returns the new champion.

        Parameters
        ----------
        name : str, optional
            Model name; may be left out where the registry holds only one.

        Raises
        ------
        UnknownNameError
            If there is no such name.
        PromotionError
            If there is no earlier champion to go back to.
        """
        with self.ledger.locked():
            standing = self._standing()
            name = _one_name(standing, name)
            history = standing.champions.get(name, ())
            if len(history) < 2:
                raise PromotionError(
                    f"model {name!r} has no champion before its present one to roll back to; promote another"
                )
            self.load(history[-2])
            self._append("rolled_back", history[-2], name, retired=history[-1])
            return self._standing().entries[history[-2]]

    def champion(self, name: str) -> str | None:
        """Id of the champion of a model name, or None."""
        return self._standing().champion(name)

    def champion_at(self, name: str, ns: int) -> str | None:
        """Id of the champion of a model name at a time in nanoseconds, or None; a change counts from its instant on."""
        return replay(line for line in self.ledger.lines() if line["at_ns"] <= ns).champion(name)

    def history(self, name: str | None = None) -> tuple[Mapping[str, Any], ...]:
        """Lines of the ledger, oldest first, of one model name or of all."""
        return tuple(line for line in self.ledger.lines() if name is None or line["name"] == name)

    def _standing(self) -> Standing:
        return replay(self.ledger.lines())

    def _append(self, event: str, identity: str, name: str, **more: object) -> None:
        lines = self.ledger.lines()
        # A clock that was set back must not reorder what was live when.
        at_ns = max(self._clock.now_ns(), lines[-1]["at_ns"] if lines else 0)
        self.ledger.append({"at_ns": at_ns, "event": event, "id": identity, "name": name, **more})

    def _copy(self, source: Path, identity: str) -> None:
        target = self.path(identity)
        if target.exists():
            _require_same(identity, unseal(target).id, target)
            return
        with atomic_folder(target) as temporary:
            for path in source.iterdir():
                shutil.copyfile(path, temporary / path.name)
            copied = unseal(temporary)
            _require_same(identity, copied.id, source)
            decode(copied, str(source))

    def _find(self, standing: Standing, reference: str) -> Entry:
        champion = standing.champion(reference)
        if champion:
            return standing.entries[champion]
        usable = len(reference) >= SHORTEST_ID
        found = [entry for identity, entry in standing.entries.items() if usable and identity.startswith(reference)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UnknownNameError(
                f"{self.folder}: {len(found)} artifacts have an id that begins with {reference!r}; give more of it"
            )
        names = sorted({entry.name for entry in standing.entries.values()})
        if reference in names:
            raise UnknownNameError(f"{self.folder}: model {reference!r} has no champion; give an id or promote one")
        raise UnknownNameError(
            f"{self.folder}: no artifact or model {reference!r}; {_choices(reference, standing.entries, names)}"
        )


def _choices(reference: str, identities: Iterable[str], names: list[str]) -> str:
    choices = names + [identity[:12] for identity in identities]
    return nearest(reference, choices) if choices else "the registry is empty: add an artifact first"


def _one_name(standing: Standing, name: str | None) -> str:
    names = sorted({entry.name for entry in standing.entries.values()})
    if name is None and len(names) == 1:
        return names[0]
    if name not in names:
        known = nearest(name or "", names) if names else "the registry is empty: add an artifact first"
        raise UnknownNameError(f"no model {name!r} in the registry; {known}")
    return name


def _require_same(expected: str, got: str, folder: Path) -> None:
    if expected != got:
        raise ModelCompatibilityError(
            f"{folder} holds artifact {got}, expected {expected}; the folder was exchanged: add the artifact again"
        )
