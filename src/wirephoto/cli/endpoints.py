"""`wirephoto endpoints`: where customers are told of events."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wirephoto.api.endpoints import EndpointSecret, answer_view, endpoint_view
from wirephoto.bootstrap import hash_key, make_courier, open_current
from wirephoto.cli.keys import LINE_CHARS_MAX, Json, TenantId
from wirephoto.cli.operating import as_document, bad_parameter, found
from wirephoto.cli.serve import EnvFile
from wirephoto.clock import SystemClock
from wirephoto.config import ENV_FILE, load_settings
from wirephoto.domain.sealing import Sealing
from wirephoto.engine.endpoints import Endpoints, Made, Wanted
from wirephoto.errors import RequestRefused
from wirephoto.ids import Ids
from wirephoto.storage.endpoints import OwnEndpoint
from wirephoto.storage.schema import DEFAULT_TENANT

Done = TypeVar("Done")
Id = Annotated[str, typer.Argument(metavar="ID", help="The endpoint's id.")]
Event = Annotated[
    list[str] | None, typer.Option(help="A type of event to tell of; several may be given.")
]

app = typer.Typer(help="Steer where customers are told of events.", no_args_is_help=True)


@app.command("list")
def list_(
    tenant: TenantId = DEFAULT_TENANT, as_json: Json = False, env_file: EnvFile = ENV_FILE
) -> None:
    """List the endpoints, the newest first: what waits for each, and whether it answers.

    Example: wirephoto endpoints list
    """
    own = _operate(env_file, tenant, lambda endpoints: endpoints.all())
    if as_json:
        print(as_document([endpoint_view(each) for each in own]))
        return
    table = Table("id", "url", "events", "waiting", "state", box=None, pad_edge=False)
    for each in own:
        types = ", ".join(each.endpoint.event_types or ("all",))
        table.add_row(
            each.endpoint.id, escape(each.endpoint.url), types, f"{each.waiting:,}", _state(each)
        )
    Console(width=LINE_CHARS_MAX).print(table)


@app.command("create")
def create(
    url: Annotated[str, typer.Argument(metavar="URL", help="Its address: https, and public.")],
    event: Event = None,
    description: Annotated[str | None, typer.Option(help="What it is, for people.")] = None,
    tenant: TenantId = DEFAULT_TENANT,
    as_json: Json = False,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Make an endpoint and print its secret, this once.

    Example: wirephoto endpoints create https://shop.example.com/hooks --event message.delivered
    """
    wanted = Wanted(url, description, event)
    made = _operate(env_file, tenant, lambda endpoints: endpoints.create(wanted))
    _show_secret(made, as_json=as_json)


@app.command("enable")
def enable(
    endpoint_id: Id, tenant: TenantId = DEFAULT_TENANT, env_file: EnvFile = ENV_FILE
) -> None:
    """Let an endpoint hear of events again: it goes on where it was.

    Example: wirephoto endpoints enable end_01m84c4fdwegzrcdvqsdb9znzp
    """
    _change(endpoint_id, Wanted(enabled=True), env_file, tenant=tenant)


@app.command("disable")
def disable(
    endpoint_id: Id, tenant: TenantId = DEFAULT_TENANT, env_file: EnvFile = ENV_FILE
) -> None:
    """Tell an endpoint of nothing, until somebody enables it.

    Example: wirephoto endpoints disable end_01m84c4fdwegzrcdvqsdb9znzp
    """
    _change(endpoint_id, Wanted(enabled=False), env_file, tenant=tenant)


@app.command("delete")
def delete(
    endpoint_id: Id, tenant: TenantId = DEFAULT_TENANT, env_file: EnvFile = ENV_FILE
) -> None:
    """Forget an endpoint, and what waits for it.

    Example: wirephoto endpoints delete end_01m84c4fdwegzrcdvqsdb9znzp
    """
    own = _operate(env_file, tenant, lambda endpoints: endpoints.delete(endpoint_id))
    found(own, endpoint_id, "endpoint")
    print(f"{endpoint_id} is forgotten.")


