"""Rows of every kind that another tenant has, and every query that might show them."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import insert, select

from tests.factories import NOW, RECIPIENT, SENDER, make_attempt, make_message
from tests.replying import NUMBERS, make_consent, make_opt_out, make_revocation
from tests.storage.writing import OTHER_TENANT, add_tenant, event_of
from wirephoto.domain.endpoint import Endpoint
from wirephoto.domain.inbound_file import InboundFile
from wirephoto.domain.media import MediaKind
from wirephoto.domain.number_facts import NumberFacts, NumberKind
from wirephoto.storage.audit import AuditEntry, insert_audit, list_audit
from wirephoto.storage.campaigns import (
    get_campaign,
    get_sender,
    list_campaigns,
    list_senders,
    lock_campaign,
    lock_sender,
)
from wirephoto.storage.consents import (
    Worded,
    insert_consents,
    insert_revocations,
    list_consents,
    list_revocations,
    load_records,
    store_worded,
    worded_at,
)
from wirephoto.storage.departures import people
from wirephoto.storage.endpoints import (
    delete_endpoint,
    get_endpoint,
    hurry,
    insert_endpoint,
    list_endpoints,
    lock_endpoint,
    move_back,
    void_round,
)
from wirephoto.storage.feed import FEED_START, FeedPosition, place_before, read_feed
from wirephoto.storage.history import list_contacts
from wirephoto.storage.hosting import (
    HostedName,
    MediaFetch,
    insert_names,
    list_fetches,
    record_fetches,
)
from wirephoto.storage.inbound_files import (
    get_inbound_file,
    insert_inbound_files,
    list_inbound_files,
)
from wirephoto.storage.keys import (
    ApiKey,
    end_key,
    get_key,
    insert_key,
    list_keys,
    lock_family,
    revoke_key,
)
from wirephoto.storage.leases import drop_lease, take_lease
from wirephoto.storage.media import (
    Original,
    Rendition,
    StoredFile,
    find_rendition,
    forget_file,
    get_file,
    get_original,
    get_originals,
    insert_original,
    insert_rendition,
    keep_file,
    latest_of_url,
    list_renditions,
    plan_deletions,
    reserve_file,
    touch_original,
)
from wirephoto.storage.messages import (
    MessageFilter,
    get_attempt,
    get_message,
    insert_attempts,
    insert_events,
    insert_messages,
    list_attempts,
    list_events,
    list_messages,
)
from wirephoto.storage.number_look_ups import (
    NumberClaim,
    claim_number,
    find_number_facts,
    store_number_facts,
)
from wirephoto.storage.opt_outs import (
    end_opt_outs,
    get_opt_out,
    insert_opt_outs,
    list_opt_outs,
    standing_opt_outs,
)
from wirephoto.storage.pools import (
    HeardFrom,
    Pool,
    delete_pool,
    heard_from,
    remember_senders,
    replace_pool,
)
from wirephoto.storage.registrations import (
    StoredBrand,
    StoredCampaign,
    load_registrations,
    lock_registrations,
    save_brands,
    save_campaigns,
    save_senders,
)
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_BRAND,
    DEFAULT_CAMPAIGN,
    events,
)
from wirephoto.storage.schema_endpoints import deliveries, endpoints
from wirephoto.storage.senders import Sender, add_sender
from wirephoto.storage.webhooks import InboundMessage, get_inbound, insert_inbound, list_inbound

LATER = NOW + timedelta(hours=1)


async def store_their_media(tx, message_id):
    file = StoredFile("fil_1", OTHER_TENANT, "digest", 1)
    original = Original(
        "med_1", OTHER_TENANT, "fil_1", MediaKind.IMAGE, "image/jpeg", 1, NOW, NOW, NOW
    )
    await plan_deletions(tx, [file], due_at=LATER)
    await keep_file(tx, file, planned_at=LATER, now=NOW, look_at=NOW)
    await insert_original(tx, replace(original, url="https://x.test/", url_hash="hash"))
    await insert_rendition(tx, Rendition("fil_1", "target", OTHER_TENANT, NOW, reason="corrupt"))
    name = HostedName("n.jpg", OTHER_TENANT, message_id, 1, 0, "fil_1", "image/jpeg", LATER)
    await insert_names(tx, [name])
    await record_fetches(
        tx, [MediaFetch("n.jpg", OTHER_TENANT, message_id, 1, 0, "GET", None, NOW)]
    )
    await take_lease(tx, OTHER_TENANT, "work", holder="them", now=NOW, until=NOW)


async def store_their_pool(tx):
    await add_sender(
        tx, Sender("+12025550111", OTHER_TENANT, DEFAULT_CAMPAIGN, DEFAULT_ACCOUNT, "10dlc"), NOW
    )
    await replace_pool(tx, Pool("pool_1", OTHER_TENANT, "shop", ("+12025550111",), NOW))
    await remember_senders(tx, [HeardFrom(DEFAULT_BRAND, RECIPIENT, OTHER_TENANT, "+12025550111")])


async def store_their_number(tx):
    claim = NumberClaim(OTHER_TENANT, RECIPIENT, NOW, LATER)
    await claim_number(tx, claim)
    await store_number_facts(tx, claim, NumberFacts(NumberKind.LANDLINE), good_until=LATER)


async def store_their_senders(tx):
    brand, campaign = "brd_theirs", "cmp_theirs"
    await save_brands(tx, [StoredBrand(brand, OTHER_TENANT, "b", "B1", 2000)], NOW)
    row = StoredCampaign(campaign, OTHER_TENANT, DEFAULT_ACCOUNT, brand, "c", "C1", 1.0, "A")
    await save_campaigns(tx, [row], NOW)
    await save_senders(
        tx, [Sender("+12025550188", OTHER_TENANT, campaign, DEFAULT_ACCOUNT, "10dlc")], NOW
    )


async def store_their_endpoint(tx):
    endpoint = Endpoint("end_1", OTHER_TENANT, "https://x.test/", None, None, "sealed", NOW)
    await insert_endpoint(tx, endpoint, FEED_START, NOW)
    event = (await tx.execute(select(events).where(events.c.tenant_id == OTHER_TENANT))).one()
    row = {
        "endpoint_id": "end_1",
        "xid": event.xid or 0,
        "seq": event.seq,
        "tenant_id": OTHER_TENANT,
        "subject": event.message_id,
        "tries": 1,
        "due_at": LATER,
    }
    await tx.execute(insert(deliveries).values(row))


async def hurried(tx, tenant):
    """Return whether their event is tried at once."""
    await hurry(tx, tenant, "end_1", NOW)
    return (await tx.execute(select(deliveries.c.due_at))).scalar_one() == NOW


async def voided(tx, tenant):
    """Return whether the round of their endpoint counts no more."""
    await void_round(tx, tenant, "end_1")
    return bool((await tx.execute(select(endpoints.c.moves))).scalar_one())


async def changed_endpoint(tx, tenant, change, **how):
    """Return whether a change that returns nothing has changed another tenant's endpoint."""
    before = await get_endpoint(tx, OTHER_TENANT, "end_1")
    await change(tx, tenant, "end_1", **how)
    return await get_endpoint(tx, OTHER_TENANT, "end_1") != before


