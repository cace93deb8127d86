"""`wirephoto senders`: numbers, the campaigns they send under, and their paces."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wirephoto.api.senders import sender_view
from wirephoto.bootstrap import open_current
from wirephoto.cli.keys import LINE_CHARS_MAX, Json
from wirephoto.cli.operating import LISTED_MAX, Reason, as_document, found, operate
from wirephoto.cli.serve import EnvFile
from wirephoto.clock import SystemClock
from wirephoto.config import ENV_FILE, Settings, load_settings
from wirephoto.domain.phone import Refusal, parse_sender
from wirephoto.engine.sender_sync import SyncLine, SyncPlan, apply_plan, plan_sync
from wirephoto.errors import SettingsInvalid
from wirephoto.ids import Ids
from wirephoto.storage.campaigns import OwnSender
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_TENANT
from wirephoto.vonage.account import AccountClient

app = typer.Typer(help="Look after senders and their campaigns.", no_args_is_help=True)


@app.command("list")
def list_(as_json: Json = False, env_file: EnvFile = ENV_FILE) -> None:
    """List the senders: the campaign of each, and whether it sends.

    Example: wirephoto senders list
    """
    senders = operate(env_file, lambda operator: operator.senders(limit=LISTED_MAX))
    if as_json:
        print(as_document([sender_view(sender) for sender in senders]))
        return
    table = Table("number", "kind", "campaign", "state", "reason", box=None, pad_edge=False)
    for sender in senders:
        reason = escape(sender.pause_reason or "")
        table.add_row(sender.number, sender.kind, sender.campaign_id, _state(sender), reason)
    Console(width=LINE_CHARS_MAX).print(table)


@app.command("pause")
def pause(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The sender's number.")],
    reason: Reason = None,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Pause a sender: its messages wait, and may expire. What is about to leave leaves.

    Example: wirephoto senders pause +12025550100 --reason "The carrier asked for it."
    """
    _change(number, paused=True, reason=reason, env_file=env_file)


