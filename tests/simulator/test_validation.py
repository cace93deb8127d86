import pytest

from wirephoto.simulator.validation import check_message, media_of

URL = "https://media.example/a"
SENDERS = frozenset({"12015550100"})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"message_type": "text", "text": "hello", "image": None},
        {"message_type": "vcard", "vcard": {"url": URL}, "image": None},
        {"message_type": "audio", "audio": {"url": URL}, "image": None},
        {"message_type": "video", "video": {"url": URL, "caption": "x" * 3000}, "image": None},
        {"message_type": "file", "file": {"url": "http://media.example:8080/a.pdf"}},
        {
            "message_type": "content",
            "content": [
                {"type": "image", "url": URL, "caption": "a"},
                {"type": "file", "url": URL},
            ],
        },
        {"client_ref": "x" * 100, "ttl": 300, "webhook_url": URL, "webhook_version": "v1"},
        {"ttl": 259_200, "trusted_recipient": True, "mms": {"participants": ["12125550124"]}},
        {"channel": "sms", "message_type": "text", "text": "x" * 3200, "ttl": 20},
        {"channel": "sms", "message_type": "text", "text": "x", "sms": {"encoding_type": "auto"}},
        {"to": "4915112345678"},
    ],
)
def test_what_the_documents_allow_is_allowed(make_message, changes):
    """A stricter stand-in would fail clients that are right (contract 1.3 to 1.5)."""
    assert check_message(make_message(**changes), SENDERS) is None


@pytest.mark.parametrize(
    ("changes", "title", "number"),
    [
        ({"channel": "whatsapp"}, "Unsupported channel", 1100),
        ({"channel": 1}, "Unsupported channel", 1100),
        ({"channel": ["mms"]}, "Unsupported channel", 1100),
        ({"message_type": "sticker"}, "Invalid message type", 1140),
        ({"channel": "sms"}, "Invalid message type", 1140),
        ({"message_type": {}}, "Invalid message type", 1140),
        ({"to": "+12125550123"}, "Invalid recipient", 1130),
        ({"to": "0012125550123"}, "Invalid recipient", 1130),
        ({"to": "123456"}, "Invalid recipient", 1130),
        ({"to": "1" * 16}, "Invalid recipient", 1130),
        ({"to": "1212555012x"}, "Invalid recipient", 1130),
        ({"to": "\uff11" * 11}, "Invalid recipient", 1130),
        ({"to": 12125550123}, "Invalid recipient", 1130),
        ({"from_": "Wirephoto"}, "Invalid sender", 1120),
        ({"from_": "12015550101"}, "Invalid sender", 1120),
        ({"from_": 12015550100}, "Invalid sender", 1120),
        ({"client_ref": "x" * 101}, "Invalid client reference", 1060),
        ({"client_ref": 7}, "Invalid client reference", 1060),
        ({"mms": {"participants": ["+1"]}}, "Invalid channel parameters", 1110),
        ({"mms": "no"}, "Invalid channel parameters", 1110),
        (
            {"channel": "sms", "message_type": "text", "text": "x", "sms": {"encoding_type": "x"}},
            "Invalid channel parameters",
            1110,
        ),
    ],
)
def test_what_breaks_a_rule_is_refused_with_its_number(make_message, changes, title, number):
    """Clients tell these apart by title and number (contract 1.8)."""
    problem = check_message(make_message(**changes), SENDERS)

    assert problem is not None
    assert (problem.status, problem.title, problem.kind) == (422, title, number)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"to": None}, {"to"}),
        ({"to": None, "from_": None, "channel": None}, {"to", "from", "channel"}),
        ({"image": None}, {"image"}),
        ({"image": "https://media.example/a.jpg"}, {"image"}),
        ({"image": {}}, {"image.url"}),
        ({"image": {"url": "ftp://media.example/a.jpg"}}, {"image.url"}),
        ({"image": {"url": "media.example/a.jpg"}}, {"image.url"}),
        ({"image": {"url": "https://"}}, {"image.url"}),
        ({"image": {"url": "https://a b/c"}}, {"image.url"}),
        ({"image": {"url": "https://[::1/c"}}, {"image.url"}),
        ({"image": {"url": "https://a:99999/c"}}, {"image.url"}),
        ({"image": {"url": 7}}, {"image.url"}),
        ({"image": {"url": URL, "caption": ""}}, {"image.caption"}),
        ({"image": {"url": URL, "caption": "x" * 3001}}, {"image.caption"}),
        ({"image": {"caption": 1}}, {"image.url", "image.caption"}),
        ({"ttl": 299}, {"ttl"}),
        ({"ttl": 259_201}, {"ttl"}),
        ({"ttl": "300"}, {"ttl"}),
        ({"ttl": True}, {"ttl"}),
        ({"webhook_url": "nowhere"}, {"webhook_url"}),
        ({"webhook_version": "v2"}, {"webhook_version"}),
        ({"trusted_recipient": "yes"}, {"trusted_recipient"}),
        ({"message_type": "text"}, {"text"}),
        ({"message_type": "text", "text": ""}, {"text"}),
        ({"message_type": "content", "content": []}, {"content"}),
        ({"message_type": "content", "content": ["a"]}, {"content[0]"}),
        (
            {
                "message_type": "content",
                "content": [{"type": "text", "url": URL}, {"type": "file"}],
            },
            {"content[0].type", "content[1].url"},
        ),
        ({"channel": "sms", "message_type": "text", "text": "x" * 3201}, {"text"}),
        ({"channel": "sms", "message_type": "text", "text": "x", "ttl": 19}, {"ttl"}),
        ({"failover": []}, {"failover"}),
    ],
)
def test_every_wrong_parameter_is_named(make_message, changes, names):
    """`invalid_parameters` lets a developer find the fault without guessing."""
    problem = check_message(make_message(**changes), SENDERS)

    assert problem is not None
    assert (problem.title, problem.kind) == ("Invalid params", 1150)
    assert {parameter.name for parameter in problem.invalid_parameters} == names


@pytest.mark.parametrize("body", [None, [], "text", 1, True])
def test_a_body_that_is_no_object_is_no_message(body):
    """Valid JSON is not enough."""
    problem = check_message(body, None)

    assert problem is not None
    assert problem.kind == "invalid-json"


def test_any_number_may_send_where_no_senders_are_set(make_message):
    """A developer's first try should not need a list of numbers."""
    assert check_message(make_message(from_="28555"), None) is None


def test_each_file_of_a_message_is_found(make_message):
    """These addresses are fetched after the 202."""
    content = [{"type": "image", "url": "https://a/1"}, {"type": "audio", "url": "https://a/2"}]

    assert media_of(make_message()) == [("image", "https://media.example/cat.jpg")]
    assert media_of(make_message(message_type="content", content=content)) == [
        ("image", "https://a/1"),
        ("audio", "https://a/2"),
    ]
    assert media_of(make_message(message_type="text", text="hi")) == []
