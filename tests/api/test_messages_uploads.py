"""Messages show uploads by their ids; those that cannot be sent are refused at once."""

import pytest
from sqlalchemy import update

from tests.api.application import client_of, make_app
from tests.api.media_gateway import upload
from tests.factories import PICTURE, send_request
from wirephoto.domain.api_key import Scope
from wirephoto.storage.schema_media import media as media_table

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def fault_of(media_client, attachment):
    answer = await media_client.post("/v1/messages", json=send_request(media=[attachment]))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    [fault] = answer.json()["errors"]
    return fault["field"], fault["code"]


async def test_an_upload_is_named_by_its_id(media_client):
    """And what it is need not be said again."""
    media_id = await upload(media_client, b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\r\nEND:VCARD\r\n")

    answer = await media_client.post(
        "/v1/messages", json=send_request(media=[{"upload": media_id}])
    )

    assert (answer.status_code, answer.json()["state"]) == (202, "preparing")
    [attached] = answer.json()["media"]
    assert (attached["upload"], attached["media_id"], attached["url"]) == (media_id, media_id, None)
    assert attached["kind"] == "vcard"


async def test_uploads_that_cannot_be_sent_are_refused_at_once(media_client, hosting):
    """Each with its rule, and a missing address as before."""
    media_id = await upload(media_client)
    field = "media[0].upload"

    assert await fault_of(media_client, {}) == ("media[0].url", "required")
    assert await fault_of(media_client, {"upload": media_id, "url": PICTURE}) == (field, "conflict")
    for unknown in ("med_unknown", "", "med\x00"):
        assert await fault_of(media_client, {"upload": unknown}) == (field, "unknown_upload")
    async with hosting.database.transaction() as tx:
        await tx.execute(update(media_table).values(file_id=None))
    assert await fault_of(media_client, {"upload": media_id}) == (field, "upload_gone")
    assert (await media_client.get("/v1/messages")).json()["messages"] == []


async def test_an_upload_of_another_tenant_is_unknown(
    media_client,
    hosting,
    store_key,
    other_tenant,
):
    """An id that was seen in a log opens nothing."""
    key = await store_key(Scope.SEND, Scope.READ, tenant_id=other_tenant)
    async with client_of(hosting.app, key=key) as theirs:
        media_id = await upload(theirs)

    assert await fault_of(media_client, {"upload": media_id}) == (
        "media[0].upload",
        "unknown_upload",
    )


@on_sqlite
async def test_a_gateway_that_hosts_nothing_knows_no_uploads(
    hosting,
    database,
    clock,
):
    """It could give them to nobody."""
    async with client_of(make_app(database, clock)) as http:
        assert await fault_of(http, {"upload": "med_1"}) == ("media[0].upload", "not_hosted")
