"""Whom the simulator knows: one account, one application, its numbers and its webhooks."""

import random
import secrets
import uuid
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from wirephoto.simulator.registration import (
    SAMPLE_BRANDS,
    SAMPLE_NUMBERS,
    SimulatedBrand,
    SimulatedNumber,
)
from wirephoto.simulator.switches import Switches


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """Everything that is fixed while the simulator runs.

    `public_key` is a PEM. `status_url` and `inbound_url` are the application's; requests with
    Basic credentials report to `account_status_url` instead (contract 1.2). `senders` are the
    numbers that may send, as digits; None lets every number send. `seed` makes ids and chance
    repeatable; None takes fresh randomness, so that a second run never repeats ids of the first.
    """

    api_key: str
    api_secret: str = field(repr=False)
    signature_secret: str = field(repr=False)
    application_id: str
    public_key: str = field(repr=False)
    status_url: str | None = None
    inbound_url: str | None = None
    account_status_url: str | None = None
    senders: frozenset[str] | None = None
    seed: int | None = None
    switches: Switches = field(default_factory=Switches)
    clock_skew_s: float = 30.0
    """How far a client's clock may be off; the provider's tolerance is not documented."""
    price_eur: str = "0.0150"
    """What `usage` of a receipt names as price."""
    network_code: str | None = "310260"
    """MCC and MNC in final receipts; None leaves them out."""
    numbers: tuple[SimulatedNumber, ...] = SAMPLE_NUMBERS
    """What the account has; whether a number may send is the affair of `senders`."""
    brands: tuple[SimulatedBrand, ...] = SAMPLE_BRANDS
    """What it has registered for 10DLC."""
    records_max: int = 200_000
    """How many accepted messages are remembered; the oldest are forgotten with their counts."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Both halves of throw-away credentials: the client's and what the simulator registers."""

    api_key: str
    api_secret: str = field(repr=False)
    signature_secret: str = field(repr=False)
    application_id: str
    private_key: str = field(repr=False)
    public_key: str = field(repr=False)

    def settings(self) -> SimulatorSettings:
        """Return settings under which these credentials are good; vary them with `replace`."""
        return SimulatorSettings(
            api_key=self.api_key,
            api_secret=self.api_secret,
            signature_secret=self.signature_secret,
            application_id=self.application_id,
            public_key=self.public_key,
        )


def make_credentials() -> Credentials:
    """Return fresh credentials for a demo or a test, with a 2048-bit RSA key pair as PEM.

    The private key is PKCS#8, as the provider's dashboard gives it (contract 1.2).
    """
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    private_key = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public_key = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Credentials(
        api_key=secrets.token_hex(4),
        api_secret=secrets.token_urlsafe(12),
        signature_secret=secrets.token_urlsafe(36),
        application_id=str(uuid.uuid4()),
        private_key=private_key.decode(),
        public_key=public_key.decode(),
    )


def seeded_source(seed: int | None, purpose: str) -> random.Random:
    """Return a source of randomness of its own for `purpose`: one use does not shift another."""
    return random.Random(None if seed is None else f"{seed}:{purpose}")  # noqa: S311 - no secrets


def new_uuid(source: random.Random) -> str:
    """Return a UUID version 4 (RFC 9562, section 5.4) out of `source`."""
    return str(uuid.UUID(int=source.getrandbits(128), version=4))
