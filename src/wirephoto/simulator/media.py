"""GET /v3/media/…: the files that phones sent, for 48 hours (contract 2.3)."""

import mimetypes
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from wirephoto.clock import Clock
from wirephoto.simulator.authentication import Authenticator, Caller
from wirephoto.simulator.gate import Gate
from wirephoto.simulator.inbound import SentFile
from wirephoto.simulator.problems import NOT_FOUND, UNAUTHORIZED
from wirephoto.simulator.settings import SimulatorSettings, new_uuid, seeded_source
from wirephoto.simulator.switches import SwitchBoard

LIFE = timedelta(hours=48)
_FILES_MAX = 200
_PATH = "/v3/media/"


@dataclass(frozen=True, slots=True)
class _KeptFile:
    data: bytes
    content_type: str
    at: datetime


class MediaRoutes:
    """Keeps what phones sent, and gives it to whoever has a token of the application.

    "Secure inbound media" asks for the token; the switch `inbound_media_secured` makes the
    addresses public, as they are where the application does not have it.
    """

    def __init__(
        self, *, settings: SimulatorSettings, clock: Clock, board: SwitchBoard, gate: Gate
    ) -> None:
        self._clock = clock
        self._board = board
        self._gate = gate
        self._authenticator = Authenticator(settings, clock)
        self._ids = seeded_source(settings.seed, "media")
        self._files: OrderedDict[str, _KeptFile] = OrderedDict()

    def keep(self, file: SentFile) -> str:
        """Keep a file, and return the path under which it is given out."""
        name = new_uuid(self._ids)
        content_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        self._files[name] = _KeptFile(file.data, content_type, self._clock.now())
        if len(self._files) > _FILES_MAX:
            self._files.popitem(last=False)
        return _PATH + name

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to the application."""
        return [web.get(_PATH + "{name}", self._get, allow_head=False)]

    async def _get(self, request: web.Request) -> web.StreamResponse:
        down = self._gate.outage(request)
        if down is not None:
            return down
        if self._board.now.inbound_media_secured:
            caller = self._authenticator.identify(request.headers.getall("Authorization", []))
            if not isinstance(caller, Caller):
                return self._gate.refuse(caller)
            if caller.application_id is None:
                # The account's key and secret do not open what belongs to an application.
                return self._gate.refuse(UNAUTHORIZED)
        file = self._files.get(request.match_info["name"])
        if file is None or self._clock.now() - file.at > LIFE:
            return self._gate.refuse(NOT_FOUND)
        return web.Response(body=file.data, content_type=file.content_type)
