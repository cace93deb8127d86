"""The look-up of numbers: what asks, and what is made of the answers."""

from datetime import timedelta

from wirephoto.clock import Clock
from wirephoto.config import Role, Settings
from wirephoto.domain.number_facts import NumberKind
from wirephoto.engine.screening import Screening, ScreeningRules
from wirephoto.ids import Ids
from wirephoto.storage.database import Database
from wirephoto.storage.schema import DEFAULT_ACCOUNT
from wirephoto.vonage.insights import InsightsClient, insights_url
from wirephoto.vonage.tokens import Tokens


class NumberParts:
    """What a process needs to look numbers up; without a look-up it is empty."""

    def __init__(self, settings: Settings, *, database: Database, clock: Clock, ids: Ids) -> None:
        self.screened = settings.look_up == "on"
        """Whether messages are looked at for their numbers before they are queued."""
        self.screen: Screening | None = None
        self._client: InsightsClient | None = None
        if self.screened and Role.MEDIA in settings.roles:
            self._client = _client(settings, clock, ids)
            rules = _rules(settings)
            self.screen = Screening(
                database=database, look_up=self._client, clock=clock, rules=rules
            )

    async def close(self) -> None:
        """Close the connections."""
        if self._client:
            await self._client.close()


def _client(settings: Settings, clock: Clock, ids: Ids) -> InsightsClient:
    assert settings.vonage_application_id, "required with WIREPHOTO_LOOK_UP"
    assert settings.private_key, "required with WIREPHOTO_LOOK_UP"
    tokens = Tokens(
        application_id=settings.vonage_application_id,
        private_key=settings.private_key.get_secret_value(),
        clock=clock,
        ids=ids,
        reuse=False,
    )
    url = settings.look_up_url or insights_url(settings.vonage_base_url)
    return InsightsClient(url=url, tokens=tokens)


def _rules(settings: Settings) -> ScreeningRules:
    return ScreeningRules(
        account_id=DEFAULT_ACCOUNT,
        refuses=frozenset(NumberKind(kind) for kind in settings.look_up_refuses),
        life=timedelta(days=settings.look_up_keep_d),
        day_max=settings.look_up_day_max,
    )
