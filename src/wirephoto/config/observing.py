"""Settings of how a gateway is seen from outside: logs, metrics, traces, errors."""

from typing import Annotated, Literal

from pydantic import AfterValidator, SecretStr
from pydantic_settings import BaseSettings

from wirephoto.config import values
from wirephoto.config.declaring import setting

LogFormat = Literal["auto", "json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]


class ObservingSettings(BaseSettings):
    """What a gateway tells of itself, and to whom."""

    log_format: LogFormat = setting(
        "WIREPHOTO_LOG_FORMAT", "auto", "`json` or `console`; `auto` is `console` on a terminal"
    )
    log_level: LogLevel = setting(
        "WIREPHOTO_LOG_LEVEL", "info", "`debug`, `info`, `warning` or `error`"
    )
    metrics_port: int | None = setting(
        "WIREPHOTO_METRICS_PORT",
        None,
        "Port on `HOST` that gives `/metrics` without a key; the main port wants one with the scope"
        " `read`",
        ge=1,
        le=65_535,
    )
    otlp_url: Annotated[str, AfterValidator(values.collector_url)] | None = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        None,
        "Collector that traces go to, by OTLP over HTTP, such as `http://collector:4318`; needs the"
        " extra `otel`",
    )
    trace_share: float = setting(
        "WIREPHOTO_TRACE_SHARE",
        1.0,
        "Share of the messages that are traced, the same ones in every process",
        ge=0,
        le=1,
    )
    sentry_dsn: Annotated[SecretStr, AfterValidator(values.dsn)] | None = setting(
        "SENTRY_DSN",
        None,
        "Where errors are reported to: Sentry, or what speaks its protocol; needs the extra"
        " `sentry`",
    )
