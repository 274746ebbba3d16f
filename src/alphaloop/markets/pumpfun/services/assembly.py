"""The collector's process with everything around it: database, bus, models, endpoints, and what of them is optional."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from alphaloop.bus.address import open_bus
from alphaloop.bus.contract import Bus
from alphaloop.core.clock import Clock, SystemClock
from alphaloop.core.errors import InputError, StoreAwayError
from alphaloop.markets.pumpfun.archive import Archive
from alphaloop.markets.pumpfun.inference import InferenceSettings, MlInference
from alphaloop.markets.pumpfun.ingest.endpoints import EndpointSettings, endpoints_of_environment, read_endpoints
from alphaloop.markets.pumpfun.market import PumpMarket
from alphaloop.markets.pumpfun.models_at_hand import ModelsAtHand
from alphaloop.markets.pumpfun.recording.wal import Wal
from alphaloop.markets.pumpfun.schema import SCHEMA
from alphaloop.markets.pumpfun.services.collect import RECORDING, CollectProcess, Limits, first_failure
from alphaloop.markets.pumpfun.services.periodic import PeriodicService
from alphaloop.markets.pumpfun.services.programs import keep_programs
from alphaloop.markets.pumpfun.services.settings import CollectSettings
from alphaloop.stores.records import Records, open_records

Beside: TypeAlias = Callable[[Records, Bus, asyncio.Event], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Places:
    """Where the collector's things are.

    Attributes
    ----------
    data : Path
        Recording, snapshots and marks.
    database, bus : str
        URLs.
    models : Path or None
        Registry or folder of artifacts; without it nothing is scored.
    endpoints : Path or None
        TOML file; without it the environment says them.
    """

    data: Path
    database: str
    bus: str = "memory://"
    models: Path | None = None
    endpoints: Path | None = None

    def known_endpoints(self) -> list[EndpointSettings]:
        """Read the endpoints from the file or the environment."""
        if self.endpoints is not None:
            return read_endpoints(self.endpoints)
        return endpoints_of_environment(os.environ)


def open_database(url: str) -> Records:
    """Open the database and bring its tables up to date.

    Raises
    ------
    InputError
        If there is no such database, or it cannot be used now: at a start that is most often a wrong address.
    """
    try:
        if url.startswith("sqlite:///"):
            Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        records = open_records(url)
        try:
            records.migrate(SCHEMA)
        except BaseException:
            records.close()
            raise
    except OSError as error:
        raise InputError(f"--db {url}: its folder cannot be made ({error.strerror}); give another place") from None
    except StoreAwayError as away:
        raise InputError(f"--db {str(away).partition(';')[0]}; start it, or correct --db") from None
    return records


def collect(
    places: Places,
    settings: CollectSettings,
    limits: Limits,
    asked_to_stop: Callable[[], bool],
    clock: Clock | None = None,
    beside: Beside | None = None,
) -> dict[str, Any]:
    """Run the collector until the limits are reached or somebody asks to stop, and say what came of it.

    Parameters
    ----------
    beside : callable, optional
        What else runs in the process, such as the API: given the database, the bus and an event that is set at the end.

    Raises
    ------
    InputError
        If a place cannot be used, or another process uses it.
    """
    clock = clock or SystemClock()
    known = places.known_endpoints()
    with ExitStack() as stack:
        # First of all: a second process on this folder must touch nothing, the database included.
        wal = stack.enter_context(Wal(places.data / RECORDING))
        keep_programs(places.data, settings.stream.programs)
        records = stack.enter_context(open_database(places.database))
        return asyncio.run(_collect(places, settings, limits, asked_to_stop, clock, known, records, wal, beside))


async def _collect(
    places: Places,
    settings: CollectSettings,
    limits: Limits,
    asked_to_stop: Callable[[], bool],
    clock: Clock,
    known: Sequence[EndpointSettings],
    records: Records,
    wal: Wal,
    beside: Beside | None,
) -> dict[str, Any]:
    async with open_bus(places.bus) as bus:
        models = None if places.models is None else models_of(places.models)
        market = PumpMarket(settings.market, models)
        extra = [archive_service(records, settings, clock)]
        if models is not None:
            extra += inference_services(records, models, settings, clock)
        process = CollectProcess(settings, places.data, known, records, bus, market, extra, clock, wal)
        if beside is None:
            return await process.run(limits, asked_to_stop)
        end = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(beside(records, bus, end))
                result = await process.run(limits, asked_to_stop)
                end.set()
        except* Exception as failed:
            raise first_failure(failed) from None
        return result


def models_of(folder: Path) -> ModelsAtHand:
    """Load the models of a folder.

    Raises
    ------
    InputError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"--models {folder}: no such folder; give a registry or a folder of artifacts")
    models = ModelsAtHand(folder)
    models.reload()
    return models


def inference_services(
    records: Records, models: ModelsAtHand, settings: CollectSettings, clock: Clock
) -> list[PeriodicService]:
    """Give the services that score what is stored and look for new models."""
    scoring = InferenceSettings(interval_s=settings.inference_s, reload_s=settings.reload_s)
    inference = MlInference(records, models, scoring, clock)
    return [
        PeriodicService("inference", scoring.interval_s, inference.cycle),
        PeriodicService("models", scoring.reload_s, inference.reload),
    ]


def archive_service(records: Records, settings: CollectSettings, clock: Clock) -> PeriodicService:
    """Give the service that moves old trades out of the database."""
    archive = Archive(records, settings.archive, clock)

    async def cycle() -> None:
        await asyncio.to_thread(archive.move_old)

    return PeriodicService("archive", settings.archive_s, cycle)
