"""What each kind of setting may look like, and that no refusal shows a value."""

from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from wirephoto.config import MediaMode, Settings

Load = Callable[..., Settings]
FaultsOf = Callable[..., list[str]]


def _pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> str:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()


REFUSED = [
    ("VONAGE_APPLICATION_ID", "canary-canary", "UUID"),
    ("VONAGE_PRIVATE_KEY", "canary", "PEM"),
    ("VONAGE_PRIVATE_KEY_PATH", "/nowhere/canary", "cannot be read: No such file"),
    ("VONAGE_PRIVATE_KEY_PATH", "-----BEGIN PRIVATE KEY-----\ncanary", "cannot be read"),
    ("VONAGE_SENDER_NUMBER", "canary", "country code"),
    ("VONAGE_SENDER_NUMBER", "2015550123", "country code"),
    ("VONAGE_SENDER_NUMBER", "+1201555012345678", "country code"),
    ("VONAGE_SENDER_NUMBER", "1234", "country code"),
    ("WIREPHOTO_SENDER_RATE", "0", "greater than or equal to 0.01"),
    ("WIREPHOTO_SENDER_RATE", "nan", "100000"),
    ("WIREPHOTO_SENDER_RATE", "inf", "100000"),
    ("WIREPHOTO_ACCOUNT_RATE", "-1", "greater than"),
    ("WIREPHOTO_WEBHOOKS_UNSIGNED", "always", "loopback"),
    ("VONAGE_SIGNATURE_SECRET", " , ", "at least"),
    ("VONAGE_BASE_URL", "api.nexmo.com", "scheme"),
    ("VONAGE_BASE_URL", "http://canary.example", "https"),
    ("VONAGE_REST_URL", "ftp://canary.example", "scheme"),
    ("VONAGE_REST_URL", "https://canary:canary@example.com", "user name"),
    ("PUBLIC_URL", "https://example.com/?canary=1", "query"),
    ("PUBLIC_URL", "https://example.com:canary", "well-formed"),
    ("PUBLIC_URL", "https://[canary", "well-formed"),
    ("PUBLIC_URL", "https://", "scheme"),
    ("HOST", "127.0.0.1:3000", "without scheme or port"),
    ("HOST", "canary canary", "host name"),
    ("PORT", "65536", "65535"),
    ("PORT", "-1", "0"),
    ("PORT", "canary", "integer"),
    ("DATABASE_URL", "mysql://canary", "sqlite:///"),
    ("DATABASE_URL", "sqlite:///:memory:", "sqlite:///PATH"),
    ("DATABASE_URL", "sqlite:///", "sqlite:///PATH"),
    ("WIREPHOTO_MEDIA", "shrink", "must be"),
    ("WIREPHOTO_MEDIA_BUDGETS", "10dlc=5", "10dlc, short_code, toll_free, fast and 20000"),
    ("WIREPHOTO_MEDIA_BUDGETS", "10dlc=600000,fax=1", "entry 2 is none"),
    ("WIREPHOTO_MEDIA_BUDGETS", "10dlc=1000001", "20000 to 1000000 bytes"),
    ("WIREPHOTO_MEDIA_BACKGROUND", "white", "a colour such as #ffffff"),
    ("WIREPHOTO_MEDIA_STORE", "ftp://pictures.example.com", "must be a folder"),
    ("WIREPHOTO_MEDIA", "canary", "passthrough"),
    ("WIREPHOTO_EGRESS_ALLOW", "10.0.0.0/8,canary", "entry 2"),
    ("WIREPHOTO_EGRESS_ALLOW", "10.0.0.1/8", "entry 1"),
    ("WIREPHOTO_CAPPED_NETWORKS", "310260,canary", "entry 2"),
    ("WIREPHOTO_UNKNOWN_NETWORKS", "canary", "counted"),
    ("WIREPHOTO_API_KEY", "canary", "24"),
    ("WIREPHOTO_API_KEY", "canary canary canary canary", "without spaces"),
    ("WIREPHOTO_SECRET", "s" * 32 + ",canary", "32"),
    ("WIREPHOTO_DEFAULT_CATEGORY", "canary", "transactional"),
    ("WIREPHOTO_JWT_REUSE", "canary", "boolean"),
    ("WIREPHOTO_SYNC_WAIT_S", "61", "60"),
    ("WIREPHOTO_IN_FLIGHT_MAX", "0", "1"),
    ("WIREPHOTO_SUBMIT_TIMEOUT_S", "0", "greater than 0"),
    ("WIREPHOTO_LEASE_S", "0", "greater than 0"),
    ("WIREPHOTO_TRIES_MAX", "1.5", "integer"),
    ("WIREPHOTO_EXPIRES_AFTER_H", "721", "720"),
    ("WIREPHOTO_IDEMPOTENCY_KEEP_H", "23", "24"),
    ("WIREPHOTO_STOP_GRACE_S", "-1", "0"),
    ("WIREPHOTO_LOG_FORMAT", "canary", "json"),
    ("WIREPHOTO_LOG_LEVEL", "canary", "info"),
    ("WIREPHOTO_METRICS_PORT", "0", "1"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "canary:4318", "scheme"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://canary:canary@collector", "user name"),
    ("WIREPHOTO_TRACE_SHARE", "1.1", "1"),
    ("SENTRY_DSN", "https://canary.example/7", "https://KEY@HOST/PROJECT"),
    ("SENTRY_DSN", "https://canary@errors.example.com", "https://KEY@HOST/PROJECT"),
]


@pytest.mark.parametrize(("variable", "value", "says"), REFUSED)
def test_a_bad_value_is_named_by_its_variable_and_never_shown(
    faults_of: FaultsOf,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    says: str,
) -> None:
    """People paste secrets into the wrong variable, and start-up output ends in tickets."""
    monkeypatch.setenv(variable, value)

    faults = faults_of()

    assert len(faults) == 1
    assert faults[0].startswith(f"{variable}: ")
    assert says in faults[0]
    assert "canary" not in faults[0]


TAKEN = [
    ("WIREPHOTO_CAPPED_NETWORKS", "310260, 31026", "capped_networks", ("310260", "31026")),
    ("VONAGE_SENDER_NUMBER", "12015550123", "vonage_sender_number", "+12015550123"),
    ("VONAGE_SENDER_NUMBER", "+1 (201) 555-0123", "vonage_sender_number", "+12015550123"),
    ("VONAGE_SENDER_NUMBER", "54321", "vonage_sender_number", "54321"),
    ("WIREPHOTO_SENDER_RATE", "0.25", "sender_rate", 0.25),
    ("WIREPHOTO_ACCOUNT_RATE", "100000", "account_rate", 100_000.0),
    ("WIREPHOTO_WEBHOOKS_UNSIGNED", "loopback", "webhooks_unsigned", "loopback"),
    ("VONAGE_BASE_URL", "http://127.0.0.1:8900/", "vonage_base_url", "http://127.0.0.1:8900"),
    ("VONAGE_REST_URL", "http://[::1]:8900", "vonage_rest_url", "http://[::1]:8900"),
    ("PUBLIC_URL", "https://mms.example.com/in/", "public_url", "https://mms.example.com/in"),
    ("PUBLIC_URL", "http://localhost:3000", "public_url", "http://localhost:3000"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/", "otlp_url", "http://collector:4318"),
    ("HOST", "::", "host", "::"),
    ("PORT", "0", "port", 0),
    ("WIREPHOTO_MEDIA", "passthrough", "media_mode", MediaMode.PASSTHROUGH),
    ("WIREPHOTO_MEDIA", "auto", "media_mode", MediaMode.CHECK),
    ("WIREPHOTO_JWT_REUSE", "false", "jwt_reuse", False),
    (
        "WIREPHOTO_EGRESS_ALLOW",
        "10.0.0.0/8, fd00::/8",
        "egress_allow",
        (ip_network("10.0.0.0/8"), ip_network("fd00::/8")),
    ),
]


@pytest.mark.parametrize(("variable", "value", "field", "expected"), TAKEN)
def test_a_good_value_is_taken_in_its_usual_form(
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    field: str,
    expected: object,
) -> None:
    """The rest of the code sees one spelling only."""
    monkeypatch.setenv(variable, value)

    assert getattr(load(), field) == expected


@pytest.mark.parametrize("url", ["sqlite:///x.db", "sqlite:////var/x.db", "postgresql://a:b@h/n"])
def test_both_databases_are_known(load: Load, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """The address may hold a password, so it is asked for explicitly."""
    monkeypatch.setenv("DATABASE_URL", url)

    assert load().database_url.get_secret_value() == url


def test_several_secrets_are_a_comma_list(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rotation needs the old one to be valid for a while."""
    monkeypatch.setenv("VONAGE_SIGNATURE_SECRET", "new, old")

    secrets = load().vonage_signature_secret

    assert [secret.get_secret_value() for secret in secrets] == ["new", "old"]


@pytest.mark.parametrize("line_end", ["\n", "\\n", "\r\n", "\\r\\n"])
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_private_key_may_come_in_one_line(
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
    rsa_key: rsa.RSAPrivateKey,
    line_end: str,
    form: PrivateFormat,
) -> None:
    """Most places that keep environment variables take a single line."""
    pem = _pem(rsa_key, form)
    monkeypatch.setenv("VONAGE_PRIVATE_KEY", pem.strip().replace("\n", line_end))

    key = load().private_key

    assert key is not None
    assert key.get_secret_value() == pem


@pytest.mark.parametrize("quote", ['"', "'", ""])
def test_a_private_key_may_stand_in_the_env_file(
    load: Load,
    env_file: Path,
    pem: str,
    quote: str,
) -> None:
    """Quoted over several lines, or escaped in one."""
    text = pem if quote else pem.strip().replace("\n", "\\n")
    env_file.write_text(f"VONAGE_PRIVATE_KEY={quote}{text}{quote}\nPORT=1\n")

    settings = load(env_file=env_file)

    assert settings.private_key is not None
    assert settings.private_key.get_secret_value() == pem
    assert settings.port == 1


@pytest.fixture
def key_file(tmp_path: Path, pem: str) -> Iterator[Path]:
    path = tmp_path / "private key.pem"
    path.write_text(pem)
    path.chmod(0o600)
    yield path
    path.chmod(0o600)


def test_a_private_key_is_read_from_its_file(load: Load, key_file: Path, pem: str) -> None:
    """The usual way: the file that the dashboard gives."""
    settings = load({"vonage_private_key_path": key_file})

    assert settings.private_key is not None
    assert settings.private_key.get_secret_value() == pem
    assert "BEGIN" not in repr(settings)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_private_key_that_others_can_read_is_refused(
    faults_of: FaultsOf,
    key_file: Path,
    mode: int,
) -> None:
    """It can spend the account's money; the fault gives the command that closes it."""
    key_file.chmod(mode)

    faults = faults_of({"vonage_private_key_path": str(key_file)})

    assert faults == [
        f"VONAGE_PRIVATE_KEY_PATH: names a file that others may read: run `chmod 600 '{key_file}'`"
    ]


def test_a_file_without_a_key_is_refused(faults_of: FaultsOf, key_file: Path) -> None:
    """The certificate, or the public key, is an easy mistake."""
    for content in (b"canary", b"\xff\xfe canary", b""):
        key_file.write_bytes(content)

        faults = faults_of({"vonage_private_key_path": str(key_file)})

        assert len(faults) == 1
        assert "PEM" in faults[0]
        assert "canary" not in faults[0]


def test_a_folder_is_not_a_key(faults_of: FaultsOf, tmp_path: Path) -> None:
    """Mounts that fail leave a folder where a file was meant to be."""
    faults = faults_of({"vonage_private_key_path": str(tmp_path)})

    assert faults == ["VONAGE_PRIVATE_KEY_PATH: names a file that cannot be read: Is a directory"]


def test_a_key_of_another_kind_is_refused(faults_of: FaultsOf, rsa_key: rsa.RSAPrivateKey) -> None:
    """Vonage signs with RS256: anything else would fail at the first message."""
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    for pem, says in (
        (_pem(ec.generate_private_key(ec.SECP256R1())), "RSA private key of at least 2048"),
        (_pem(small), "RSA private key of at least 2048"),
        (_pem(rsa_key, encryption=BestAvailableEncryption(b"x")), "without a passphrase"),
    ):
        faults = faults_of({"vonage_private_key": pem})

        assert len(faults) == 1
        assert says in faults[0]


def test_a_key_given_twice_is_refused(faults_of: FaultsOf, key_file: Path, pem: str) -> None:
    """Which one is in effect would be a guess."""
    faults = faults_of({"vonage_private_key_path": key_file, "vonage_private_key": pem})

    assert [fault.split(":")[0] for fault in faults] == ["VONAGE_PRIVATE_KEY"]


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_tls_key_that_others_can_read_is_refused(
    faults_of: FaultsOf, key_file: Path, mode: int
) -> None:
    """Who reads it can pass for this gateway."""
    key_file.chmod(mode)

    faults = faults_of({"tls_certificate": str(key_file), "tls_key": str(key_file)})

    assert len(faults) == 1
    assert faults[0].startswith("WIREPHOTO_TLS_KEY: names a file that others may read")


@pytest.mark.parametrize(
    ("given", "missing"),
    [("tls_certificate", "WIREPHOTO_TLS_KEY"), ("tls_key", "WIREPHOTO_TLS_CERTIFICATE")],
)
def test_a_certificate_and_its_key_go_together(
    faults_of: FaultsOf, key_file: Path, given: str, missing: str
) -> None:
    """Half of it would quietly mean plain http."""
    faults = faults_of({given: str(key_file)})

    assert len(faults) == 1
    assert faults[0].startswith(f"{missing}: is missing")
