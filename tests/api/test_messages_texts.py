"""Texts at the interface: alone, and in reserve for a picture."""

import pytest

from tests.factories import send_request


async def test_a_text_and_a_text_in_reserve_look_as_they_were_asked_for(client):
    """The answer tells how it will travel, before anything has."""
    reserve = {"sms": {"text": "A cat, sorry"}}
    text = await client.post("/v1/messages", json=send_request(media=None))
    picture = await client.post("/v1/messages", json=send_request(fallback=reserve))

    shown = [(each.json()["channel"], each.json()["fallback"]) for each in (text, picture)]
    assert shown == [("sms", None), ("mms", reserve)]
    again = await client.get(f"/v1/messages/{picture.json()['id']}")
    assert again.json() == picture.json()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"media": None, "text": "a" * 3201}, "text"),
        ({"fallback": {"sms": {"text": "a" * 3201}}}, "fallback.sms.text"),
        ({"media": None, "fallback": {"sms": {"text": "Hi"}}}, "fallback"),
    ],
)
async def test_a_text_that_the_provider_would_refuse_is_refused_by_its_field(
    client, changes, field
):
    """Found out at the request, and nothing is stored."""
    answer = await client.post("/v1/messages", json=send_request(**changes))

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
