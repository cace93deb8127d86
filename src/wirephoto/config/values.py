"""What each kind of setting may look like.

Every function returns the value in its usual form or raises ValueError with a sentence that follows
the variable's name. A sentence never holds the value: it may be a secret in the wrong place.
"""

import os
import re
import shlex
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr

API_KEY_CHARS_MIN = 24
SECRET_CHARS_MIN = 32
KEY_BITS_MIN = 2048
"""RFC 7518, section 3.3: RS256 needs a key of this size or larger."""
KEY_FILE_BYTES_MAX = 65_536
MEDIA_BUDGETS = {"10dlc": 600_000, "short_code": 600_000, "toll_free": 500_000, "fast": 150_000}
"""What carriers deliver from each kind of sender, and where time matters (facts 4.1)."""
MEDIA_BUDGET_MIN = 20_000
MEDIA_BUDGET_MAX = 1_000_000
"""The most that an operator may choose (facts 4.1): above it, large carriers refuse."""

_E164 = re.compile(r"\+?[1-9][0-9]{6,14}")  # ITU-T E.164: at most 15 digits
_SHORT_CODE = re.compile(r"[0-9]{5,6}")
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_BUCKET = re.compile(r"(?:s3|gs|az)://[A-Za-z0-9][A-Za-z0-9._-]{1,221}(?:/[A-Za-z0-9._-]+)*/?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # one letter alone is a drive of Windows
_DATABASE = re.compile(r"sqlite:///(?!:memory:)[^?\s][^?\r\n]*|postgresql://\S+")


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A private key and the file it was read from."""

    path: Path
    pem: SecretStr


def split_list(value: object) -> object:
    """Return the parts of a comma list; anything but text is passed on as it is."""
    if not isinstance(value, str):
        return value
    parts = tuple(part.strip() for part in value.split(",") if part.strip())
    if not parts:
        raise ValueError("must name one at least")
    return parts


def application_id(value: str) -> str:
    """Return a UUID in lower case with dashes."""
    try:
        return str(UUID(value))
    except ValueError:
        raise ValueError("must be a UUID, as the dashboard shows it") from None


def sender_number(value: str) -> str:
    """Return `+` and digits, or the digits of a short code.

    Ten digits without `+` are refused: an American number without its country code would read as
    somebody else's number in another country.
    """
    compact = re.sub(r"[\s().-]", "", value)
    if _SHORT_CODE.fullmatch(compact):
        return compact
    country_code_missing = compact.isdigit() and len(compact) == 10
    if country_code_missing or not _E164.fullmatch(compact):
        raise ValueError(
            "must be a number with its country code, such as +12015550123, "
            "or a short code of 5 or 6 digits"
        )
    return "+" + compact.removeprefix("+")


def private_key(value: SecretStr) -> SecretStr:
    """Return an RSA private key as PEM text; line ends may be written as `\\n`."""
    text = value.get_secret_value().strip().strip("\"'")
    pem = text.replace("\\r", "").replace("\\n", "\n").replace("\r", "").strip() + "\n"
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise ValueError("must be a private key without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(
            "must be a private key in PEM form (-----BEGIN PRIVATE KEY-----)"
        ) from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < KEY_BITS_MIN:
        raise ValueError(f"must be an RSA private key of at least {KEY_BITS_MIN} bits")
    return SecretStr(pem)


def private_key_file(value: object) -> KeyFile:
    """Return the key in a file that nobody but its owner can read."""
    path, content = _private_file(value)
    try:
        return KeyFile(path, private_key(SecretStr(content.decode())))
    except UnicodeDecodeError:
        raise ValueError("names a file that is not text in PEM form") from None
    except ValueError as error:
        raise ValueError(f"names a file whose content {error}") from None


def tls_key_file(value: object) -> Path:
    """Return the path of a private key that nobody but its owner can read."""
    return _private_file(value)[0]


def _private_file(value: object) -> tuple[Path, bytes]:
    path = Path(str(value))
    try:
        path = path.expanduser()  # RuntimeError where there is no such home
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(KEY_FILE_BYTES_MAX)
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise ValueError(f"names a file that cannot be read: {reason or 'bad path'}") from None
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
        # The path may be told: a file of that name exists, so it is not a key put here by mistake.
        raise ValueError(
            f"names a file that others may read: run `chmod 600 {shlex.quote(str(path))}`"
        )
    return path, content


def base_url(value: str) -> str:
    """Return an address without its last slash; plain http is for this machine only."""
    parts = _base(value, example="https://example.com")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise ValueError("must use https: plain http is for addresses of this machine")
    return value.strip().rstrip("/")


def collector_url(value: str) -> str:
    """Return an address without its last slash; a collector nearby often has plain http."""
    _base(value, example="http://localhost:4318")
    return value.strip().rstrip("/")


def _base(value: str, *, example: str) -> SplitResult:
    parts = _split_url(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"must be an address with its scheme, such as {example}")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must have no user name, query or fragment")
    return parts


def dsn(value: SecretStr) -> SecretStr:
    """Return where errors are reported to: an address that holds a key and ends in a project."""
    parts = _split_url(value.get_secret_value())
    project = parts.path.rpartition("/")[2]
    if parts.scheme not in ("http", "https") or not (parts.hostname and parts.username and project):
        raise ValueError("must be the project's DSN, such as https://KEY@HOST/PROJECT")
    return value


def _split_url(value: str) -> SplitResult:
    try:
        parts = urlsplit(value.strip())
        _ = parts.port  # raises where it is no number, or out of range
    except ValueError:
        raise ValueError("must be a well-formed address") from None
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def host(value: str) -> str:
    """Return an IP address or a host name to listen on."""
    if _HOST_NAME.fullmatch(value):
        return value
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError("must be an IP address or host name, without scheme or port") from None


def database_url(value: SecretStr) -> SecretStr:
    """Return the address of an SQLite file or a PostgreSQL database."""
    if not _DATABASE.fullmatch(value.get_secret_value()):
        raise ValueError(
            "must be sqlite:///PATH (a file: memory would lose messages) "
            "or postgresql://USER:PASSWORD@HOST/NAME"
        )
    return value


RECEIPT_CLASSES = ("retry", "recipient", "message", "sender", "account", "unknown")
_RECEIPT_CODE = re.compile(r"[0-9]{3,5}")


def receipt_classes(value: object) -> object:
    """Return the class of each code of a comma list of CODE=CLASS."""
    parts = split_list(value)
    if not isinstance(parts, tuple):
        return parts
    classes: dict[str, str] = {}
    for number, part in enumerate(parts, start=1):
        code, _, kind = (each.strip() for each in str(part).partition("="))
        if not _RECEIPT_CODE.fullmatch(code) or kind not in RECEIPT_CLASSES:
            raise ValueError(
                "must be a comma list of CODE=CLASS such as 1330=retry, with a class of "
                f"{', '.join(RECEIPT_CLASSES)}; entry {number} is none"
            )
        classes[code] = kind
    return classes


SENDER_KINDS = ("10dlc", "toll_free", "short_code")
ANSWERERS = ("gateway", "provider", "network")


def answerers(value: object) -> object:
    """Return who answers at each kind of sender of a comma list of KIND=WHO."""
    parts = split_list(value)
    if not isinstance(parts, tuple):
        return parts
    found: dict[str, str] = {}
    for number, part in enumerate(parts, start=1):
        kind, _, who = (each.strip() for each in str(part).partition("="))
        if kind not in SENDER_KINDS or who not in ANSWERERS:
            raise ValueError(
                f"must be a comma list of KIND=WHO, with a kind of {', '.join(SENDER_KINDS)} and"
                f" one of {', '.join(ANSWERERS)}; entry {number} is none"
            )
        found[kind] = who
    return found


def networks(value: object) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return the networks of a comma list of CIDRs."""
    parts = split_list(value)
    found = []
    for number, part in enumerate(parts if isinstance(parts, Iterable) else (), start=1):
        try:
            found.append(ip_network(part))
        except ValueError:
            raise ValueError(
                f"must be a comma list of networks such as 10.0.0.0/8; entry {number} is none"
            ) from None
    return tuple(found)


def network_codes(value: object) -> object:
    """Return the mobile networks of a comma list: country code and network code in one (E.212)."""
    parts = split_list(value)
    for number, part in enumerate(parts if isinstance(parts, tuple) else (), start=1):
        if not re.fullmatch("[0-9]{5,6}", part):
            raise ValueError(
                f"must be a comma list of network codes such as 310260; entry {number} is none"
            )
    return parts


def media_budgets(value: object) -> object:
    """Return the bytes of each kind of sender of a comma list of KIND=BYTES, with the defaults."""
    parts = split_list(value)
    if not isinstance(parts, tuple):
        return parts
    budgets = dict(MEDIA_BUDGETS)
    for number, part in enumerate(parts, start=1):
        kind, _, size = (each.strip() for each in str(part).partition("="))
        known = kind in MEDIA_BUDGETS and size.isascii() and size.isdigit()
        if not known or not MEDIA_BUDGET_MIN <= int(size) <= MEDIA_BUDGET_MAX:
            raise ValueError(
                f"must be a comma list of KIND=BYTES with a kind of {', '.join(MEDIA_BUDGETS)} and "
                f"{MEDIA_BUDGET_MIN} to {MEDIA_BUDGET_MAX} bytes; entry {number} is none"
            )
        budgets[kind] = int(size)
    return budgets


def colour(value: str) -> str:
    """Return a colour as `#rrggbb` in lower case."""
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", value):
        raise ValueError("must be a colour such as #ffffff")
    return value.lower()


def media_store(value: str) -> str:
    """Return a folder, or the address of a bucket without its last slash.

    Credentials of a bucket come from the environment variables of its cloud, never from here.
    """
    text = value.strip()
    if not _SCHEME.match(text):
        if not text or not text.isprintable():
            raise ValueError("must be a folder, or an address such as s3://BUCKET/PREFIX")
        try:
            return str(Path(text).expanduser())
        except RuntimeError:
            raise ValueError("names a home folder that does not exist") from None
    if not _BUCKET.fullmatch(text) or {".", ".."} & set(text.split("/")):
        raise ValueError(
            "must be a folder, or s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX "
            "with letters, digits, dots, dashes and underscores"
        )
    return text.rstrip("/")


def api_key(value: SecretStr) -> SecretStr:
    """Return a key that fits into a header."""
    text = value.get_secret_value()
    if len(text) < API_KEY_CHARS_MIN or not re.fullmatch(r"[!-~]+", text):
        raise ValueError(f"must be at least {API_KEY_CHARS_MIN} ASCII characters without spaces")
    return value


def secrets(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    """Return secrets that cannot be guessed."""
    if any(len(secret.get_secret_value()) < SECRET_CHARS_MIN for secret in value):
        raise ValueError(
            f"must be one or several secrets of at least {SECRET_CHARS_MIN} characters"
        )
    return value