def are_theirs(stored):
    """Tell whether every kind of row of `store_their_senders` is there; none may come alone."""
    found = {
        any(brand.id == "brd_theirs" for brand in stored.brands),
        any(campaign.id == "cmp_theirs" for campaign in stored.campaigns),
        bool(stored.senders),
    }
    assert len(found) == 1
    return found.pop()


async def store_theirs(database):
    """Store one row of each kind for another tenant; return its ids."""
    await add_tenant(database)
    message = make_message(tenant_id=OTHER_TENANT, attempts=1)
    attempt = make_attempt(message)
    key = ApiKey("key_1", OTHER_TENANT, "n", "live", (), "h", "hash", NOW)
    inbound = InboundMessage(
        "inb_1", OTHER_TENANT, "uuid", RECIPIENT, SENDER, "mms", "hi", (), None, NOW, NOW
    )
    async with database.transaction() as tx:
        await insert_messages(tx, [message])
        await insert_attempts(tx, [attempt])
        await insert_events(tx, [event_of(message)])
        await insert_key(tx, key)
        await insert_audit(tx, [AuditEntry("aud_1", OTHER_TENANT, "cli", "act", "key_1", NOW)])
        await insert_inbound(tx, inbound)
        await insert_inbound_files(tx, [InboundFile("inb_1", 0, OTHER_TENANT, LATER)])
        await store_their_media(tx, message.id)
        await store_their_number(tx)
        await store_their_pool(tx)
        await store_their_senders(tx)
        await store_their_endpoint(tx)
        await insert_opt_outs(tx, [make_opt_out(tenant_id=OTHER_TENANT)])
        await insert_consents(tx, [make_consent(tenant_id=OTHER_TENANT)])
        await insert_revocations(tx, [make_revocation(tenant_id=OTHER_TENANT)])
        await store_worded(
            tx,
            [
                Worded(OTHER_TENANT, brand_id, RECIPIENT, NOW)
                for brand_id in (DEFAULT_BRAND, "brd_theirs")
            ],
        )
    return message.id, attempt.id


