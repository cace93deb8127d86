"""TLS of our own, where no proxy is in front; its certificate is renewed without a restart."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from wirephoto.telemetry import LogEvent, get_log

_log = get_log()


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A certificate chain and its private key, both PEM."""

    chain: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """Return a server's TLS context (1.2 or newer) that shows the certificate.

        Raises:
            OSError: a file cannot be read, or (`ssl.SSLError`) they do not belong together.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Without a password OpenSSL would ask for one at the terminal, and everything would wait.
        context.load_cert_chain(self.chain, self.key, password="")
        return context

    def written_at(self) -> tuple[int, int]:
        """Return when the two were last written, to tell whether they are others now."""
        return self.chain.stat().st_mtime_ns, self.key.stat().st_mtime_ns


class RenewedCertificate:
    """Shows each new connection the certificate that the files hold at that time.

    Who renews certificates writes two files, one after the other: until they belong together, and
    where they are broken, the last good one is shown.
    """

    def __init__(self, files: CertificateFiles) -> None:
        """Read the files.

        Raises:
            OSError: they cannot be used.
        """
        self._files = files
        self._written_at = files.written_at()
        self.context = files.context()
        self._newest = self.context
        self.context.set_servername_callback(self._choose)

    def _choose(
        self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: object
    ) -> None:
        try:
            written_at = self._files.written_at()
            if written_at != self._written_at:
                self._written_at = written_at
                self._newest = self._files.context()
        except OSError as error:
            _log.error(LogEvent.CERTIFICATE_UNUSABLE, error=str(error))
        connection.context = self._newest
