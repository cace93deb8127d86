"""What tells customers of events: endpoints, and streams of the feed."""

from random import Random

from wirephoto.api.event_stream import EventStreams
from wirephoto.clock import Clock
from wirephoto.config import Settings
from wirephoto.domain.sealing import Sealing
from wirephoto.egress import Egress
from wirephoto.engine.courier import LIMITS, Courier
from wirephoto.engine.deliveries import Deliveries
from wirephoto.ids import Ids
from wirephoto.storage.database import Database


class EventParts:
    """The parts of a process that serve endpoints and streams."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        clock: Clock,
        ids: Ids,
        random: Random,
    ) -> None:
        self.sealing = Sealing(secret.get_secret_value() for secret in settings.secret)
        self.courier = make_courier(settings, self.sealing, clock)
        self.streams = EventStreams(settings.event_streams_max)
        self.deliveries = Deliveries(
            database=database,
            courier=self.courier,
            clock=clock,
            ids=ids,
            random=random,
            patience=settings.endpoint_patience,
        )

    async def stop(self, grace_s: float) -> None:
        """Let what is being delivered come to its end, and begin nothing more."""
        await self.deliveries.stop(grace_s)
        await self.courier.close()


def make_courier(settings: Settings, sealing: Sealing, clock: Clock) -> Courier:
    """Return what carries events to endpoints, over connections of its own."""
    egress = Egress(clock, allow=settings.egress_allow, limits=LIMITS)
    return Courier(egress, sealing, clock, allow=settings.egress_allow)