async def registrations_of(query, tx, tenant):
    return are_theirs(await query(tx, tenant, DEFAULT_ACCOUNT))


async def their_campaigns(tx, tenant):
    listed = await list_campaigns(tx, tenant, after_id=None, limit=9, now=NOW)
    return [campaign for campaign in listed if campaign.line.id == "cmp_theirs"]


ASKED = {
    get_message: lambda tx, tenant, message, _: get_message(tx, tenant, message),
    get_attempt: lambda tx, tenant, _, attempt: get_attempt(tx, tenant, attempt),
    list_attempts: lambda tx, tenant, message, _: list_attempts(tx, tenant, message),
    list_events: lambda tx, tenant, message, _: list_events(
        tx, tenant, message, after_seq=0, limit=9
    ),
    read_feed: lambda tx, tenant, *_: read_feed(tx, tenant, after=FEED_START, limit=9),
    list_messages: lambda tx, tenant, *_: list_messages(
        tx, tenant, MessageFilter(), before_id=None, limit=9
    ),
    list_audit: lambda tx, tenant, *_: list_audit(tx, tenant, before_id=None, limit=9),
    list_keys: lambda tx, tenant, *_: list_keys(tx, tenant),
    list_inbound: lambda tx, tenant, *_: list_inbound(
        tx, tenant, sender=None, before_id=None, limit=9
    ),
    get_inbound: lambda tx, tenant, *_: get_inbound(tx, tenant, "inb_1"),
    list_inbound_files: lambda tx, tenant, *_: list_inbound_files(tx, tenant, ["inb_1"]),
    find_number_facts: lambda tx, tenant, *_: find_number_facts(tx, tenant, RECIPIENT, now=NOW),
    get_inbound_file: lambda tx, tenant, *_: get_inbound_file(tx, tenant, "inb_1", 0),
    reserve_file: lambda tx, tenant, *_: reserve_file(tx, tenant, "digest", look_at=LATER),
    forget_file: lambda tx, tenant, *_: forget_file(tx, tenant, "fil_1"),
    get_file: lambda tx, tenant, *_: get_file(tx, tenant, "fil_1"),
    get_original: lambda tx, tenant, *_: get_original(tx, tenant, "med_1"),
    get_originals: lambda tx, tenant, *_: get_originals(tx, tenant, ["med_1"]),
    latest_of_url: lambda tx, tenant, *_: latest_of_url(tx, tenant, "hash"),
    touch_original: lambda tx, tenant, *_: touch_original(tx, tenant, "med_1", used_at=NOW),
    find_rendition: lambda tx, tenant, *_: find_rendition(tx, tenant, "fil_1", "target"),
    list_renditions: lambda tx, tenant, *_: list_renditions(tx, tenant, "fil_1"),
    list_fetches: lambda tx, tenant, message, _: list_fetches(tx, tenant, message),
    take_lease: lambda tx, tenant, *_: take_lease(
        tx, tenant, "work", holder="us", now=NOW, until=LATER
    ),
    drop_lease: lambda tx, tenant, *_: drop_lease(tx, tenant, "work", holder="them"),
    people: lambda tx, tenant, *_: people(tx, tenant, [RECIPIENT]),
    heard_from: lambda tx, tenant, *_: heard_from(tx, tenant, [RECIPIENT]),
    delete_pool: lambda tx, tenant, *_: delete_pool(tx, tenant, "shop"),
    load_registrations: lambda tx, tenant, *_: registrations_of(load_registrations, tx, tenant),
    lock_registrations: lambda tx, tenant, *_: registrations_of(lock_registrations, tx, tenant),
    list_campaigns: lambda tx, tenant, *_: their_campaigns(tx, tenant),
    get_campaign: lambda tx, tenant, *_: get_campaign(tx, tenant, "cmp_theirs", now=NOW),
    lock_campaign: lambda tx, tenant, *_: lock_campaign(tx, tenant, "cmp_theirs"),
    list_senders: lambda tx, tenant, *_: list_senders(tx, tenant, after=None, limit=9),
    get_sender: lambda tx, tenant, *_: get_sender(tx, tenant, "+12025550188"),
    lock_sender: lambda tx, tenant, *_: lock_sender(tx, tenant, "+12025550188"),
    standing_opt_outs: lambda tx, tenant, *_: standing_opt_outs(
        tx, tenant, [NUMBERS.of(RECIPIENT)]
    ),
    list_opt_outs: lambda tx, tenant, *_: list_opt_outs(tx, tenant, limit=9),
    get_opt_out: lambda tx, tenant, *_: get_opt_out(tx, tenant, "opt_1"),
    end_opt_outs: lambda tx, tenant, *_: end_opt_outs(tx, tenant, ["opt_1"], by="x", now=NOW),
    load_records: lambda tx, tenant, *_: load_records(tx, tenant, [NUMBERS.of(RECIPIENT)]),
    list_consents: lambda tx, tenant, *_: list_consents(tx, tenant, limit=9),
    list_revocations: lambda tx, tenant, *_: list_revocations(
        tx, tenant, hashes=[NUMBERS.of(RECIPIENT)], limit=9
    ),
    list_contacts: lambda tx, tenant, *_: list_contacts(tx, tenant, RECIPIENT),
    worded_at: lambda tx, tenant, *_: worded_at(tx, tenant, [RECIPIENT]),
    list_endpoints: lambda tx, tenant, *_: list_endpoints(tx, tenant),
    get_endpoint: lambda tx, tenant, *_: get_endpoint(tx, tenant, "end_1"),
    lock_endpoint: lambda tx, tenant, *_: lock_endpoint(tx, tenant, "end_1"),
    move_back: lambda tx, tenant, *_: changed_endpoint(
        tx, tenant, move_back, place=FeedPosition(0, -1)
    ),
    hurry: lambda tx, tenant, *_: hurried(tx, tenant),
    void_round: lambda tx, tenant, *_: voided(tx, tenant),
    place_before: lambda tx, tenant, *_: place_before(tx, tenant, NOW),
    delete_endpoint: lambda tx, tenant, *_: changed_endpoint(tx, tenant, delete_endpoint),
    get_key: lambda tx, tenant, *_: get_key(tx, tenant, "key_1"),
    lock_family: lambda tx, tenant, *_: lock_family(tx, tenant, "key_1"),
    end_key: lambda tx, tenant, *_: end_key(tx, tenant, "key_1", NOW),
    revoke_key: lambda tx, tenant, *_: revoke_key(tx, tenant, "key_1", NOW),
}
