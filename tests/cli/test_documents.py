"""What every command has: help with an example, and the document of the interface."""

import json
from collections.abc import Iterator

import pytest
import typer
from typer.main import get_command

from wirephoto import __version__
from wirephoto.cli import app


def command_names() -> Iterator[tuple[str, ...]]:
    """Yield every command, as it is typed."""
    pending: list[tuple[tuple[str, ...], object]] = [((), get_command(app))]
    while pending:
        names, command = pending.pop()
        inner = getattr(command, "commands", None)
        if inner is None:
            yield names
        else:
            pending += [((*names, name), each) for name, each in inner.items()]


@pytest.mark.parametrize("names", sorted(command_names()), ids=" ".join)
def test_every_command_shows_an_example(run, names):
    """Most people read the example and nothing else."""
    said = run(*names, "--help")

    assert said.code == 0
    assert f"Example: wirephoto {' '.join(names)}" in " ".join(said.out.split())


def test_the_version_is_printed_alone(run):
    """Scripts compare it."""
    assert run("version").out == f"{__version__}\n"


def test_without_arguments_there_is_help(run):
    """The first thing that anybody types."""
    said = run()

    assert "demo" in said.out + said.err
    assert said.code in (0, 2)


@pytest.mark.parametrize("arguments", [["sned"], ["serve", "--prot", "1"], ["demo", "--port", "x"]])
def test_wrong_use_is_exit_code_two(run, arguments):
    """A script that mistypes a command must not take it for a failure to send."""
    said = run(*arguments)

    assert (said.code, said.out) == (2, "")
    assert arguments[1 if len(arguments) > 1 else 0] in said.err


def test_the_document_is_printed_as_json(run):
    """It feeds generators of clients."""
    said = run("openapi")

    document = json.loads(said.out)
    assert said.code == 0
    assert document["openapi"].startswith("3.1")
    assert "/send-mms" in document["paths"]


def test_the_command_line_is_a_typer_application():
    """The walk over its commands, which other tests rely on, finds them all."""
    assert isinstance(app, typer.Typer)
    assert {names[0] for names in command_names()} == {
        "serve",
        "demo",
        "simulate",
        "send",
        "forecast",
        "openapi",
        "version",
        "db",
        "audit",
        "campaigns",
        "consents",
        "endpoints",
        "keys",
        "media",
        "opt-outs",
        "senders",
        "tenants",
    }
