"""Every setting: its name, type, default, limits, and what it is for."""

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import SettingsConfigDict

from wirephoto.config import values
from wirephoto.config.compliance import ComplianceSettings
from wirephoto.config.declaring import setting
from wirephoto.config.events import EventSettings
from wirephoto.config.observing import ObservingSettings
from wirephoto.config.serving import ServingSettings


class Role(StrEnum):
    """What a process does."""

    API = "api"
    MEDIA = "media"
    DISPATCH = "dispatch"
    INBOUND = "inbound"
    EVENTS = "events"
    MAINTENANCE = "maintenance"


ALL_ROLES = frozenset(Role)


class MediaMode(StrEnum):
    """What happens to a picture before it is sent."""

    AUTO = "auto"
    CONVERT = "convert"
    CHECK = "check"
    PASSTHROUGH = "passthrough"


Category = Literal["marketing", "transactional", "conversational", "emergency"]

_Secrets = Annotated[tuple[SecretStr, ...], BeforeValidator(values.split_list)]
_Url = Annotated[str, AfterValidator(values.base_url)]
_Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(values.networks)]
_NetworkCodes = Annotated[tuple[str, ...], BeforeValidator(values.network_codes)]
_KeyFile = Annotated[values.KeyFile, BeforeValidator(values.private_key_file)]


