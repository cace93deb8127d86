"""The application over a real database, for tests that speak HTTP to it."""

import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import httpx
from litestar import Litestar

from tests.egress_site import LOOPBACK
from tests.factories import SENDER, make_ids
from tests.library import make_media
from tests.replying import NUMBERS, make_replies
from wirephoto.api.app import create_app
from wirephoto.api.auth import Keys
from wirephoto.api.event_stream import EventStreams
from wirephoto.api.metrics import Exposition
from wirephoto.api.services import MediaServices, Services, WebhookSettings
from wirephoto.clock import Clock
from wirephoto.domain.consent import ConsentPolicy
from wirephoto.domain.daily_cap import CapRules
from wirephoto.domain.marketing import MarketingRules
from wirephoto.domain.message import Category
from wirephoto.domain.request import RequestRules
from wirephoto.domain.sealing import Sealing
from wirephoto.egress import Egress
from wirephoto.engine.courier import Courier
from wirephoto.engine.drafting import Drafting
from wirephoto.engine.outlook import Outlook
from wirephoto.engine.senders import SenderDirectory
from wirephoto.engine.submission import Submissions
from wirephoto.metrics import Metrics
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.database import Database, open_database
from wirephoto.storage.migrations import upgrade
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_CAMPAIGN, DEFAULT_TENANT
from wirephoto.storage.senders import Sender
from wirephoto.storage.senders import add_sender as insert_sender

KEY = "first-key-of-the-settings"
URL = "http://gateway.test"


RULES = RequestRules(
    default_sender=SENDER,
    default_category=Category.TRANSACTIONAL,
    expires_after=timedelta(hours=24),
    real_provider=False,
)


def make_app(
    database: Database,
    clock: Clock,
    *,
    media_is_prepared: bool = False,
    media: MediaServices | None = None,
    sync_wait: timedelta = timedelta(0),
    marketing: MarketingRules | None = None,
    **webhooks: Any,
) -> Litestar:
    """Return the application over a database; it hosts files where a test hands in `media`."""
    commits, ids = GroupCommit(database), make_ids()
    directory, outlook = SenderDirectory(database, clock), Outlook(database, clock, CapRules())
    drafting = Drafting(
        database=database,
        clock=clock,
        ids=ids,
        directory=directory,
        numbers=NUMBERS,
        outlook=outlook,
        rules=replace(RULES, hosts_media=media is not None),
        marketing=marketing or MarketingRules(),
        media_is_prepared=media_is_prepared,
    )
    return create_app(
        Services(
            database=database,
            commits=commits,
            clock=clock,
            ids=ids,
            keys=Keys(database, clock, first_key=KEY),
            drafting=drafting,
            directory=directory,
            numbers=NUMBERS,
            consent_policy=ConsentPolicy(),
            replies=make_replies(database, commits, directory, ids),
            submissions=Submissions(commits=commits, clock=clock, ids=ids, drafting=drafting),
            webhooks=WebhookSettings(DEFAULT_ACCOUNT, DEFAULT_TENANT, **webhooks),
            media=media or make_media(database, clock, Path(tempfile.gettempdir()), hosts=False),
            courier=make_courier(clock),
            streams=EventStreams(2),
            outlook=outlook,
            sync_wait=sync_wait,
            roles=frozenset({"api"}),
            failing_duties=list,
            exposition=make_exposition(database, clock),
        )
    )


def make_exposition(database: Database, clock: Clock, **parts: Any) -> Exposition:
    """Return what puts the page of metrics together, of a process that runs nothing."""
    given = {"runners": list, "dispatcher": lambda: None, "volumes": {}}
    metrics = Metrics(codes=(), reasons=())
    return Exposition(metrics=metrics, database=database, clock=clock, **(given | parts))


def make_courier(clock: Clock) -> Courier:
    """Return a courier that may enter loopback."""
    return Courier(Egress(clock, allow=LOOPBACK), Sealing([KEY]), clock, allow=LOOPBACK)


async def add_sender(database: Database, clock: Clock) -> None:
    """Store the one sender of the tests."""
    sender = Sender(SENDER, DEFAULT_TENANT, DEFAULT_CAMPAIGN, DEFAULT_ACCOUNT, "10dlc")
    async with database.transaction() as tx:
        await insert_sender(tx, sender, clock.now())


@asynccontextmanager
async def open_app(folder: Path, clock: Clock, **webhooks: Any) -> AsyncIterator[Litestar]:
    """Give the application over a SQLite file of its own."""
    database = open_database(f"sqlite:///{folder}/wirephoto.db")
    try:
        await upgrade(database)
        await add_sender(database, clock)
        yield make_app(database, clock, **webhooks)
    finally:
        await database.close()


def client_of(app: Litestar, *, key: str | None = KEY) -> httpx.AsyncClient:
    """Return an HTTP client of the application, with a key."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    served: Any = app  # Litestar has its own types for the messages of ASGI
    transport = httpx.ASGITransport(app=served)
    return httpx.AsyncClient(transport=transport, base_url=URL, headers=headers)


@dataclass(frozen=True)
class Answer:
    """What the application answered, byte for byte."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """Return the value of a header, empty where there is none."""
        return next((value for known, value in self.headers if known.lower() == name), "")

    def json(self) -> Any:
        """Return the body."""
        return json.loads(self.body)


async def exchange(
    app: Litestar,
    method: str,
    target: bytes,
    *,
    headers: Sequence[tuple[bytes, bytes]] = (),
    body: bytes = b"",
    client: str = "192.0.2.1",
) -> Answer:
    """Return the answer to a request as a server hands it over: no client tidies it up before.

    `target` is path and query as they stand on the request line.
    """
    path, _, query = target.partition(b"?")
    named = any(name == b"host" for name, _ in headers)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [*([] if named else [(b"host", b"gateway.test")]), *headers],
        "client": (client, 50000),
        "server": ("gateway.test", 80),
    }
    received: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        return received.pop() if received else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    served: Any = app  # Litestar has its own types for the messages of ASGI
    await served(scope, receive, send)
    start, *parts = sent
    found = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
    return Answer(start["status"], found, b"".join([part.get("body", b"") for part in parts]))


def problem_of(answer: Answer) -> tuple[int, str, list[str]]:
    """Return status, code and the fields at fault of a problem document."""
    assert answer.header("content-type") == "application/problem+json"
    said = answer.json()
    assert said["status"] == answer.status
    return answer.status, said["code"], [error["field"] for error in said.get("errors", [])]
