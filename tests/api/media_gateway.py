"""The application of a gateway that hosts files, and what there is to upload."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from litestar import Litestar

from tests.factories import make_message
from tests.library import FakeFitter
from tests.virtual_clock import VirtualClock
from wirephoto.api.services import MediaServices
from wirephoto.domain.message import Message
from wirephoto.media.scratch import PREFIX
from wirephoto.storage.database import Database
from wirephoto.storage.messages import insert_messages

PICTURE_BYTES = b"\xff\xd8\xff\xe0" + b"a picture" * 20 + b"\xff\xd9"
TYPE = {"Content-Type": "image/jpeg"}


@dataclass
class Hosting:
    """A gateway that hosts files in a folder."""

    database: Database
    clock: VirtualClock
    folder: Path
    media: MediaServices
    fitter: FakeFitter
    app: Litestar

    async def stored_message(self, **changes: Any) -> Message:
        """Store a message as it is."""
        message = make_message(**changes)
        async with self.database.transaction() as tx:
            await insert_messages(tx, [message])
        return message

    def left_over(self) -> list[Path]:
        """Return the files that uploads left behind."""
        return list(self.folder.glob(f"{PREFIX}*/*"))


async def upload(client: httpx.AsyncClient, content: bytes = PICTURE_BYTES) -> str:
    """Upload a file; return its id."""
    answer = await client.post("/v1/media", content=content, headers=TYPE)
    assert answer.status_code == 201
    found: str = answer.json()["id"]
    return found
