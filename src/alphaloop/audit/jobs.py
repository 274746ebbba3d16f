"""One run of a subject: what to feed it, what to compare with, what came of it. All plain values, for a pipe."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from alphaloop.audit.compare import Difference

FOREVER = 2**63 - 1


@dataclass(frozen=True)
class Scene:
    """Which rows of the file a run is about, and in which variant of them.

    Attributes
    ----------
    first, last : int
        Half-open range of rows in the order in which they were known; `last` 0 means all.
    variant : str or None
        One of `alphaloop.audit.variants.VARIANTS`.
    seed : int
    """

    first: int = 0
    last: int = 0
    variant: str | None = None
    seed: int = 0

    @property
    def shown(self) -> str:
        """Where the evidence was seen, in words."""
        return f"on the file with {self.variant}" if self.variant else "on the file"


@dataclass(frozen=True)
class Change:
    """What a run changes: rows known at or after `from_ns`, and rows known before `until_ns`."""

    kind: str
    from_ns: int = FOREVER
    until_ns: int = -FOREVER
    seed: int = 0


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes
    ----------
    scene : Scene
    change : Change or None
        None for the unchanged scene.
    save : str or None
        Folder to store the output in.
    base : str or None
        Folder of an earlier output to compare with.
    since_ns, to_ns : int
        Rows known before the one or after the other are not compared.
    within : str or None
        Column of the output holding when each row is over (UTC nanoseconds): rows over at or after ``change.from_ns``
        are not compared.
    sequence, offset, limit
        How rows of an output without a key are matched; see `alphaloop.audit.outputs.align`.
    relative : float
        Rounding that is no difference, relative to the value.
    absolute : dict
        Noise that is no difference, by column.
    timeout_s : float
    flavour : str
        The kind of frame the function gets.
    """

    scene: Scene
    change: Change | None = None
    save: str | None = None
    base: str | None = None
    since_ns: int = -FOREVER
    to_ns: int = FOREVER
    within: str | None = None
    sequence: str | None = None
    offset: int = 0
    limit: int | None = None
    relative: float = 0.0
    absolute: dict[str, float] = field(default_factory=dict)
    timeout_s: float = 120.0
    flavour: str = "polars"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the pipe."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Job:
        """Undo `to_dict`."""
        change = values["change"]
        parts = {"scene": Scene(**values["scene"]), "change": None if change is None else Change(**change)}
        return cls(**{**values, **parts})


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Attributes
    ----------
    status : str
        ``ok``; ``raised`` (the function did, `message` says what); ``timeout``; ``crashed``; ``empty`` (nothing was
        left to feed it).
    differences : dict of Difference
        By column; empty where the past is the same.
    wrote : tuple of str
        Files that the function wrote; new ones were removed again, so that no state outlives the run.
    imported : tuple of str
        Modules that the run was the first to import.
    """

    status: Literal["ok", "raised", "timeout", "crashed", "empty"]
    message: str = ""
    seconds: float = 0.0
    rows_in: int = 0
    rows_out: int = 0
    how: str = ""
    columns: tuple[str, ...] = ()
    differences: dict[str, Difference] = field(default_factory=dict)
    wrote: tuple[str, ...] = ()
    imported: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the pipe."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Outcome:
        """Undo `to_dict`."""
        found = {n: Difference(**{**d, "rows": tuple(d["rows"])}) for n, d in values.get("differences", {}).items()}
        lists = {key: tuple(values.get(key, ())) for key in ("columns", "wrote", "imported")}
        return cls(**{**values, "differences": found, **lists})
