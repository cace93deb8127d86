"""Where a message may come from: the senders and pools that a caller has, and may use."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from wirephoto.domain.phone import Refusal, parse_sender
from wirephoto.errors import Fault

NOT_ALLOWED = "This key may not send from here."
NAME_IT = "Name the one to send from."


@dataclass(frozen=True, slots=True)
class Origins:
    """A caller's senders and pools; `allowed` names those that its key may use, by default all.

    A pool in `allowed` allows its senders as well: a message through it leaves from one of them.
    """

    senders: Collection[str]
    pools: Mapping[str, Sequence[str]]
    allowed: Collection[str] = ()

    def choose(
        self, wanted: str | None, default: str | None, faults: list[Fault]
    ) -> str | tuple[str, ...]:
        """Return the sender that is meant, or the senders among which one is to be picked.

        Those are a pool's, or the allowed ones where none is named and none is the default. What
        is wrong is added to `faults`.
        """
        if wanted is not None and wanted in self.pools:
            if self.allowed and wanted not in self.allowed:
                faults.append(Fault("from", "sender_not_allowed", NOT_ALLOWED))
            return tuple(self.pools[wanted])
        usable = self._usable()
        if wanted is None and self.allowed and default not in usable and len(usable) > 1:
            return tuple(usable)
        return self.sender(wanted, default, faults)

    def sender(self, wanted: str | None, default: str | None, faults: list[Fault]) -> str:
        """Return the one sender that is meant: the one named, the default one, or the only one.

        What is wrong is added to `faults`.
        """
        usable = self._usable()
        if wanted is None:
            if default is not None and default in usable:
                return default
            if len(usable) == 1:
                return next(iter(usable))
            faults.append(Fault("from", "required", f"{self._why(usable)} {NAME_IT}"))
            return ""
        sender = parse_sender(wanted)
        if isinstance(sender, Refusal):
            faults.append(Fault("from", sender.reason, sender.message))
            return ""
        if sender not in self.senders:
            faults.append(Fault("from", "unknown_sender", "This is not one of your senders."))
        elif sender not in usable:
            faults.append(Fault("from", "sender_not_allowed", NOT_ALLOWED))
        return sender

    def _usable(self) -> Collection[str]:
        if not self.allowed:
            return self.senders
        members = {number for name in self.allowed for number in self.pools.get(name, ())}
        return [n for n in self.senders if n in self.allowed or n in members]

    def _why(self, usable: Collection[str]) -> str:
        if usable:
            return "There are several senders."
        if self.senders:
            return "There is no sender that this key may use."
        return "There is no sender yet."
