"""`wirephoto send`: one picture through a gateway that runs, followed to the carrier's word."""

from importlib import resources

import pytest

from wirephoto.cli.client import NO_GATEWAY

RECIPIENT = "+12125550123"


@pytest.fixture
def send(run, served):
    """Give a function that sends through the gateway."""

    def send(*arguments, **environment):
        known = {"WIREPHOTO_URL": served.url, "WIREPHOTO_API_KEY": served.key}
        return run("send", *arguments, **(known | environment))

    return send


@pytest.fixture(scope="session")
def picture(served):
    return f"{served.simulator}/simulator/sample.jpg"


def test_a_picture_is_sent_and_its_id_printed(send, picture):
    """The id is what a script keeps."""
    said = send(RECIPIENT, picture, "--caption", "A cat")

    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("msg_")
    assert said.out.count("\n") == 1


def test_a_file_is_uploaded_and_sent(send, tmp_path):
    """What people have is a file, not an address."""
    file = tmp_path / "my cat.jpg"
    file.write_bytes(resources.files("wirephoto.simulator").joinpath("sample.jpg").read_bytes())

    said = send(RECIPIENT, file, "--caption", "A cat", "--wait")

    assert (said.code, said.err) == (0, "")
    assert "delivered" in said.out


def test_a_file_that_cannot_be_sent_is_refused(send, tmp_path):
    """What is missing before anything is asked, what is empty by the gateway."""
    empty = tmp_path / "empty.jpg"
    empty.touch()

    missing, refused = send(RECIPIENT, tmp_path / "none.jpg"), send(RECIPIENT, empty)

    assert (missing.code, missing.out) == (2, "")
    assert missing.err.endswith("none.jpg: is neither a file here nor an address\n")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("file: ")


def test_waiting_ends_with_the_carriers_word(send, picture):
    """Exit code 0 means that it was delivered, and nothing else."""
    said = send("(212) 555-0123", picture, "--from", "12025550100", "--wait")

    assert said.code == 0
    states = [line.split()[1] for line in said.out.splitlines()[1:]]
    assert states[0] == "preparing"
    assert states[-2:] == ["submitted", "delivered"]


@pytest.mark.parametrize(
    ("recipient", "state"), [("+12125550152", "rejected"), ("+12125550137", "unconfirmed")]
)
def test_what_is_not_delivered_is_a_failure(send, picture, recipient, state):
    """A script that waits must not take a refusal for a success."""
    said = send(recipient, picture, "--wait")

    assert said.code == 1
    assert said.out.splitlines()[-1].split()[1] == state


def test_a_refusal_names_the_field(send):
    """Each mistake on a line of its own."""
    said = send("+1212", "ftp://pictures.example.com/cat.jpg")

    assert (said.code, said.out) == (1, "")
    assert [line.split(":")[0] for line in said.err.splitlines()] == ["to", "media[0].url"]


def test_a_wrong_key_is_told(send, picture):
    """By the gateway's own sentence."""
    said = send(RECIPIENT, picture, WIREPHOTO_API_KEY="wrong")

    assert (said.code, said.out) == (1, "")
    assert "API key" in said.err


def test_without_a_key_it_says_how_to_make_one(send, picture):
    """Wrong use, so exit code 2."""
    said = send(RECIPIENT, picture, WIREPHOTO_API_KEY="")

    assert (said.code, said.out) == (2, "")
    assert "wirephoto keys create" in said.err


@pytest.mark.parametrize(
    ("url", "said_of_it"),
    [
        ("http://127.0.0.1:1", "no gateway answers there"),
        ("not a url", "not a url"),
    ],
)
def test_where_no_gateway_is_the_address_is_told(send, picture, url, said_of_it):
    """One line with the address that was tried, no traceback."""
    said = send(RECIPIENT, picture, "--url", url)

    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(url)
    assert said_of_it in said.err
    assert said.err.count("\n") == 1


def test_another_service_is_not_taken_for_a_gateway(send, served, picture):
    """Port 3000 is popular."""
    said = send(RECIPIENT, picture, "--url", f"{served.simulator}/simulator/sample.jpg?")

    assert (said.code, said.out) == (1, "")
    assert NO_GATEWAY in said.err