@app.command("rotate")
def rotate(
    endpoint_id: Id,
    tenant: TenantId = DEFAULT_TENANT,
    as_json: Json = False,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Give an endpoint another secret and print it; the old one signs beside it for 24 hours.

    Example: wirephoto endpoints rotate end_01m84c4fdwegzrcdvqsdb9znzp
    """
    made = _operate(env_file, tenant, lambda endpoints: endpoints.rotate(endpoint_id))
    _show_secret(found(made, endpoint_id, "endpoint"), as_json=as_json)


@app.command("test")
def send_test(
    endpoint_id: Id,
    tenant: TenantId = DEFAULT_TENANT,
    as_json: Json = False,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Send an endpoint one signed event, and tell how it answers; 1 where it does not take it.

    Example: wirephoto endpoints test end_01m84c4fdwegzrcdvqsdb9znzp
    """
    answer = found(
        _operate(env_file, tenant, lambda endpoints: endpoints.test(endpoint_id)),
        endpoint_id,
        "endpoint",
    )
    if as_json:
        print(msgspec.json.encode(answer_view(answer)).decode())
    else:
        said = answer.reason if answer.status is None else f"HTTP status {answer.status}"
        print(f"{endpoint_id}: {'it took the event' if answer.is_success else said}.")
    if not answer.is_success:
        raise typer.Exit(1)


@app.command("replay")
def replay(
    endpoint_id: Id,
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z"], help="With zone.")],
    tenant: TenantId = DEFAULT_TENANT,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Tell an endpoint again what happened since a time.

    Example: wirephoto endpoints replay end_01m84c4fdwegzrcdvqsdb9znzp --since 2026-03-04T15:00:00Z
    """
    begin = since.astimezone(UTC)
    own = _operate(env_file, tenant, lambda endpoints: endpoints.replay(endpoint_id, since=begin))
    found(own, endpoint_id, "endpoint")
    print(f"{endpoint_id} is told again what happened since {begin:%Y-%m-%d %H:%M:%S} UTC.")


def _change(endpoint_id: str, wanted: Wanted, env_file: Path, *, tenant: str) -> None:
    own = _operate(env_file, tenant, lambda endpoints: endpoints.change(endpoint_id, wanted))
    print(f"{endpoint_id}: {_state(found(own, endpoint_id, 'endpoint'))}.")


def _operate(env_file: Path, tenant: str, act: Callable[[Endpoints], Awaitable[Done]]) -> Done:
    """Return what `act` does with a tenant's endpoints, over the database of the settings.

    Raises:
        BadParameter: what was typed breaks a rule.
    """
    settings = load_settings(env_file=env_file, roles=frozenset())

    async def done() -> Done:
        clock = SystemClock()
        sealing = Sealing(secret.get_secret_value() for secret in settings.secret)
        courier = make_courier(settings, sealing, clock)
        database = await open_current(settings.database_url)
        try:
            sealing.learn(await hash_key(database))
            return await act(
                Endpoints(
                    database,
                    tenant_id=tenant,
                    actor="cli",
                    clock=clock,
                    ids=Ids(),
                    courier=courier,
                )
            )
        finally:
            await courier.close()
            await database.close()

    try:
        return asyncio.run(done())
    except RequestRefused as refused:
        raise bad_parameter(refused) from refused


def _show_secret(made: Made, *, as_json: bool) -> None:
    if as_json:
        view = EndpointSecret(endpoint_view(made.endpoint), made.secret)
        print(msgspec.json.encode(view).decode())
        return
    print(made.secret)
    typer.echo(f"It is the secret of {made.endpoint.endpoint.id}; keep it now.", err=True)


def _state(own: OwnEndpoint) -> str:
    endpoint = own.endpoint
    if endpoint.disabled_at:
        return f"disabled since {endpoint.disabled_at:%Y-%m-%d %H:%M} UTC ({endpoint.disabled_by})"
    if endpoint.failing_since:
        return f"fails since {endpoint.failing_since:%Y-%m-%d %H:%M} UTC"
    return "enabled"
