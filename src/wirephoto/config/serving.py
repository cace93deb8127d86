"""Settings of how the gateway is reached over HTTP."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import BaseSettings

from wirephoto.config import values
from wirephoto.config.declaring import setting

_Url = Annotated[str, AfterValidator(values.base_url)]
_Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(values.networks)]


class ServingSettings(BaseSettings):
    """Where the gateway listens, and whom it believes who asks."""

    host: Annotated[str, AfterValidator(values.host)] = setting(
        "HOST", "127.0.0.1", "Address to listen on"
    )
    port: int = setting(
        "PORT", 3000, "Port to listen on; 0 takes a free one and prints it", ge=0, le=65_535
    )
    public_url: _Url | None = setting(
        "PUBLIC_URL",
        None,
        "How Vonage reaches this gateway from outside: pictures are hosted behind it",
    )
    trusted_proxies: _Networks = setting(
        "WIREPHOTO_TRUSTED_PROXIES",
        (),
        "Proxies in front of this gateway, a comma list of CIDRs: they alone are believed when"
        " `X-Forwarded-For` says who asks and `X-Forwarded-Proto` whether over TLS",
    )
    tls_certificate: Path | None = setting(
        "WIREPHOTO_TLS_CERTIFICATE",
        None,
        "The file of a certificate chain (PEM), where the gateway is to speak TLS itself; goes with"
        " its key. Files that are renewed count from the next connection on",
    )
    tls_key: Annotated[Path, BeforeValidator(values.tls_key_file)] | None = setting(
        "WIREPHOTO_TLS_KEY",
        None,
        "The file of its private key (PEM, mode 0600, without a passphrase)",
    )
    connections_max: int = setting(
        "WIREPHOTO_CONNECTIONS_MAX",
        1000,
        "Connections of clients at a time; what comes beyond them is closed at once",
        ge=10,
        le=100_000,
    )
