"""Secrets that must be read again, stored so that a copy of the database alone does not tell them.

AES-256-GCM under a key derived (HKDF, RFC 5869) from the operator's secret. The owner's id is bound
to the text: moved into another row, it cannot be opened there.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wirephoto.errors import SecretUnreadable

NONCE_BYTES = 12
"""Random bytes that each sealing takes (NIST SP 800-38D, section 8.2.2)."""


class Sealing:
    """Seals under the first of some secrets, and opens what was sealed under any of them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._ciphers = [_cipher(secret) for secret in secrets]

    def learn(self, secret: str) -> None:
        """Add a secret, older than all others: with a newer one, nothing new is sealed under it."""
        self._ciphers.append(_cipher(secret))

    def seal(self, text: str, *, owner: str, nonce: bytes) -> str:
        """Return `text` sealed for `owner`; a `nonce` is random and serves once."""
        assert self._ciphers, "a secret is learnt before anything is sealed"
        sealed = self._ciphers[0].encrypt(nonce, text.encode(), owner.encode())
        return b64encode(nonce + sealed).decode()

    def open(self, sealed: str, *, owner: str) -> str:
        """Return the text that was sealed for `owner`.

        Raises:
            SecretUnreadable: under none of the secrets that are known now.
        """
        raw = b64decode(sealed)
        nonce, body = raw[:NONCE_BYTES], raw[NONCE_BYTES:]
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(nonce, body, owner.encode()).decode()
            except InvalidTag:
                continue
        raise SecretUnreadable(owner)


def _cipher(secret: str) -> AESGCM:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"wirephoto: stored secrets")
    return AESGCM(derived.derive(secret.encode()))
