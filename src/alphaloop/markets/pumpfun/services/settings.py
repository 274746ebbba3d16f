"""Everything that can be set about the collector's process, as one tree that a TOML file can fill."""

from __future__ import annotations

from pydantic import Field

from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.archive import ArchiveSettings
from alphaloop.markets.pumpfun.ingest.collector import CollectorSettings
from alphaloop.markets.pumpfun.ingest.delivery import DeliverySettings
from alphaloop.markets.pumpfun.ingest.gaps import GapSettings
from alphaloop.markets.pumpfun.ingest.intake import IntakeSettings
from alphaloop.markets.pumpfun.ingest.pool import PoolSettings
from alphaloop.markets.pumpfun.ingest.recorder import RecorderSettings
from alphaloop.markets.pumpfun.ingest.rpc import RpcSettings
from alphaloop.markets.pumpfun.ingest.subscription import StreamSettings
from alphaloop.markets.pumpfun.settings import PumpSettings


class CollectSettings(Settings):
    """The process; `market` are the books and signals, the other tables its way from the chain to the database."""

    market: PumpSettings = Field(default_factory=PumpSettings)
    stream: StreamSettings = Field(default_factory=StreamSettings)
    pool: PoolSettings = Field(default_factory=PoolSettings)
    rpc: RpcSettings = Field(default_factory=RpcSettings)
    gaps: GapSettings = Field(default_factory=GapSettings)
    intake: IntakeSettings = Field(default_factory=IntakeSettings)
    recorder: RecorderSettings = Field(default_factory=RecorderSettings)
    collector: CollectorSettings = Field(default_factory=CollectorSettings)
    delivery: DeliverySettings = Field(default_factory=DeliverySettings)
    streams: int = Field(default=1, ge=1, le=8, description="connections at once; more than one for less to be missed")
    events_in_memory: int = Field(
        default=200_000, ge=1, description="recorded events that wait for the market in memory; more wait on disk"
    )
    pending_limit: int = Field(default=10, ge=1, description="more than this pending is warned of")
    report_s: float = Field(default=30.0, gt=0, description="between reports of the pipeline")
    heartbeat_s: float = Field(default=1.0, gt=0, le=60, description="between words of life on the bus")
    snapshot_s: float = Field(default=300.0, gt=0, description="between snapshots of the market")
    seal_s: float = Field(default=900.0, gt=0, description="between segments of the recording")
    retry_s: float = Field(default=30.0, gt=0, description="between askings for transactions that no node had")
    give_up_s: float = Field(default=3600.0, gt=0, description="after so long such a transaction counts as lost")
    inference_s: float = Field(default=5.0, gt=0, description="between looks for signals without a score")
    reload_s: float = Field(default=300.0, gt=0, description="between looks for new models")
    archive: ArchiveSettings = Field(default_factory=ArchiveSettings)
    archive_s: float = Field(default=21_600.0, gt=0, description="between moves of old trades to files")
    tracked_s: float = Field(
        default=5.0, gt=0, description="between looks for wallets that others wrote into the bus's set of tracked ones"
    )
    stop_s: float = Field(default=20.0, gt=0, description="patience at the end for the database and the bus")
