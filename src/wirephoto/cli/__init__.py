"""The command line: parse arguments, call one function, print.

Exit codes: 0 done, 1 failed, 2 wrong use or wrong settings (one line per fault).
"""

import sys

import typer

from wirephoto import __version__
from wirephoto.cli import (
    audit,
    campaigns,
    consents,
    database,
    demo,
    documents,
    endpoints,
    forecast,
    keys,
    media,
    opt_outs,
    send,
    senders,
    serve,
    simulate,
    tenants,
)
from wirephoto.errors import SettingsInvalid, StorageUnavailable, WirephotoError

app = typer.Typer(
    name="wirephoto",
    help="A self-hosted MMS gateway for the Vonage Messages API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("simulate")(simulate.simulate)
app.command("send")(send.send)
app.command("audit")(audit.audit)
app.command("forecast")(forecast.forecast)
app.command("openapi")(documents.openapi)
app.add_typer(database.app, name="db")
app.add_typer(keys.app, name="keys")
app.add_typer(tenants.app, name="tenants")
app.add_typer(media.app, name="media")
app.add_typer(senders.app, name="senders")
app.add_typer(campaigns.app, name="campaigns")
app.add_typer(consents.app, name="consents")
app.add_typer(opt_outs.app, name="opt-outs")
app.add_typer(endpoints.app, name="endpoints")


@app.command("version")
def version() -> None:
    """Print the version.

    Example: wirephoto version
    """
    print(__version__)


def main() -> None:
    """Run the command that the arguments name; exit 0, 1 or 2."""
    try:
        app()
    except SettingsInvalid as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        sys.exit(2)
    except StorageUnavailable as error:
        print(f"DATABASE_URL: cannot be used now ({error})", file=sys.stderr)
        sys.exit(1)
    except WirephotoError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
