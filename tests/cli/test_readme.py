"""What the README and the pages say to type works, and what they point to is there."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from tests.cli.curl import curl
from wirephoto.cli import app
from wirephoto.simulator.settings import make_credentials

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
README = PAGES[0].read_text(encoding="utf-8")


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def _lines() -> Iterator[tuple[str, str]]:
    """Yield every line that a reader is to type, with its page."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in _blocks(text, "bash"):
            for line in block.replace("\\\n", " ").splitlines():
                yield page.name, line.strip()
        for inline in re.findall(r"`((?:wirephoto|make) [^`]+)`", text):
            yield page.name, inline


def _typed(program: str) -> list[list[str]]:
    """Return the arguments of each line that runs `program`."""
    found = []
    for _, line in _lines():
        words = shlex.split(line.partition(" &")[0])
        if words and Path(words[0]).name == program:
            found.append(words[1:])
    return found


@pytest.mark.parametrize("words", _typed("make"), ids=" ".join)
def test_the_targets_exist(words):
    """The two commands that everybody types first."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert re.search(rf"^{words[0]}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("words", _typed("wirephoto"), ids=" ".join)
def test_the_commands_and_their_flags_exist(words):
    """A flag that was renamed is found here, and not by a reader."""
    command = get_command(app)
    rest = [word for word in words if word not in ("COMMAND", "--help")]
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    flags = {flag for parameter in command.params for flag in parameter.opts}

    assert not hasattr(command, "commands") or not rest, f"no such command: {words}"
    assert {word for word in rest if word.startswith("--")} <= flags


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """A link that leads nowhere says that nobody reads the page."""
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)

    missing = [
        target
        for target in targets
        if "://" not in target and not (page.parent / target).resolve().exists()
    ]
    assert not missing


@pytest.mark.parametrize(
    "command",
    [line for _, line in _lines() if line.startswith("curl") and ":3000/" in line],
    ids=lambda line: line.split()[3],
)
def test_the_curls_send_a_picture(served, command):
    """Copied, with nothing but the address of the machine and of the picture in its place."""
    command = command.replace("localhost:3000", served.url)
    command = re.sub(r'https://[^"]+\.jpg', f"{served.simulator}/simulator/sample.jpg", command)

    status, answer = curl(command, KEY=served.key)

    assert status in (200, 202)
    assert answer["id"].startswith("msg_")
    assert answer.get("success", True)


@pytest.mark.parametrize(
    "command",
    [line for _, line in _lines() if line.startswith("curl") and ":8900/" in line],
    ids=lambda line: line.split()[3],
)
def test_the_curls_steer_the_simulator(start, tmp_path, command):
    """Copied, as they stand in docs/simulator.md."""
    process = start("simulate", "--port", "0", "--out", tmp_path / "out")
    url = process.until(r"listens on (\S+)")

    settings = dict(re.findall(r'^(VONAGE_API_\w+)="(.*)"$', _out(tmp_path), re.MULTILINE))

    status, answer = curl(command.replace("localhost:8900", url), **settings)

    assert status in (200, 202), answer


def _out(folder: Path) -> str:
    [env_file] = (folder / "out").glob("*.env")
    return env_file.read_text()


def test_the_settings_of_a_real_account_are_accepted(run, tmp_path):
    """The block is pasted as it stands, with one's own values in it."""
    [block] = [each for each in _blocks(README, "bash") if "END" in each]
    settings = block.partition("<<'END'\n")[2].partition("END\n")[0]
    key_file = tmp_path / "private.key"
    key_file.write_text(make_credentials().private_key)
    key_file.chmod(0o600)
    (tmp_path / ".env").write_text(settings)

    said = run("keys", "create", "--name", "me")

    assert (said.code, said.out.startswith("wp_live_")) == (0, True), said.err


def test_the_example_of_an_error_is_what_the_gateway_answers(served):
    """Clients are written after it."""
    text = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    [example] = _blocks(text, "json")
    body = '{"to": "+18005550123", "text": "Hello"}'

    status, answer = curl(
        f"curl -X POST {served.url}/v1/messages -H 'X-API-Key: {served.key}' -d '{body}'"
    )

    assert answer == json.loads(example)
    assert status == answer["status"]
