"""TLS of our own: what is shown, and what is not accepted."""

import os
import ssl

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.serving import serving
from wirephoto.api.tls import CertificateFiles, RenewedCertificate
from wirephoto.simulator.tls import make_identity


def write(folder, identity, *, turn: int):
    """Write a certificate as whoever renews it does; `turn` makes the time of writing another."""
    files = CertificateFiles(folder / "chain.pem", folder / "key.pem")
    files.chain.write_text(identity.certificate)
    files.key.write_text(identity.private_key)
    for path in (files.chain, files.key):
        os.utime(path, ns=(turn, turn))
    return files


def trusting(identity) -> ssl.SSLContext:
    """Return a client's context that knows this certificate alone."""
    return ssl.create_default_context(cadata=identity.certificate)


async def get(url, identity):
    """Ask over a new connection, and return the answer."""
    async with httpx.AsyncClient(verify=trusting(identity), trust_env=False) as http:
        return await http.get(f"{url}/who")


async def test_it_speaks_tls_and_says_so(tmp_path):
    """Browsers are told to come back over TLS only."""
    identity = make_identity()
    certificate = RenewedCertificate(write(tmp_path, identity, turn=1))
    async with serving(scheme="https", tls=certificate.context) as url:
        answer = await get(url, identity)

    assert answer.json()["scheme"] == "https"
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")


async def test_a_renewed_certificate_counts_from_the_next_connection_on(tmp_path):
    """Certificates that live for days are renewed while the gateway runs."""
    first, second = make_identity(), make_identity()
    certificate = RenewedCertificate(write(tmp_path, first, turn=1))
    async with serving(scheme="https", tls=certificate.context) as url:
        await get(url, first)
        write(tmp_path, second, turn=2)

        assert (await get(url, second)).status_code == 200
        with pytest.raises(httpx.ConnectError):
            await get(url, first)


async def test_half_a_renewal_shows_the_last_good_one(tmp_path):
    """The two files are written one after the other."""
    first, second = make_identity(), make_identity()
    files = write(tmp_path, first, turn=1)
    certificate = RenewedCertificate(files)
    async with serving(scheme="https", tls=certificate.context) as url:
        files.chain.write_text(second.certificate)
        assert (await get(url, first)).status_code == 200
        files.key.write_text(second.private_key)
        os.utime(files.key, ns=(3, 3))
        assert (await get(url, second)).status_code == 200


def test_old_versions_are_refused(tmp_path):
    """TLS 1.1 is broken (RFC 8996)."""
    certificate = RenewedCertificate(write(tmp_path, make_identity(), turn=1))

    assert certificate.context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_key_with_a_passphrase_is_refused(tmp_path):
    """OpenSSL would ask for it at the terminal, and a gateway that starts at night would wait."""
    identity = make_identity()
    files = write(tmp_path, identity, turn=1)
    key = load_pem_private_key(identity.private_key.encode(), password=None)
    files.key.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )

    with pytest.raises(ssl.SSLError):
        RenewedCertificate(files)
