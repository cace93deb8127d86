"""What the settings say of quiet hours and frequency caps is what a gateway keeps to."""

from datetime import timedelta

import pytest

from tests.engine.nights import at
from tests.factories import send_request
from tests.gateway import FakeProvider, running, settings_of
from tests.virtual_clock import VirtualClock
from wirephoto.bootstrap import Gateway
from wirephoto.bootstrap.rules import departure_rules
from wirephoto.domain.departure import Person
from wirephoto.domain.frequency import Cap
from wirephoto.domain.message import Category
from wirephoto.errors import SettingsInvalid

SQLITE = "sqlite:///unused.db"
NIGHT, EVENING = at("2026-03-04 22:00"), at("2026-03-04 20:30")
NEW_YORK, FLORIDA = Person("+12125550123"), Person("+13055550123")
ALASKA_RULE = """
[[rules]]
place = "federal"
hours = "daily 10:00-11:00"
source = "a letter of our lawyers"
status = "secondary"
read_on = 2026-01-01
"""


def rules(**settings):
    return departure_rules(settings_of(SQLITE, **settings))


def test_who_sets_nothing_breaks_no_law_that_we_know():
    """The hours of each recipient's state count; and there is no cap."""
    departures = rules()

    florida, new_york = [
        departures.departure(person, Category.MARKETING, EVENING) for person in (FLORIDA, NEW_YORK)
    ]

    assert (florida.hold_reason, new_york.hold_reason) == ("quiet_hours", None)
    assert departures.caps == {}


def test_each_setting_counts(tmp_path):
    """Policy, further categories, the length of a conversation, caps, and an own file of rules."""
    path = tmp_path / "rules.toml"
    path.write_text(ALASKA_RULE)
    departures = rules(
        quiet_hours="federal",
        quiet_hours_rules=str(path),
        quiet_hours_also="transactional,conversational",
        conversation_min="60",
        frequency_caps="marketing=3/day",
    )

    held = departures.departure(NEW_YORK, Category.TRANSACTIONAL, NIGHT)
    writes = Person(NEW_YORK.number, last_in_at=NIGHT - timedelta(minutes=59))
    answer = departures.departure(writes, Category.CONVERSATIONAL, NIGHT)

    assert held.due_at == at("2026-03-05 10:00")
    assert answer.window_closes_at == NIGHT + timedelta(minutes=1)
    assert departures.caps == {Category.MARKETING: (Cap(3, timedelta(days=1)),)}


def test_rules_that_are_off_ask_nobody():
    """No contact is read for them."""
    departures = rules(quiet_hours="off")

    assert departures.hours.digest is None
    assert not departures.asks_about(Category.MARKETING)


def test_every_fault_is_named_at_once(tmp_path):
    """By the name of its setting, before anything is served."""
    path = tmp_path / "rules.toml"
    path.write_text("[[rules]]\nplace = 'Atlantis'\n")

    with pytest.raises(SettingsInvalid) as caught:
        rules(quiet_hours="night", quiet_hours_rules=str(path), frequency_caps="3 a day")

    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "WIREPHOTO_QUIET_HOURS",
        "WIREPHOTO_FREQUENCY_CAPS",
        "WIREPHOTO_QUIET_HOURS_RULES",
    ]


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"quiet_hours": "mon-fri 9-17"}, "one item is no window: write 09:00-20:00, or closed"),
        ({"frequency_caps": "s3cret"}, "one item is no cap: write marketing=3/day, or =10/7days"),
    ],
)
def test_a_fault_says_what_is_wrong_without_the_value(settings, fault):
    """It may be a secret in the wrong place."""
    with pytest.raises(SettingsInvalid) as caught:
        rules(**settings)

    assert caught.value.faults[0].partition(": ")[2] == fault


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"rules = 1"])
def test_a_file_of_rules_that_cannot_be_read_is_no_start(tmp_path, content):
    """Hours that were not those that somebody wrote down would be worse."""
    path = tmp_path / "rules.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SettingsInvalid, match="WIREPHOTO_QUIET_HOURS_RULES: "):
        Gateway(
            settings_of(f"sqlite:///{tmp_path / 'new.db'}", quiet_hours_rules=str(path)),
            clock=VirtualClock(),
        )


@pytest.mark.parametrize(
    "settings",
    [{"quiet_hours_also": "emergency"}, {"conversation_min": "-1"}, {"quiet_hours_also": "spam"}],
)
def test_what_may_never_be_held_cannot_be_named(settings):
    """An emergency waits for nobody."""
    with pytest.raises(SettingsInvalid):
        settings_of(SQLITE, **settings)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_gateway_holds_what_it_accepts_at_night(database_url):
    """From the interface to the queue; what the caller knows of the recipient counts."""
    provider = FakeProvider()
    provider.open.set()
    settings = settings_of(database_url, without_consent="allow", opt_out_wording="off")
    async with running(settings, provider=provider, clock=VirtualClock(NIGHT)) as (_, client):
        held = await client.post("/v1/messages", json=send_request(category="marketing"))
        there = await client.post(
            "/v1/messages",
            json=send_request(category="marketing", recipient_zone="Pacific/Honolulu"),
        )
        refused = await client.post(
            "/v1/messages",
            json=send_request(category="marketing", expires_at="2026-03-05T05:00:00Z"),
        )
        simple = await client.post(
            "/v1/messages", json=send_request(recipient_zone="Nowhere", recipient_state="XX")
        )

    assert (held.status_code, held.json()["hold_reason"]) == (202, "quiet_hours")
    assert held.json()["due_at"] == held.json()["expected_at"] == "2026-03-05T13:00:00Z"
    assert there.json()["hold_reason"] is None
    assert [(each["field"], each["code"]) for each in refused.json()["errors"]] == [
        ("expires_at", "quiet_hours")
    ]
    assert [each["field"] for each in simple.json()["errors"]] == [
        "recipient_zone",
        "recipient_state",
    ]
