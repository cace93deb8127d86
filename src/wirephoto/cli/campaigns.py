"""`wirephoto campaigns`: their rates, what stops them, and what waits."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wirephoto.api.campaigns import campaign_view
from wirephoto.cli.keys import LINE_CHARS_MAX, Json
from wirephoto.cli.operating import (
    LISTED_MAX,
    Reason,
    as_document,
    bad_parameter,
    found,
    operate,
)
from wirephoto.cli.serve import EnvFile
from wirephoto.clock import SystemClock
from wirephoto.config import ENV_FILE
from wirephoto.domain.registration import parse_rate
from wirephoto.errors import RequestRefused
from wirephoto.storage.campaigns import Campaign
from wirephoto.storage.schema import DEFAULT_CAMPAIGN

Id = Annotated[str, typer.Argument(metavar="ID", help="The campaign's id.")]

app = typer.Typer(help="Steer campaigns: their rates and pauses.", no_args_is_help=True)


@app.command("list")
def list_(as_json: Json = False, env_file: EnvFile = ENV_FILE) -> None:
    """List the campaigns: rate, day, what waits, and whether each sends.

    Example: wirephoto campaigns list
    """
    campaigns = operate(env_file, lambda operator: operator.campaigns(limit=LISTED_MAX))
    now = SystemClock().now()
    if as_json:
        print(as_document([campaign_view(campaign, now) for campaign in campaigns]))
        return
    columns = ("id", "name", "messages/s", "queued", "today", "senders", "state")
    table = Table(*columns, box=None, pad_edge=False)
    for campaign in campaigns:
        share = campaign.line.slowing.share_at(now)
        slowed = f" (at {share:.0%})" if share < 1 else ""
        table.add_row(
            campaign.line.id,
            escape(campaign.name),
            f"{campaign.line.pace.rate:g}{slowed}",
            f"{campaign.queued:,}",
            _today(campaign),
            f"{len(campaign.senders):,}",
            escape(_state(campaign)),
        )
    Console(width=LINE_CHARS_MAX).print(table)


@app.command("rate")
def rate(
    campaign_id: Id,
    wanted: Annotated[
        str, typer.Argument(metavar="RATE", help="4.5, 4.5/s, 50/min, or the name of a preset.")
    ],
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Set a campaign's rate, over all its senders.

    Example: wirephoto campaigns rate cmp_default 50/min
    """
    try:
        per_second = parse_rate(wanted)
    except RequestRefused as refused:
        raise bad_parameter(refused) from refused
    campaign = _change(campaign_id, rate=per_second, env_file=env_file)
    print(f"{campaign_id} sends {campaign.line.pace.rate:g} messages a second.")
    if campaign_id == DEFAULT_CAMPAIGN and campaign.provider_id is None:
        print("`serve` sets it to WIREPHOTO_SENDER_RATE when it starts: set that as well.")


@app.command("pause")
def pause(campaign_id: Id, reason: Reason = None, env_file: EnvFile = ENV_FILE) -> None:
    """Pause a campaign until somebody resumes it. What is about to leave leaves.

    Example: wirephoto campaigns pause cmp_default --reason "The picture is wrong."
    """
    campaign = _change(campaign_id, paused=True, reason=reason, env_file=env_file)
    print(f"{campaign_id} {_state(campaign)}")


@app.command("resume")
def resume(campaign_id: Id, env_file: EnvFile = ENV_FILE) -> None:
    """Let a campaign go on, whatever stopped it.

    Example: wirephoto campaigns resume cmp_default
    """
    campaign = _change(campaign_id, paused=False, env_file=env_file)
    print(f"{campaign_id} {_state(campaign)}.")


def _change(
    campaign_id: str,
    *,
    env_file: Path,
    rate: float | None = None,
    paused: bool | None = None,
    reason: str | None = None,
) -> Campaign:
    campaign = operate(
        env_file,
        lambda operator: operator.change_campaign(
            campaign_id, rate=rate, paused=paused, reason=reason
        ),
    )
    return found(campaign, campaign_id, "campaign")


def _today(campaign: Campaign) -> str:
    cap = campaign.brand.daily_cap
    return "-" if cap is None else f"{campaign.brand.sent_today:,} of {cap:,}"


def _state(campaign: Campaign) -> str:
    stop = campaign.line.stop
    if stop is None:
        return "sends"
    return f"is stopped since {stop.since:%Y-%m-%d %H:%M} UTC ({stop.reason}): {stop.detail}"
