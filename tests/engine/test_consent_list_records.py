"""Records of consent as they are kept: whole, or refused with the fault of each field."""

import csv
import io
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.factories import NOW, RECIPIENT
from tests.replying import NUMBERS
from wirephoto.domain.consent import ConsentClass, ConsentMethod, ConsentPolicy
from wirephoto.engine.consent_list import COLUMNS, ConsentList, Wanted, as_cells
from wirephoto.engine.senders import SenderDirectory
from wirephoto.errors import RequestRefused
from wirephoto.storage.schema import DEFAULT_TENANT

EASTERN = timezone(timedelta(hours=-5))
GIVEN_AT = datetime(2026, 3, 1, 10, 0, tzinfo=EASTERN)


@pytest.fixture
async def consents(stage):
    """Give the records in the hands of whoever has a key of the default tenant."""
    await stage.prepare()
    return ConsentList(
        stage.database,
        directory=SenderDirectory(stage.database, stage.clock),
        numbers=NUMBERS,
        policy=ConsentPolicy(),
        tenant_id=DEFAULT_TENANT,
        actor="key_1",
        clock=stage.clock,
        ids=stage.ids,
    )


def make_wanted(**changes) -> Wanted:
    fields = {
        "recipient": RECIPIENT,
        "consent_class": ConsentClass.MARKETING,
        "method": ConsentMethod.PAPER,
        "given_at": GIVEN_AT,
    }
    return Wanted(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"disclosure": "pictures\x00"}, "disclosure", "null_character"),
        ({"disclosure_version": "\x00"}, "disclosure_version", "null_character"),
        ({"page_url": "https://\x00"}, "page_url", "null_character"),
        ({"ip": "\x00"}, "ip", "null_character"),
        ({"user_agent": "\x00"}, "user_agent", "null_character"),
        ({"inbound_id": "inb_\x00"}, "inbound_id", "null_character"),
        ({"inbound_id": "i" * 2_001}, "inbound_id", "too_long"),
        ({"given_at": datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))}, "given_at", None),
        ({"expires_at": datetime.max.replace(tzinfo=EASTERN)}, "expires_at", None),
    ],
)
async def test_what_no_database_can_keep_is_refused(consents, changes, field, code):
    """It is the caller's fault, to be named, and not ours, to be logged."""
    with pytest.raises(RequestRefused) as refused:
        await consents.record([make_wanted(), make_wanted(**changes)])

    [fault] = refused.value.faults
    assert (fault.field, fault.code) == (f"consents[1].{field}", code or "invalid")
    assert await consents.page(limit=9) == []


async def test_a_state_is_kept_in_capitals(consents):
    """Whoever asks for quiet hours by state knows it by those."""
    [made] = await consents.record([make_wanted(state="tx", zone="America/Chicago")])

    [kept] = await consents.page(limit=9)
    assert (made.consent.state, kept.consent.state) == ("TX", "TX")


async def test_what_is_exported_can_be_imported(consents):
    """With the clock of its source: what somebody signed at ten o'clock stays so in a dispute."""
    wanted = make_wanted(
        disclosure='I agree, "in writing".',
        expires_at=NOW + timedelta(days=9),
        zone="America/Chicago",
        state="TX",
    )
    await consents.record([wanted])
    [before] = await consents.page(limit=9)
    out = io.StringIO()
    csv.writer(out).writerows([COLUMNS, as_cells(before)])

    assert await consents.import_csv(io.StringIO(out.getvalue())) == 1

    again = (await consents.page(limit=9))[0]
    assert as_cells(again) == as_cells(before)
    assert "2026-03-01T10:00:00-05:00" in out.getvalue()
    assert again.consent.given_at == GIVEN_AT.astimezone(UTC)
    assert again.consent.offset_minutes == -300
