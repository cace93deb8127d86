"""What `check` and `convert` do to the media of a message before it is queued."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from wirephoto.domain.media import (
    Attachment,
    Media,
    MediaKind,
    Target,
    budget_bytes,
    share_budget,
)
from wirephoto.domain.message import Message
from wirephoto.domain.phone import SenderKind, sender_kind
from wirephoto.domain.request import NOT_HOSTED
from wirephoto.egress import Egress
from wirephoto.engine.library import Library
from wirephoto.errors import MediaRefused
from wirephoto.media.pipeline import check
from wirephoto.storage.media import Original

Result = TypeVar("Result")

NO_ROOM = (
    "The attachments need more than the {budget:,} bytes that a message of this sender may have: "
    "send fewer, or smaller ones."
)


class Passing:
    """Fetches nothing; the caller's own addresses are sent."""

    async def __call__(self, message: Message) -> tuple[Media, ...]:
        """Return the message's media as it is.

        Raises:
            MediaRefused: it was accepted while the gateway still hosted files.
        """
        if any(media.url is None for media in message.media):
            raise MediaRefused("not_hosted", NOT_HOSTED)
        return message.media


class Checking:
    """Fetches and verifies; the caller's own addresses are sent."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def __call__(self, message: Message) -> tuple[Media, ...]:
        """Return the message's media as it is.

        Raises:
            MediaRefused: some of it cannot go out.
        """

        async def look_at(media: Media) -> None:
            if media.url is None:
                # It was accepted while the gateway still hosted files.
                raise MediaRefused("not_hosted", NOT_HOSTED)
            await check(Attachment(media.url, media.kind), self._egress)

        for place, media in enumerate(message.media):
            await _numbered(message.media, place, look_at(media))
        return message.media


@dataclass(frozen=True, slots=True)
class FittingRules:
    """How large a message may be for each kind of sender, and the colour below transparency."""

    budgets: Mapping[str, int]
    background: str


class Converting:
    """Fetches, fits and keeps; the gateway hosts what comes of it."""

    def __init__(self, library: Library, rules: FittingRules) -> None:
        self._library = library
        self._rules = rules

    async def __call__(self, message: Message) -> tuple[Media, ...]:
        """Return the message's media, each ready to be hosted.

        Raises:
            MediaRefused: some of it cannot be had, or does not fit.
        """

        async def look_up(_place: int, media: Media) -> Original:
            return await self._library.original(
                message.tenant_id, media, asked_at=message.created_at
            )

        originals = await _all(message.media, look_up)
        targets = self._targets(message, originals)

        async def prepare(place: int, media: Media) -> Media:
            prepared = await self._library.prepared(originals[place], targets[place])
            return replace(media, prepared=prepared)

        return tuple(await _all(message.media, prepare))

    def _targets(self, message: Message, originals: Sequence[Original]) -> list[Target]:
        """Return what each attachment has to become: together they keep to the budget."""
        sender = sender_kind(message.sender) or SenderKind.TEN_DLC
        budget = min(
            budget_bytes(self._rules.budgets, sender=sender, profile=media.profile)
            for media in message.media
        )
        sizes = [original.size_bytes for original in originals]
        fixed = [
            media.kind is not MediaKind.IMAGE and size <= budget
            for media, size in zip(message.media, sizes, strict=True)
        ]
        shares = share_budget(budget, sizes, fixed)
        if shares is None:
            raise MediaRefused("too_large", NO_ROOM.format(budget=budget))
        alone = len(shares) == 1
        return [
            Target(
                kind=media.kind,
                # What fits alone may be asked for by everybody alike: one fitting serves them.
                bytes_max=budget if alone else share,
                background=self._rules.background,
                still_allowed=media.still_allowed,
            )
            for media, share in zip(message.media, shares, strict=True)
        ]


async def _all(
    media: Sequence[Media], do: Callable[[int, Media], Awaitable[Result]]
) -> list[Result]:
    """Return what `do` gives for each, all at once.

    Of several failures a refusal for ever is raised before one that may pass: nothing is tried
    again for a message that cannot go out. Of equals, the first in their order is.
    """
    results = await asyncio.gather(
        *[_numbered(media, place, do(place, one)) for place, one in enumerate(media)],
        return_exceptions=True,
    )
    failures = [result for result in results if isinstance(result, BaseException)]
    if failures:
        raise min(failures, key=_may_pass)
    return [result for result in results if not isinstance(result, BaseException)]


def _may_pass(failure: BaseException) -> bool:
    return not isinstance(failure, MediaRefused) or failure.retryable


async def _numbered(media: Sequence[Media], place: int, doing: Awaitable[Result]) -> Result:
    """Return what `doing` gives; a refusal tells which attachment it means, if there are more."""
    try:
        return await doing
    except MediaRefused as refused:
        if len(media) == 1:
            raise
        sentence = f"Attachment {place + 1}: {refused}"
        raise MediaRefused(refused.reason, sentence, retryable=refused.retryable) from refused