@app.command("resume")
def resume(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The sender's number.")],
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Let a paused sender go on, with what waited for it.

    Example: wirephoto senders resume +12025550100
    """
    _change(number, paused=False, reason=None, env_file=env_file)


def _change(number: str, *, paused: bool, reason: str | None, env_file: Path) -> None:
    known = parse_sender(number)
    if isinstance(known, Refusal):
        raise typer.BadParameter(known.message, param_hint="NUMBER")
    sender = operate(
        env_file, lambda operator: operator.change_sender(known, paused=paused, reason=reason)
    )
    print(f"{known} {_state(found(sender, known, 'sender'))}.")


def _state(sender: OwnSender) -> str:
    if sender.paused_at is not None:
        return f"is paused since {sender.paused_at:%Y-%m-%d %H:%M} UTC"
    return "sends once its campaign does" if sender.campaign_stopped else "sends"


@app.command("sync")
def sync(
    yes: Annotated[bool, typer.Option("--yes", help="Apply the changes without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the changes.")] = False,
    as_json: Json = False,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Read numbers and 10DLC campaigns from Vonage, and propose senders, rates and daily caps.

    Asks before it changes anything; with --json it never asks and applies only with --yes.

    Example: wirephoto senders sync --dry-run
    """
    if yes and dry_run:
        raise typer.BadParameter("does not go with --yes", param_hint="--dry-run")
    settings = load_settings(env_file=env_file, roles=frozenset())
    plan = asyncio.run(_plan(settings))
    if not as_json:
        _show(plan)
    wanted = bool(plan.changes) and not dry_run and (yes or (not as_json and _agreed()))
    applied = wanted and asyncio.run(_apply(settings, plan))
    if as_json:
        print(json.dumps(_public(plan, applied=applied), indent=2))
    elif applied:
        print("The changes are stored.")
    if wanted and not applied:
        print("The senders were changed meanwhile; start again.", file=sys.stderr)
        raise typer.Exit(1)


def _agreed() -> bool:
    """Ask; whoever says no ends the command with 1, and nothing has changed."""
    return typer.confirm("Apply these changes?", abort=True)


async def _plan(settings: Settings) -> SyncPlan:
    """Return what a sync would change.

    Raises:
        SettingsInvalid: the account's key is missing.
    """
    if settings.vonage_api_key is None or settings.vonage_api_secret is None:
        raise SettingsInvalid(["VONAGE_API_KEY: is missing; reading the account needs it"])
    clock = SystemClock()
    client = AccountClient(
        rest_url=settings.vonage_rest_url,
        base_url=settings.vonage_base_url,
        api_key=settings.vonage_api_key,
        api_secret=settings.vonage_api_secret.get_secret_value(),
        clock=clock,
    )
    database = await open_current(settings.database_url)
    try:
        return await plan_sync(
            database,
            client,
            tenant_id=DEFAULT_TENANT,
            account_id=DEFAULT_ACCOUNT,
            application_id=settings.vonage_application_id,
            ids=Ids(),
            now=clock.now(),
        )
    finally:
        await client.close()
        await database.close()


async def _apply(settings: Settings, plan: SyncPlan) -> bool:
    database = await open_current(settings.database_url)
    try:
        return await apply_plan(database, plan, actor="cli", clock=SystemClock(), ids=Ids())
    finally:
        await database.close()


def _show(plan: SyncPlan) -> None:
    """Print a table of the numbers, then what is to be said of each, then the changes."""
    console = Console(width=LINE_CHARS_MAX)
    columns = ("number", "kind", "campaign", "class", "messages/s", "daily cap", "")
    table = Table(*columns, box=None, pad_edge=False)
    for line in plan.lines():
        table.add_row(*map(escape, _cells(line)))
    console.print(table)
    for proposal in plan.proposals:
        for sentence in proposal.findings:
            print(f"{proposal.number}: {sentence}")
    for number in plan.vanished:
        print(f"{number}: The account has it no more; it stays a sender until you remove it.")
    for change in plan.changes:
        print(f"{change.kind} {change.id}: {change.field} {change.before or '-'} → {change.after}")
    if not plan.changes:
        print("There is nothing to change.")


def _cells(line: SyncLine) -> tuple[str, ...]:
    proposal, campaign = line.proposal, line.proposal.campaign
    kind = proposal.kind.value if proposal.kind else "-"
    if campaign is None or not proposal.may_send:
        name = campaign.provider_id if campaign else "-"
        rate, cap = _number(line.rate_now), _number(line.cap_now)
        return proposal.number, kind, name, "-", rate, cap, "cannot send"
    cap_then = campaign.brand.daily_cap if campaign.brand else None
    return (
        proposal.number,
        kind,
        campaign.provider_id,
        campaign.att_class or "-",
        _move(line.rate_now, campaign.rate),
        _move(line.cap_now, line.cap_now if cap_then is None else cap_then),
        "",
    )


def _move(now: float | None, then: float | None) -> str:
    return _number(now) if now == then else f"{_number(now)} → {_number(then)}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def _public(plan: SyncPlan, *, applied: bool) -> dict[str, Any]:
    return {
        "applied": applied,
        "numbers": [_public_line(line) for line in plan.lines()],
        "vanished": list(plan.vanished),
        "changes": [
            {
                "kind": change.kind,
                "id": change.id,
                "field": change.field,
                "before": change.before,
                "after": change.after,
            }
            for change in plan.changes
        ],
    }


def _public_line(line: SyncLine) -> dict[str, Any]:
    proposal, campaign = line.proposal, line.proposal.campaign
    brand = campaign.brand if campaign else None
    return {
        "number": proposal.number,
        "kind": proposal.kind.value if proposal.kind else None,
        "may_send": proposal.may_send,
        "campaign": campaign.provider_id if campaign else None,
        "att_class": campaign.att_class if campaign else None,
        "rate_now": line.rate_now,
        "rate": campaign.rate if campaign else None,
        "daily_cap_now": line.cap_now,
        "daily_cap": brand.daily_cap if brand else None,
        "findings": list(proposal.findings),
    }
