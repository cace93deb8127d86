"""Talk to a running gateway: what `send` and `demo` have in common."""

from collections.abc import AsyncIterator
from mimetypes import guess_type
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from wirephoto.clock import SystemClock
from wirephoto.errors import WirephotoError

POLL_S = 0.1
TIMEOUT_S = 30.0
NO_GATEWAY = "which is not what a Wirephoto gateway answers"
OUTCOMES = frozenset(
    {"delivered", "read", "rejected", "undeliverable", "failed", "blocked", "canceled", "expired"}
)
STILL = OUTCOMES | {"unconfirmed"}
"""States after which nothing more happens by itself."""


class GatewayRefused(WirephotoError):
    """The gateway said no: the text says why."""


class GatewayClient:
    """A few calls to a gateway's HTTP interface."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url.rstrip("/")
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {key}"},
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def send(self, body: dict[str, Any], *, key: str) -> dict[str, Any]:
        """Return the accepted message.

        Raises:
            GatewayRefused: the gateway did not accept it, or cannot be reached.
        """
        headers = {"Idempotency-Key": key}
        return await self._call("POST", "/v1/messages", json=body, headers=headers)

    async def upload(self, file: Path) -> dict[str, Any]:
        """Return what the gateway says of a file that it keeps from now on.

        Raises:
            GatewayRefused: the gateway did not take it, or cannot be reached.
        """
        with file.open("rb") as body:
            headers = {"Content-Type": guess_type(file.name)[0] or "application/octet-stream"}
            return await self._call("POST", "/v1/media", data=body, headers=headers)

    async def follow(self, message_id: str, *, patience_s: float) -> AsyncIterator[dict[str, Any]]:
        """Give a message's events as they come, until nothing more happens by itself.

        Ends after `patience_s` seconds as well: without webhooks a message stays `submitted`.

        Raises:
            GatewayRefused: the gateway cannot be reached.
        """
        clock, seen, cursor = SystemClock(), 0, "0"
        deadline = clock.monotonic() + patience_s
        while clock.monotonic() < deadline:
            path = f"/v1/messages/{message_id}/events?cursor={cursor}"
            timeline = await self._call("GET", path)
            for event in timeline["events"][seen:]:
                seen += 1
                yield event
                if event["type"].removeprefix("message.") in STILL:
                    return
            if timeline["next_cursor"]:
                seen, cursor = 0, timeline["next_cursor"]
            else:
                await clock.sleep(POLL_S)

    async def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            async with self._session.request(method, self._url + path, **options) as response:
                answer = msgspec.json.decode(await response.read(), type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise GatewayRefused(f"{self._url}: {response.status}, {NO_GATEWAY}") from error
        except aiohttp.ClientConnectorError as error:
            reason = error.os_error.strerror or "no connection"
            raise GatewayRefused(f"{self._url}: no gateway answers there: {reason}") from error
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            raise GatewayRefused(f"{self._url}: {str(error) or 'no answer in time'}") from error
        if response.status >= 400:
            faults = [f"{item['field']}: {item['message']}" for item in answer.get("errors", [])]
            told = answer.get("detail") or f"{self._url}: {response.status}, {NO_GATEWAY}"
            raise GatewayRefused("\n".join(faults) or str(told))
        return answer
