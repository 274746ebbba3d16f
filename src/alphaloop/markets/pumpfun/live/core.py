"""Engine and venue wired together, without any waiting: inputs in; a batch to store, and work for afterwards, out.

Between a signal and its signed transaction nothing waits: the engine decides, the venue signs from facts at hand, and
both are told in the same call. What has to wait (storing, submitting, asking the chain) is handed to the driver, which
stores a batch before it does the work that came with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from alphaloop.markets.pumpfun.live.batch import Batch, account_row, decision_row, trade_row
from alphaloop.markets.pumpfun.live.venue import Venue
from alphaloop.trading.portfolio.engine import PortfolioEngine
from alphaloop.trading.portfolio.records import (
    AnyInput,
    Decision,
    Notice,
    NotStored,
    Opened,
    Output,
    Place,
    Submit,
    Tick,
    Verify,
)


@dataclass
class Work:
    """What the driver does after a batch is stored.

    Attributes
    ----------
    submits : list of Submit
    verifies : list of Verify
    """

    submits: list[Submit] = field(default_factory=list)
    verifies: list[Verify] = field(default_factory=list)

    def take_exits(self) -> Work:
        """Take out everything but purchases."""
        exits = Work([submit for submit in self.submits if submit.side == "sell"], self.verifies)
        self.submits = [submit for submit in self.submits if submit.side == "buy"]
        self.verifies = []
        return exits


class TraderCore:
    """The part of the trader that decides.

    Parameters
    ----------
    engine : PortfolioEngine
    venue : Venue
    notify : callable
        Called with each notice, at once; must not wait.
    journal_limit : int
        Inputs that are kept while the store is away; beyond it they give way to one record of the whole state.

    Attributes
    ----------
    decisions : int
        Decisions so far; `last_decision` is the newest one.
    on_decision : callable or None
        Called with what stopped each decision, empty if nothing did.
    """

    def __init__(
        self, engine: PortfolioEngine, venue: Venue, notify: Callable[[Notice], None], journal_limit: int = 200_000
    ) -> None:
        self.engine, self.venue, self.notify = engine, venue, notify
        self.decisions = 0
        self.last_decision: Decision | None = None
        self.work = Work()
        self.on_decision: Callable[[str], None] | None = None
        self._journal_limit = journal_limit
        self._told = 0
        self._batch = Batch(0)
        self._urgent = False
        self._quiet: Tick | None = None

    @property
    def is_urgent(self) -> bool:
        """Whether something waits for the batch to be stored."""
        return self._urgent

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to store and nothing to do."""
        return not self._urgent and self._batch.is_empty

    def tell(self, told: AnyInput) -> None:
        """Give the engine an input and carry out, or keep for the driver, what follows.

        Raises
        ------
        InputError
            If a command cannot be carried out; nothing has changed then, and nothing is kept of it.
        StateError
            If the input does not fit; the trader has to stop then.
        """
        outputs = self._pass_time(told) if type(told) is Tick else self._apply(told)
        for output in outputs:
            kind = type(output)
            if kind is Decision:
                self._decided(output)  # type: ignore[arg-type]
            elif kind is Place:
                self.tell(self.venue.prepare(output.order, told.at_ns))  # type: ignore[union-attr]
            elif kind is Submit:
                self.work.submits.append(output)  # type: ignore[arg-type]
                self._urgent = True
            elif kind is Verify:
                self.work.verifies.append(output)  # type: ignore[arg-type]
                self._urgent = True
            else:
                self.notify(output)  # type: ignore[arg-type]

    def take(self, now_ns: int) -> tuple[Batch, Work]:
        """Everything that is to be stored, and the work that waits for it."""
        batch, work = self._batch, self.work
        trades, account = self.engine.take_changes()
        for trade in trades:
            batch.trades[trade.trade_id] = trade_row(trade, now_ns)
        if account:
            batch.account = account_row(self.engine.state, now_ns)
        self._batch, self.work, self._urgent = Batch(self._told), Work(), False
        return batch, work

    def put_back(self, batch: Batch, now_ns: int) -> None:
        """Take back a batch that could not be stored; it goes first next time."""
        batch.then(self._batch)
        if len(batch.inputs) > self._journal_limit:
            # A replay starts anew from a record of the state, as it does from that of a start.
            state = self.engine.state.save()
            batch.first, batch.inputs = (
                self._told,
                [
                    Opened(
                        at_ns=now_ns, deliberate=False, state=state, settings=self.engine.settings.hash, is_start=False
                    )
                ],
            )
            self._told += 1
        self._batch = batch

    def not_stored(self, submit: Submit, now_ns: int, reason: str) -> None:
        """Throw an entry's transaction away unseen."""
        self.venue.discard(submit.signature)
        self.tell(NotStored(at_ns=now_ns, signature=submit.signature, reason=reason))

    def _apply(self, told: AnyInput) -> list[Output]:
        quiet, self._quiet = self._quiet, None
        outputs = self.engine.apply(told)
        # A clock that was set back is behind a moment that the engine has seen: the journal must have seen it, too.
        for each in (quiet, told):
            if each is not None and (each is told or each.at_ns > told.at_ns):
                self._batch.inputs.append(each)
                self._told += 1
        return outputs

    def _pass_time(self, tick: Tick) -> list[Output]:
        """Apply a tick, and keep it out of the journal if it changed nothing: most do, four times a second."""
        state = self.engine.state
        changed, account = state.changed, state.account_changed
        state.changed, state.account_changed = {}, False
        outputs = self.engine.apply(tick)
        if outputs or state.changed or state.account_changed:
            self._batch.inputs.append(tick)
            self._told += 1
            self._quiet = None
        else:
            self._quiet = tick
        state.changed, state.account_changed = changed | state.changed, account or state.account_changed
        return outputs

    def _decided(self, decision: Decision) -> None:
        self.decisions += 1
        self.last_decision = decision
        self._batch.decisions.append(decision_row(decision))
        if self.on_decision is not None:
            self.on_decision(decision.stopped_by)


def replayed(engine: PortfolioEngine, inputs: list[AnyInput]) -> list[msgspec.Struct]:
    """Outputs of a fresh engine for a journal's inputs."""
    found: list[msgspec.Struct] = []
    for told in inputs:
        found += engine.apply(told)
    return found
