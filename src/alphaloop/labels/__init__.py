"""Labels: the only place where the future is read. Every label is an interval ``(decided_ns, resolved_ns]``."""

from alphaloop.labels.barrier import Barrier
from alphaloop.labels.base import Label
from alphaloop.labels.horizon import Horizon

__all__ = ["Barrier", "Horizon", "Label"]
