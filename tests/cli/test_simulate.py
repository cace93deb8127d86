"""`wirephoto simulate`: a provider on this machine, and the settings that lead a gateway to it."""

import signal
import socket
import ssl
import stat
import urllib.request

from dotenv import dotenv_values


def test_the_settings_that_it_writes_are_private_and_complete(served):
    """The file holds a key and secrets; a gateway refuses one that others may read."""
    values = dotenv_values(served.env_file)
    key = served.env_file.with_name("private.key")

    assert {stat.S_IMODE(path.stat().st_mode) for path in (served.env_file, key)} == {0o600}
    assert values["VONAGE_PRIVATE_KEY_PATH"] == str(key)
    assert values["VONAGE_BASE_URL"] == served.simulator
    assert values["DATABASE_URL"] == f"sqlite:///{served.env_file.with_name('wirephoto.db')}"


def test_it_speaks_tls_with_a_certificate_that_a_client_can_trust(start, tmp_path):
    """The provider's own SDKs speak nothing else."""
    process = start("simulate", "--port", "0", "--tls", "--out", tmp_path / "out")
    url = process.until(r"listens on (https://\S+)")
    command = process.until("A gateway uses it with: (.*)")

    certificate = tmp_path / "out" / "certificate.pem"
    context = ssl.create_default_context(cafile=str(certificate))
    with urllib.request.urlopen(
        f"{url}/simulator/sample.jpg", context=context, timeout=10
    ) as answer:
        picture = answer.read()

    assert picture.startswith(b"\xff\xd8")
    assert command.startswith(f"SSL_CERT_FILE={certificate} wirephoto serve --env-file ")
    assert process.end(signal.SIGTERM) == 0
    assert process.err == ""


def test_a_port_in_use_is_told(run):
    """Two simulators on one port are one too many."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        said = run("simulate", "--port", port)

    assert said.code == 1
    assert said.err.startswith(f"127.0.0.1:{port}: ")
    assert "already in use" in said.err
