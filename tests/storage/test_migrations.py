"""What migrations make of rows that were there before them."""

from datetime import timedelta
from importlib import resources

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, column, insert, table

from tests.factories import NOW, RECIPIENT, SENDER
from tests.inbound import file_rows
from wirephoto.storage import migrations
from wirephoto.storage.database import open_database
from wirephoto.storage.migrations import upgrade
from wirephoto.storage.schema import DEFAULT_TENANT
from wirephoto.storage.types import Instant, Json

URLS = [f"https://api-us.nexmo.com/v3/media/{name}" for name in "ab"]


def upgrade_to(revision: str):
    """Return what brings a database to an earlier revision."""

    def run(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(resources.files(migrations)))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    return run


def inbound_row(number: int, urls: list[str]) -> dict[str, object]:
    """Return an inbound message as revision 0010 has it."""
    return {
        "id": f"inb_{number}",
        "tenant_id": DEFAULT_TENANT,
        "provider_message_id": f"in-{number}",
        "sender": RECIPIENT,
        "recipient": SENDER,
        "channel": "mms",
        "media": [{"kind": "image", "url": url, "name": None} for url in urls],
        "sent_at": NOW,
        "received_at": NOW,
    }


async def test_attachments_of_earlier_messages_are_fetched_while_they_live(empty_database_url):
    """An upgrade comes in the middle of the 48 hours, and nobody would ask for them again."""
    database = open_database(empty_database_url)
    kinds = {"media": Json, "sent_at": Instant(), "received_at": Instant()}
    names = inbound_row(1, [])
    earlier = table("inbound_messages", *[column(name, kinds.get(name)) for name in names])
    async with database.writer.begin() as connection:
        await connection.run_sync(upgrade_to("0010"))
        rows = [inbound_row(1, URLS), inbound_row(2, [])]
        await connection.execute(insert(earlier), rows)

    await upgrade(database)

    found = await file_rows(database)
    assert [(row.inbound_id, row.position) for row in found] == [("inb_1", 0), ("inb_1", 1)]
    assert {(row.state, row.tries, row.due_at) for row in found} == {("waiting", 0, NOW)}
    assert {row.dies_at for row in found} == {NOW + timedelta(hours=48)}
    await database.close()
