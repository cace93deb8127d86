"""Keyed hashes of numbers: the same number is known again when the number itself is forgotten."""

import hashlib
import hmac
from collections.abc import Iterable


class NumberHash:
    """Hashes phone numbers under the first of some keys, and knows those made under the others.

    A plain hash would be none: all numbers of a country can be tried in minutes.
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._keys = [key.encode() for key in keys]

    def learn(self, key: str) -> None:
        """Add a key, older than all others: with a newer one, nothing new is hashed under it."""
        if key.encode() not in self._keys:
            self._keys.append(key.encode())

    def of(self, number: str) -> str:
        """Return the number's hash under the first key: 64 hexadecimal digits."""
        return self.all_of(number)[0]

    def all_of(self, number: str) -> list[str]:
        """Return every hash under which the number may have been stored, the newest first."""
        assert self._keys, "a key is learnt before anything is hashed"
        return [hmac.new(key, number.encode(), hashlib.sha256).hexdigest() for key in self._keys]
