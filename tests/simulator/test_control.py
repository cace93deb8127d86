import pytest

PHONE = {"from": "12125550123", "to": "12015550100"}


async def call(world, method, path, body=None):
    async with world.session.request(method, f"{world.url}/simulator/{path}", json=body) as answer:
        return answer.status, await answer.json()


async def test_what_was_accepted_can_be_read(world):
    """The oracle of tests that run the simulator as a process of its own."""
    for client_ref in ("a", "b", "a"):
        await world.post(client_ref=client_ref)
    await world.post(image={})

    status, seen = await call(world, "GET", "accepted?limit=2")

    assert status == 200
    assert (seen["posts_read"], seen["accepted"]) == (4, 3)
    assert seen["answers"] == {"202": 3, "422": 1}
    assert seen["repeated_client_refs"] == {"a": 2}
    assert seen["per_recipient"] == {"12125550123": 3}
    assert [message["body"]["client_ref"] for message in seen["messages"]] == ["a", "b"]


async def test_everything_that_was_accepted_can_be_read_page_by_page(world):
    """A test that sent ten thousand messages asks after each one of them."""
    for client_ref in ("a", "b", "c"):
        await world.post(client_ref=client_ref)

    pages = [await call(world, "GET", f"accepted?limit=2&skip={skip}") for skip in (0, 2, 4)]

    listed = [[each["body"]["client_ref"] for each in page["messages"]] for _, page in pages]
    assert listed == [["c", "b"], ["a"], []]


@pytest.mark.parametrize("typed", ["-1", "1001", "many", "", "9" * 5000])
async def test_the_list_is_bounded(world, typed):
    """A question about a million messages must not be answered with a million."""
    status, _ = await call(world, "GET", f"accepted?limit={typed}")

    assert status == 422


@pytest.mark.parametrize("typed", ["-1", "many", "", "9" * 5000])
async def test_what_is_no_number_skips_nothing(world, typed):
    """A typing error must not pass for the first page."""
    status, _ = await call(world, "GET", f"accepted?skip={typed}")

    assert status == 422


async def test_switches_can_be_read_and_flipped(world):
    """A simulator in another process is steered like one in our own."""
    status, after = await call(world, "POST", "faults", {"account_fault": "low-balance"})
    refused, _ = await world.post()

    assert (status, after["account_fault"], refused) == (200, "low-balance", 402)
    assert await call(world, "GET", "faults") == (200, after)


@pytest.mark.parametrize("body", [{"speed": 1}, {"rate_per_s": "fast"}, [], None])
async def test_a_wrong_switch_is_refused(world, body):
    """A typing error must not pass for a fault that is on."""
    status, problem = await call(world, "POST", "faults", body)

    assert status == 422
    assert problem["detail"]


async def test_a_phone_can_answer(world):
    """The webhook is signed like every other (contract 2.4)."""
    status, sent = await call(
        world, "POST", "inbound", {**PHONE, "media": ["https://m.example/a.jpg"], "text": "hi"}
    )
    webhook = await world.outside.next()

    assert status == 202
    assert webhook.path == "/webhooks/inbound"
    assert webhook.body["message_uuid"] == sent["message_uuid"]
    assert webhook.body["image"]["caption"] == "hi"
    assert webhook.claims(world.credentials.signature_secret)["iss"] == "Vonage"


@pytest.mark.parametrize("body", [PHONE, {**PHONE, "text": ""}, {"text": "x"}, "text"])
async def test_an_answer_that_no_phone_could_send_is_refused(world, body):
    """Each refusal says what is wrong."""
    status, problem = await call(world, "POST", "inbound", body)

    assert status == 422
    assert problem["detail"]
    assert world.outside.webhooks.empty()


async def test_the_magic_recipients_can_be_listed(world):
    """So that a page can show them without knowing them."""
    _, table = await call(world, "GET", "recipients")

    listed = {row["example"]: row["summary"] for row in table["recipients"]}
    assert listed["+12125550153"] == "rejected 1240: recipient opted out"
