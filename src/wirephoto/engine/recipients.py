"""What is known of those whom requests are for, read once for all of them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from wirephoto.domain.consent import consent_needed
from wirephoto.domain.departure import DepartureRules, Person
from wirephoto.domain.keyed_hash import NumberHash
from wirephoto.domain.message import Category
from wirephoto.domain.opt_out import OptOut
from wirephoto.domain.phone import Refusal, parse_recipient
from wirephoto.domain.request import MessageRequest
from wirephoto.storage.consents import Records, load_records, worded_at
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.departures import people
from wirephoto.storage.opt_outs import standing_opt_outs
from wirephoto.storage.pools import heard_from


@dataclass(frozen=True, slots=True)
class Known:
    """Some recipients, as far as rules ask about them; pairs are of a brand and a number.

    `opt_outs` are those that stand, `records` the consents, `worded` tells when they were last told
    how to opt out, and `heard_from` which sender recipients of pools have heard from. What is
    chosen for one request is kept in the last two for the next ones.
    """

    people: dict[tuple[str, str], Person] = field(default_factory=dict)
    opt_outs: dict[str, list[OptOut]] = field(default_factory=dict)
    records: dict[tuple[str, str], Records] = field(default_factory=dict)
    worded: dict[tuple[str, str], datetime] = field(default_factory=dict)
    heard_from: dict[str, str] = field(default_factory=dict)


class Recipients:
    """Looks up recipients, and of them only what the rules in force ask about."""

    def __init__(
        self,
        database: Database,
        *,
        numbers: NumberHash,
        departures: DepartureRules,
        default_category: Category,
        wording: bool,
    ) -> None:
        """Take the rules; `wording` says that advertising tells how to opt out."""
        self._database = database
        self._numbers = numbers
        self._departures = departures
        self._default_category = default_category
        self._wording = wording

    async def known(
        self, tenant_id: str, requests: Sequence[MessageRequest], picked: Collection[str | None]
    ) -> Known:
        """Return what is known of those whom requests are for.

        Of what comes `from` one of `picked`, a sender is picked: the one they heard from counts.
        """
        named = {
            hash_: number for number in _numbers(requests) for hash_ in self._numbers.all_of(number)
        }
        found = Known()
        if not named:
            return found
        async with self._database.read() as tx:
            # By hash: numbers that were erased are known so, and no others.
            for row in await standing_opt_outs(tx, tenant_id, named):
                number = named[row.recipient_hash]
                found.opt_outs.setdefault(number, []).append(row.opt_out)
            await self._consents(tx, tenant_id, requests, named=named, found=found)
            if asked := _numbers(each for each in requests if self._asks_about(each)):
                found.people.update(await people(tx, tenant_id, asked))
            if of_pools := _numbers(each for each in requests if each.from_ in picked):
                found.heard_from.update(await heard_from(tx, tenant_id, of_pools))
        return found

    async def _consents(
        self,
        tx: Transaction,
        tenant_id: str,
        requests: Sequence[MessageRequest],
        *,
        named: dict[str, str],
        found: Known,
    ) -> None:
        categories = {self._category(request) for request in requests}
        if any(consent_needed(category) for category in categories):
            for (brand_id, hash_), records in (await load_records(tx, tenant_id, named)).items():
                known = found.records.setdefault((brand_id, named[hash_]), Records())
                known.consents.extend(records.consents)
                known.revocations.extend(records.revocations)
        if self._wording and Category.MARKETING in categories:
            found.worded.update(await worded_at(tx, tenant_id, set(named.values())))

    def _category(self, request: MessageRequest) -> Category:
        return request.category or self._default_category

    def _asks_about(self, request: MessageRequest) -> bool:
        return self._departures.asks_about(self._category(request))


def _numbers(requests: Iterable[MessageRequest]) -> list[str]:
    """Return the numbers of those that requests are for, as far as they are numbers."""
    parsed = [parse_recipient(request.to, fictional_allowed=True) for request in requests]
    return sorted({number.e164 for number in parsed if not isinstance(number, Refusal)})
