"""`wirephoto forecast`: when so many messages would be out."""

import asyncio
import json
import sys
from datetime import datetime
from typing import Annotated

import typer

from wirephoto.bootstrap import open_current
from wirephoto.bootstrap.rules import cap_rules
from wirephoto.cli.serve import EnvFile
from wirephoto.clock import SystemClock
from wirephoto.config import ENV_FILE, Settings, load_settings
from wirephoto.domain.forecast import COUNT_MAX, Backlog, Forecast
from wirephoto.domain.forecast import forecast as forecast_of
from wirephoto.domain.message import Priority
from wirephoto.storage.backlog import load_backlog
from wirephoto.storage.schema import DEFAULT_CAMPAIGN


def forecast(
    count: Annotated[int, typer.Argument(min=1, max=COUNT_MAX, help="How many messages.")],
    campaign: Annotated[str, typer.Option(help="The campaign's id.")] = DEFAULT_CAMPAIGN,
    at: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z"], help="When they fall due, with zone."),
    ] = None,
    priority: Annotated[str, typer.Option(help="urgent, normal or bulk.")] = "normal",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Tell when so many messages would be out, behind what waits now; nothing is sent.

    Example: wirephoto forecast 10000 --priority bulk
    """
    if priority.upper() not in Priority.__members__:
        raise typer.BadParameter("must be urgent, normal or bulk", param_hint="--priority")
    settings = load_settings(env_file=env_file, roles=frozenset())
    now = SystemClock().now()
    backlog = asyncio.run(_load(settings, campaign, now))
    if backlog is None:
        print(f"{campaign}: there is no such campaign", file=sys.stderr)
        raise typer.Exit(1)
    found = forecast_of(
        backlog, count, due_at=at or now, now=now, priority=Priority[priority.upper()]
    )
    if as_json:
        print(json.dumps(_as_json(campaign, backlog, found)))
    elif found is None:
        print("Nobody knows: the line is stopped, or it would take more than ten years.")
    else:
        print(f"{count:,} messages at {backlog.rate:g}/s, behind {found.ahead:,} that wait:")
        print(f"  first  {found.first_at:%Y-%m-%d %H:%M:%S} UTC")
        print(f"  last   {found.last_at:%Y-%m-%d %H:%M:%S} UTC")
    if found is None:
        raise typer.Exit(1)


async def _load(settings: Settings, campaign_id: str, now: datetime) -> Backlog | None:
    database = await open_current(settings.database_url)
    try:
        async with database.read() as tx:
            capped = cap_rules(settings).unknown_counts
            return await load_backlog(tx, campaign_id, now=now, capped=capped)
    finally:
        await database.close()


def _as_json(campaign_id: str, backlog: Backlog, found: Forecast | None) -> dict[str, object]:
    return {
        "campaign_id": campaign_id,
        "rate": backlog.rate,
        "daily_cap": backlog.daily_cap,
        "ahead": found.ahead if found else None,
        "first_at": found.first_at.isoformat() if found else None,
        "last_at": found.last_at.isoformat() if found else None,
    }
