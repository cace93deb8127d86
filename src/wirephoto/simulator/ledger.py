"""What was accepted, and how often: the oracle for whether anything was sent twice."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wirephoto.simulator.validation import media_of


@dataclass(frozen=True, slots=True)
class Accepted:
    """One message that goes out. `application_id` is None where the account's key was used."""

    message_uuid: str
    at: datetime
    body: dict[str, Any]
    application_id: str | None

    @property
    def recipient(self) -> str:
        """The number it goes to, as digits."""
        return str(self.body["to"])

    @property
    def client_ref(self) -> str | None:
        """The client's own name for it, if it gave one."""
        return self.body.get("client_ref")

    @property
    def media(self) -> list[tuple[str, str]]:
        """Kind and address of each file, in order."""
        return media_of(self.body)


@dataclass(frozen=True, slots=True)
class Standing:
    """The last status of a message that came due, reported or not: since when, and its error."""

    state: str
    at: datetime
    code: int | None = None


class Ledger:
    """Remembers the last `records_max` accepted messages, with their counts and states.

    `posts_read` counts every POST that was read to its end, refused ones too; `answers` counts
    the provider's answers by their status (0: the connection was closed instead).
    """

    def __init__(self, records_max: int) -> None:
        self._records_max = records_max
        self._accepted: dict[str, Accepted] = {}
        self._standings: dict[str, Standing] = {}
        self.posts_read = 0
        self.accepted_total = 0
        self.answers: Counter[int] = Counter()
        self.per_client_ref: Counter[str] = Counter()
        self.per_recipient: Counter[str] = Counter()

    @property
    def accepted(self) -> list[Accepted]:
        """The accepted messages that are remembered, oldest first."""
        return list(self._accepted.values())

    def add(self, message: Accepted) -> None:
        """Record `message` as accepted; the oldest one is forgotten when there are too many."""
        self._accepted[message.message_uuid] = message
        self._standings[message.message_uuid] = Standing("accepted", message.at)
        self.accepted_total += 1
        self.per_recipient[message.recipient] += 1
        if message.client_ref is not None:
            self.per_client_ref[message.client_ref] += 1
        if len(self._accepted) > self._records_max:
            self._forget(self._accepted[next(iter(self._accepted))])

    def knows(self, message_uuid: str) -> bool:
        """Tell whether a message of this id was accepted."""
        return message_uuid in self._accepted

    def find(self, message_uuid: str) -> Accepted | None:
        """Return the accepted message of this id, if it is remembered."""
        return self._accepted.get(message_uuid)

    def state_of(self, message_uuid: str) -> str:
        """Return `accepted`, or the last status that came due."""
        return self._standings[message_uuid].state

    def standing_of(self, message_uuid: str) -> Standing:
        """Return the same with its instant and its error."""
        return self._standings[message_uuid]

    def note(self, message_uuid: str, standing: Standing) -> None:
        """Record the status that came due for a message; `submitted` never hides a final one."""
        present = self._standings.get(message_uuid)
        if present is None or (standing.state == "submitted" and present.state != "accepted"):
            return
        self._standings[message_uuid] = standing

    def repeated_client_refs(self) -> dict[str, int]:
        """Return each client_ref that was accepted more than once, with its count."""
        return {ref: count for ref, count in self.per_client_ref.items() if count > 1}

    def _forget(self, message: Accepted) -> None:
        del self._accepted[message.message_uuid]
        del self._standings[message.message_uuid]
        _count_down(self.per_recipient, message.recipient)
        if message.client_ref is not None:
            _count_down(self.per_client_ref, message.client_ref)


def _count_down(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
