"""Every exception that Wirephoto raises on purpose.

WirephotoError
├── SettingsInvalid       settings that cannot be used: one line per fault
├── RequestRefused        a caller's input breaks a rule: the field and the rule
├── IllegalTransition     a state that cannot follow another
├── EgressRefused         an address given by others that must not, or cannot, be fetched
├── MediaRefused          a file that cannot go out: the reason and the remedy
├── MediaMissing          bytes that the media store should have are not there
├── StoreUnavailable      the media store cannot be used now: try again
├── WorkerFailed          no media worker could tell what becomes of a file: try again
├── WebhookUnverified     a webhook that is not provably the provider's
├── ReportsUnavailable    the provider's records do not answer whether they have an attempt
├── AccountUnavailable    the provider does not tell what the account has
├── LookUpUnavailable     the provider does not tell what a number is
├── SecretUnreadable      a stored secret that none of the known ones opens
└── StorageError
    ├── SchemaMismatch    the database and this code do not fit together
    ├── StorageUnavailable  the database cannot be reached now: try again
    ├── BackupRefused     a backup must not be written there
    └── BackupFailed      a backup that could not be made, or is not whole
"""

from dataclasses import dataclass


class WirephotoError(Exception):
    """The root: catch this to catch everything that Wirephoto raises on purpose."""


class SettingsInvalid(WirephotoError):
    """Settings that cannot be used.

    `faults` holds one line per fault, each naming its variable and never its value.
    """

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule that one field of a request breaks.

    `field` is the path as the caller wrote it (`media[0].url`), `code` is for machines and
    `message` is a sentence for people.
    """

    field: str
    code: str
    message: str


class RequestRefused(WirephotoError):
    """A caller's input breaks rules: `faults` names each field and rule. Nothing was stored."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.message}" for fault in faults))
        self.faults = faults


class IllegalTransition(WirephotoError):
    """A state that cannot follow another (`origin` → `to`)."""

    def __init__(self, origin: str, to: str) -> None:
        super().__init__(f"{to} cannot follow {origin}")
        self.origin = origin
        self.to = to


class EgressRefused(WirephotoError):
    """An address given by others that must not, or cannot, be fetched.

    `reason` is machine-readable, `retryable` tells whether it may work later, `status` is that of
    the server's answer where it is at fault. The text never tells whether an internal address
    answered.
    """

    def __init__(
        self, reason: str, message: str, *, retryable: bool, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.retryable = retryable
        self.status = status


class MediaRefused(WirephotoError):
    """Media that cannot go out: `reason` is for machines, the text a sentence with the remedy.

    `retryable` tells whether it may work later. The reasons are listed in docs/media.md.
    """

    def __init__(self, reason: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.retryable = retryable


class MediaMissing(WirephotoError):
    """The media store does not have the bytes of `key`, or what it has are not the bytes."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the media store does not have {key}")
        self.key = key


class StoreUnavailable(WirephotoError):
    """The media store is out of reach, full or refuses us: nothing is known to be kept. Try again.

    `doing` is what failed (`written`, `read`), `reason` why: never an address, never a credential.
    """

    def __init__(self, doing: str, reason: str) -> None:
        super().__init__(f"the media store cannot be {doing}: {reason}")
        self.doing = doing
        self.reason = reason


class WorkerFailed(WirephotoError):
    """No media worker could tell what becomes of a file: nothing is known of it, try again later.

    It could not be started, something outside ended it, or the pipeline itself failed.
    """


class WebhookUnverified(WirephotoError):
    """A webhook that is not provably the provider's; `reason` says which check failed."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"webhook not verified: {reason}")
        self.reason = reason


class ReportsUnavailable(WirephotoError):
    """The provider's records do not answer whether they have an attempt: nothing is known of it.

    `reason` is `unauthorized` or `forbidden` (the account may not ask, until somebody changes
    that), `refused` (the question, which would be refused again), `rate_limited`, `unreachable`,
    `unreadable` (the answer) or `incomplete` (it does not have all records). `retry_after_s` is
    the provider's wish; `detail` is for people.
    """

    def __init__(
        self, reason: str, retry_after_s: float | None = None, *, detail: str = ""
    ) -> None:
        explained = f"{reason} ({detail})" if detail else reason
        super().__init__(f"the provider's records are unavailable: {explained}")
        self.reason = reason
        self.retry_after_s = retry_after_s


class AccountUnavailable(WirephotoError):
    """The provider does not tell what the account has: its numbers or its 10DLC registration.

    `asked` is what it was asked for; `reason` is `unauthorized` or `forbidden` (the account may
    not ask, until somebody changes that), `refused` (the question), `rate_limited`, `unreachable`,
    `unreadable` (the answer) or `too_much` (more than is read). `detail` is for people.
    """

    def __init__(self, asked: str, reason: str, *, detail: str = "") -> None:
        explained = f"{reason} ({detail})" if detail else reason
        super().__init__(f"the provider does not tell the account's {asked}: {explained}")
        self.asked = asked
        self.reason = reason


class LookUpUnavailable(WirephotoError):
    """The provider does not tell what a number is: nothing is known of it.

    `reason` is `unauthorized` or `forbidden` (the account may not ask, until somebody changes
    that), `refused` (the question), `rate_limited`, `unreachable` or `unreadable` (the answer).
    `retry_after_s` is the provider's wish; `detail` is for people.
    """

    def __init__(
        self, reason: str, retry_after_s: float | None = None, *, detail: str = ""
    ) -> None:
        explained = f"{reason} ({detail})" if detail else reason
        super().__init__(f"the provider does not tell what a number is: {explained}")
        self.reason = reason
        self.retry_after_s = retry_after_s


class SecretUnreadable(WirephotoError):
    """The stored secret of `owner` was sealed under a secret that the settings have no more."""

    def __init__(self, owner: str) -> None:
        super().__init__(f"{owner}: its secret was sealed under another WIREPHOTO_SECRET")
        self.owner = owner


class StorageError(WirephotoError):
    """Something is wrong with the database."""


class SchemaMismatch(StorageError):
    """The database and this code do not fit together: one of them is too old."""


class StorageUnavailable(StorageError):
    """The database is out of reach, full, read-only or overloaded: nothing is known to be stored.

    A commit whose answer was lost may have happened: repeat with the same idempotency key.
    """


class BackupRefused(StorageError):
    """A backup must not be written to the file that was named; nothing was touched."""


class BackupFailed(StorageError):
    """A backup could not be made, or is not whole; no file of that name was left or changed."""