class Settings(ServingSettings, ComplianceSettings, EventSettings, ObservingSettings):
    """All settings of a process; `load_settings` makes them and reports their faults.

    Durations end in their unit. Secrets, and the database's address, which may hold a password,
    show themselves only when asked (`get_secret_value`).
    """

    model_config = SettingsConfigDict(
        frozen=True,
        case_sensitive=True,
        env_ignore_empty=True,
        enable_decoding=False,  # lists are comma lists, not JSON
        extra="forbid",
        hide_input_in_errors=True,
        validate_default=False,
    )

    vonage_api_key: str | None = setting(
        "VONAGE_API_KEY",
        None,
        "The account's key, for numbers, balance, reports and 10DLC; goes with its secret",
    )
    vonage_api_secret: SecretStr | None = setting(
        "VONAGE_API_SECRET", None, "The account's secret; goes with its key"
    )
    vonage_application_id: Annotated[str, AfterValidator(values.application_id)] | None = setting(
        "VONAGE_APPLICATION_ID",
        None,
        "The application that sends, a UUID; needed by the role `dispatch`",
    )
    vonage_private_key_path: _KeyFile | None = setting(
        "VONAGE_PRIVATE_KEY_PATH",
        None,
        "The file of the application's RSA private key (PEM, mode 0600); needed by the role"
        " `dispatch`, and by `inbound` where the application secures inbound media, unless"
        " `VONAGE_PRIVATE_KEY` holds the key",
    )
    vonage_private_key: Annotated[SecretStr, AfterValidator(values.private_key)] | None = setting(
        "VONAGE_PRIVATE_KEY",
        None,
        "The key itself, with real line ends or `\\n`; instead of the path",
    )
    vonage_sender_number: Annotated[str, AfterValidator(values.sender_number)] | None = setting(
        "VONAGE_SENDER_NUMBER",
        None,
        "The first sender: a number with its country code, or a short code",
    )
    sender_rate: float = setting(
        "WIREPHOTO_SENDER_RATE",
        1.0,
        "Messages per second of the first sender's campaign, until `wirephoto senders sync` knows"
        " better",
        ge=0.01,
        le=100_000,
    )
    pool_sticky_waits: bool = setting(
        "WIREPHOTO_POOL_STICKY_WAITS",
        False,
        "Whether who has heard from a sender of a pool waits for it while it is paused, instead of"
        " hearing from another",
    )
    capped_networks: _NetworkCodes | None = setting(
        "WIREPHOTO_CAPPED_NETWORKS",
        None,
        "Networks whose phones count against a brand's daily cap: a comma list of MCC and MNC"
        " such as `310260`. Unset: those of T-Mobile US",
    )
    unknown_networks: Literal["counted", "free"] = setting(
        "WIREPHOTO_UNKNOWN_NETWORKS",
        "counted",
        "Whether phones count against it of which neither a receipt nor a look-up has told the"
        " network yet",
    )
    account_rate: float = setting(
        "WIREPHOTO_ACCOUNT_RATE",
        30.0,
        "Requests per second to Vonage, all processes together",
        ge=0.01,
        le=100_000,
    )
    vonage_signature_secret: _Secrets = setting(
        "VONAGE_SIGNATURE_SECRET",
        (),
        "Verifies webhooks; several in a comma list. Unset: webhooks are answered 503",
    )
    webhooks_unsigned: Literal["loopback"] | None = setting(
        "WIREPHOTO_WEBHOOKS_UNSIGNED",
        None,
        "`loopback` takes unsigned webhooks from this machine, for local mocks",
    )
    vonage_base_url: _Url = setting(
        "VONAGE_BASE_URL",
        "https://api.nexmo.com",
        "Where messages are submitted; what stands in for Vonage has the 10DLC API there too",
    )
    vonage_rest_url: _Url = setting(
        "VONAGE_REST_URL",
        "https://rest.nexmo.com",
        "Where the account's numbers are asked for",
    )
    database_url: Annotated[SecretStr, AfterValidator(values.database_url)] = setting(
        "DATABASE_URL",
        SecretStr("sqlite:///data/wirephoto.db"),
        "`sqlite:///PATH`, or `postgresql://…` for several processes",
    )
    roles: Annotated[frozenset[Role], BeforeValidator(values.split_list)] = setting(
        "WIREPHOTO_ROLES",
        ALL_ROLES,
        "What this process does; fewer than all need PostgreSQL and `WIREPHOTO_SECRET`",
    )
    media: MediaMode = setting(
        "WIREPHOTO_MEDIA",
        MediaMode.AUTO,
        "`convert` fetches, fits and hosts pictures; `check` verifies them and sends the caller's"
        " address; `passthrough` never fetches; `auto` is `convert` with `PUBLIC_URL`, else"
        " `check`",
    )
    media_store: Annotated[str, AfterValidator(values.media_store)] = setting(
        "WIREPHOTO_MEDIA_STORE",
        "data/media",
        "Where pictures are kept: a folder, `s3://…`, `gs://…` or `az://…`; with several processes"
        " one that they share",
    )
    media_budgets: Annotated[Mapping[str, int], BeforeValidator(values.media_budgets)] = setting(
        "WIREPHOTO_MEDIA_BUDGETS",
        values.MEDIA_BUDGETS,
        "Bytes that a message may have with all its attachments, for each kind of sender and for"
        " the profile `fast`: a comma list such as `10dlc=600000,fast=150000`",
    )
    media_background: Annotated[str, AfterValidator(values.colour)] = setting(
        "WIREPHOTO_MEDIA_BACKGROUND", "#ffffff", "Colour below what is transparent in a picture"
    )
    media_pixels_max: int = setting(
        "WIREPHOTO_MEDIA_PIXELS_MAX",
        50_000_000,
        "Pixels of the largest picture that is decoded",
        ge=1_000_000,
        le=200_000_000,
    )
    media_workers: int = setting(
        "WIREPHOTO_MEDIA_WORKERS",
        0,
        "Processes that decode and fit pictures; 0 is one less than there are cores, at least one",
        ge=0,
        le=256,
    )
    media_worker_mb: int = setting(
        "WIREPHOTO_MEDIA_WORKER_MB",
        1500,
        "Memory that one of them may have, in megabytes of address space",
        ge=512,
        le=65_536,
    )
    media_worker_s: float = setting(
        "WIREPHOTO_MEDIA_WORKER_S",
        60.0,
        "Seconds that one of them may take over a file",
        ge=1,
        le=100,
    )
    media_keep_h: float = setting(
        "WIREPHOTO_MEDIA_KEEP_H",
        72.0,
        "Hours that uploads and fetched originals are kept after their last use",
        ge=1,
        le=8760,
    )
    inbound_media_mb: int = setting(
        "WIREPHOTO_INBOUND_MEDIA_MB",
        25,
        "Megabytes of the largest attachment from a phone that is fetched and kept",
        ge=1,
        le=100,
    )
    egress_allow: _Networks = setting(
        "WIREPHOTO_EGRESS_ALLOW",
        (),
        "Internal networks that pictures may be fetched from: a comma list of CIDRs",
    )
    api_key: Annotated[SecretStr, AfterValidator(values.api_key)] | None = setting(
        "WIREPHOTO_API_KEY",
        None,
        "A first API key with every scope, for containers: at least 24 characters",
    )
    secret: Annotated[_Secrets, AfterValidator(values.secrets)] = setting(
        "WIREPHOTO_SECRET",
        (),
        "For keyed hashes and stored secrets, at least 32 characters; a comma list for rotation,"
        " the newest first. Required with split roles",
    )
    default_category: Category = setting(
        "WIREPHOTO_DEFAULT_CATEGORY",
        "transactional",
        "Category of a message that names none: `marketing`, `transactional`, `conversational`"
        " or `emergency`",
    )
    sync_wait_s: float = setting(
        "WIREPHOTO_SYNC_WAIT_S",
        10.0,
        "Seconds that `POST /send-mms` waits for Vonage's answer",
        ge=0,
        le=60,
    )
    jwt_reuse: bool = setting(
        "WIREPHOTO_JWT_REUSE", True, "One token for many messages until shortly before it expires"
    )
    in_flight_max: int = setting(
        "WIREPHOTO_IN_FLIGHT_MAX", 64, "Requests to Vonage at a time, per process", ge=1, le=4096
    )
    submit_timeout_s: float = setting(
        "WIREPHOTO_SUBMIT_TIMEOUT_S",
        30.0,
        "Seconds until a request to Vonage is given up and its attempt is `unconfirmed`",
        gt=0,
        le=300,
    )
    lease_s: float = setting(
        "WIREPHOTO_LEASE_S",
        30.0,
        "Seconds until others may take over what a process that died had claimed",
        gt=0,
        le=3600,
    )
    tries_max: int = setting(
        "WIREPHOTO_TRIES_MAX", 16, "Tries to submit a message before it fails", ge=1, le=100
    )
    delivery: Literal["at_most_once", "at_least_once"] = setting(
        "WIREPHOTO_DELIVERY",
        "at_most_once",
        "`at_least_once` sends a message again whose outcome nothing has settled after a grace"
        " time, and may so send it twice; `at_most_once` leaves it visibly `unconfirmed`",
    )
    delivery_grace_s: float = setting(
        "WIREPHOTO_DELIVERY_GRACE_S",
        300.0,
        "Seconds that `at_least_once` waits for a receipt before it sends again",
        ge=60,
        le=86_400,
    )
    reports: bool = setting(
        "WIREPHOTO_REPORTS",
        False,
        "Ask Vonage's Reports API (a paid product) what became of messages in doubt, and of those"
        " without a last word; needs `VONAGE_API_KEY`",
    )
    resends_max: int = setting(
        "WIREPHOTO_RESENDS_MAX",
        3,
        "How often a message that was taken and then rejected for a time is submitted anew, each"
        " time at its price; 0 never",
        ge=0,
        le=20,
    )
    resend_wait_s: float = setting(
        "WIREPHOTO_RESEND_WAIT_S",
        120.0,
        "Longest wait before a rejected message is submitted anew for the first time, in seconds;"
        " at least half of it passes, and it doubles each time, up to an hour",
        gt=0,
        le=3600,
    )
    receipt_window_h: float = setting(
        "WIREPHOTO_RECEIPT_WINDOW_H",
        48.0,
        "Hours after which a submitted message without a last word is marked `receipt_overdue`",
        gt=0,
        le=720,
    )
    receipt_classes: Annotated[Mapping[str, str], BeforeValidator(values.receipt_classes)] = (
        setting(
            "WIREPHOTO_RECEIPT_CLASSES",
            {},
            "What error codes of receipts mean, where not as [receipts.md](receipts.md) says: a"
            " comma list such as `1330=retry,1260=recipient`",
        )
    )
    expires_after_h: float = setting(
        "WIREPHOTO_EXPIRES_AFTER_H",
        24.0,
        "Hours after its time to send until a message expires, unless it says so itself",
        gt=0,
        le=720,
    )
    idempotency_keep_h: float = setting(
        "WIREPHOTO_IDEMPOTENCY_KEEP_H",
        48.0,
        "Hours that idempotency keys are kept",
        ge=24,
        le=8760,
    )
    stop_grace_s: float = setting(
        "WIREPHOTO_STOP_GRACE_S",
        20.0,
        "Seconds that a stopping process waits for requests under way",
        ge=0,
        le=600,
    )

    @property
    def private_key(self) -> SecretStr | None:
        """The application's private key as PEM, wherever it was given."""
        if self.vonage_private_key_path is not None:
            return self.vonage_private_key_path.pem
        return self.vonage_private_key

    @property
    def media_mode(self) -> MediaMode:
        """The mode in effect: `convert`, `check` or `passthrough`."""
        if self.media is MediaMode.AUTO:
            return MediaMode.CONVERT if self.public_url else MediaMode.CHECK
        return self.media


_INHERITED = (
    ComplianceSettings.model_fields | EventSettings.model_fields | ObservingSettings.model_fields
)
VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        str(Settings.model_fields[name].validation_alias): name
        for name in sorted(Settings.model_fields, key=_INHERITED.__contains__)
    }
)
"""Every variable, and the field of `Settings` that it fills: what is inherited stands last."""
