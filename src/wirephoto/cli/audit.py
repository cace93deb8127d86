"""`wirephoto audit`: who did what, and everything that is known of one number."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wirephoto.api.history import (
    AuditView,
    GroundsView,
    History,
    HistoryEntryView,
    audit_view,
    load_history,
)
from wirephoto.api.views import MessageView
from wirephoto.bootstrap import open_current
from wirephoto.cli.keys import LINE_CHARS_MAX, Json, TenantId
from wirephoto.cli.operating import as_document, number_hash, phone_of
from wirephoto.cli.serve import EnvFile
from wirephoto.config import ENV_FILE, Settings, load_settings
from wirephoto.storage.audit import list_audit
from wirephoto.storage.database import Database
from wirephoto.storage.schema import DEFAULT_TENANT

Done = TypeVar("Done")
LISTED_MAX = 1000


def audit(
    recipient: Annotated[
        str | None, typer.Argument(metavar="[TO]", help="All that is known of this number.")
    ] = None,
    limit: Annotated[
        int, typer.Option(help="How many entries, the newest first.", min=1, max=LISTED_MAX)
    ] = 50,
    tenant: TenantId = DEFAULT_TENANT,
    as_json: Json = False,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """List what people and commands did, or all that is known of a number, the newest first.

    Example: wirephoto audit +12125550123 --limit 10
    """
    if recipient is None:
        _print_acts(_acts(env_file, tenant, limit), as_json=as_json)
    else:
        history = _history(env_file, tenant, phone_of(recipient), limit)
        _print_history(history, as_json=as_json)


def _acts(env_file: Path, tenant_id: str, limit: int) -> list[AuditView]:
    async def read(_settings: Settings, database: Database) -> list[AuditView]:
        async with database.read() as tx:
            found = await list_audit(tx, tenant_id, before_id=None, limit=limit)
        return [audit_view(entry) for entry in found]

    return _from_database(env_file, read)


def _history(env_file: Path, tenant_id: str, recipient: str, limit: int) -> History:
    async def read(settings: Settings, database: Database) -> History:
        numbers = await number_hash(settings, database)
        async with database.read() as tx:
            return await load_history(
                tx, tenant_id, recipient, numbers=numbers, before_id=None, limit=limit
            )

    return _from_database(env_file, read)


def _from_database(env_file: Path, read: Callable[[Settings, Database], Awaitable[Done]]) -> Done:
    settings = load_settings(env_file=env_file, roles=frozenset())

    async def done() -> Done:
        database = await open_current(settings.database_url)
        try:
            return await read(settings, database)
        finally:
            await database.close()

    return asyncio.run(done())


def _print_acts(acts: list[AuditView], *, as_json: bool) -> None:
    if as_json:
        print(as_document(acts))
        return
    table = Table("at", "actor", "act", "object", "detail", box=None, pad_edge=False)
    for act in acts:
        at = act.at.isoformat(timespec="seconds")
        table.add_row(at, act.actor, act.act, escape(act.object), escape(_pairs(act)))
    Console(width=LINE_CHARS_MAX).print(table)


def _print_history(history: History, *, as_json: bool) -> None:
    if as_json:
        print(as_document(history))
        return
    for contact in history.contacts:
        spans = {
            "wrote to us": (contact.first_in_at, contact.last_in_at),
            "heard from us": (contact.first_out_at, contact.last_out_at),
        }
        told = [
            f"{what} from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
            for what, (first, last) in spans.items()
            if first and last
        ]
        print(f"{contact.brand_id}: {', '.join(told) or 'never in touch'}")
    table = Table("at", "what", "id", "of it", box=None, pad_edge=False)
    for entry in history.entries:
        what, id_, of_it = _told(entry)
        table.add_row(entry.at.isoformat(timespec="seconds"), what, id_, escape(of_it))
    Console(width=LINE_CHARS_MAX).print(table)


def _told(entry: HistoryEntryView) -> tuple[str, str, str]:
    """Return what an entry is, its id, and what matters of it."""
    if entry.message and entry.grounds:
        return "message", entry.message.id, _told_of(entry.message, entry.grounds)
    if one := entry.inbound:
        flag = ", flagged" if one.flagged else ""
        return "inbound", one.id, f"{one.text or '-'} (read as {one.reply}: {one.outcome}{flag})"
    if opt_out := entry.opt_out:
        told = f"{opt_out.scope.value}, by {opt_out.source.value}: {opt_out.reason}"
        if opt_out.ended_at:
            told += f", ended {opt_out.ended_at:%Y-%m-%d %H:%M} by {opt_out.ended_by}"
        return "opt-out", opt_out.id, told
    if consent := entry.consent:
        told = f"{consent.consent_class.value}, by {consent.method.value} at {consent.given_at}"
        return "consent", consent.id, told
    if revocation := entry.revocation:
        ended_class = revocation.consent_class.value if revocation.consent_class else "all"
        return "revocation", revocation.id, f"of {ended_class}, by {revocation.source}"
    assert entry.audit, "an entry is one of these"
    return entry.audit.act, entry.audit.object, f"by {entry.audit.actor}; {_pairs(entry.audit)}"


def _told_of(message: MessageView, grounds: GroundsView) -> str:
    closes = grounds.window_closes_at
    parts = [
        f"{message.category.value}, {message.state.value}",
        message.reason or message.hold_reason,
        f"consent {grounds.consent_id or grounds.consent}" if grounds.consent else None,
        f"window until {closes:%Y-%m-%d %H:%M}" if closes else "no window",
        f"opt-outs {grounds.opt_outs}",
    ]
    return "; ".join(part for part in parts if part)


def _pairs(act: AuditView) -> str:
    return ", ".join(f"{name}: {value}" for name, value in act.detail.items())
