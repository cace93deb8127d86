"""Settings of how customers are told of events."""

from datetime import timedelta

from pydantic_settings import BaseSettings

from wirephoto.config.declaring import setting


class EventSettings(BaseSettings):
    """How customers are told of events: at their endpoints, and as a stream."""

    endpoint_days: float = setting(
        "WIREPHOTO_ENDPOINT_DAYS",
        5.0,
        "Days after which an endpoint that took no event is told of nothing more, until somebody"
        " enables it",
        ge=1,
        le=30,
    )
    event_streams_max: int = setting(
        "WIREPHOTO_EVENT_STREAMS_MAX",
        100,
        "Clients that may follow the feed as a stream at a time, per process",
        ge=0,
        le=10_000,
    )

    @property
    def endpoint_patience(self) -> timedelta:
        """How long an endpoint may fail before it is disabled."""
        return timedelta(days=self.endpoint_days)
