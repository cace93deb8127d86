"""`wirephoto demo`: the whole way in a minute, without an account."""

import re
import signal
import socket

from tests.cli.curl import curl


def test_the_sample_picture_is_delivered_as_often_as_one_likes(start, tmp_path):
    """The first thing that anybody runs, and the second: the data of the first is still there."""
    data = tmp_path / "my data"
    for _ in range(2):
        process = start("demo", "--once", "--port", "0", "--data-dir", data)

        assert process.end() == 0, process.err
        states = re.findall(r"^  [\d:.]+  (\w+)$", process.out, re.MULTILINE)
        # Where the machine is slow a slot may be missed: the message then takes the next one.
        way = "preparing( queued sending)+ submitted delivered"
        assert re.fullmatch(way, " ".join(states)), states
        assert process.out.rstrip().endswith("delivered")
        assert process.err == ""


def test_the_curl_that_it_prints_works(start, tmp_path):
    """Whoever copies it sees their first picture go."""
    # An account in the environment is another one's: the demo needs none, and touches none.
    mine = {"VONAGE_PRIVATE_KEY_PATH": "mine.key", "WIREPHOTO_ROLES": "api", "PORT": "x"}
    process = start("demo", "--port", "0", "--data-dir", tmp_path / "data", **mine)
    process.until("Ctrl-C")
    printed = process.out[process.out.index("  curl") :].rpartition("\n")[0]
    command = printed.partition("\n\n")[0]
    assert command.strip().startswith("curl -X POST http://127.0.0.1:")

    status, answer = curl(command)

    assert process.end(signal.SIGTERM) == 0
    assert (status, answer["success"]) == (200, True)
    assert answer["message_uuid"]
    assert "Traceback" not in process.err


def test_it_stops_when_told_to_before_it_is_done(start, tmp_path):
    """Ctrl-C in the first second is not a crash, and not a success either."""
    process = start("demo", "--once", "--port", "0", "--data-dir", tmp_path / "data")
    process.until("A picture goes to")

    code = process.end(signal.SIGINT)

    assert code == 1
    assert "Traceback" not in process.err


def test_a_port_in_use_is_told(run):
    """Port 3000 is popular."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        said = run("demo", "--once", "--port", port)

    assert said.code == 1
    assert said.err.startswith(f"127.0.0.1:{port}: Address already in use")


def test_a_data_folder_that_cannot_be_written_is_told(run, tmp_path):
    """A line that says what is wrong, not a traceback."""
    (tmp_path / "file").touch()

    said = run("demo", "--once", "--port", "0", "--data-dir", tmp_path / "file")

    assert said.code == 1
    assert said.err.splitlines()[-1].startswith("DATABASE_URL: cannot be used now")
