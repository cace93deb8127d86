"""Keyed hashes of numbers: known again, never guessed."""

import hashlib

from tests.factories import RECIPIENT, SENDER
from wirephoto.domain.keyed_hash import NumberHash


def test_a_number_is_known_again_by_its_hash():
    """Whoever opted out stays silent for us when the number itself was erased."""
    hashes = NumberHash(["newest", "older"])

    assert hashes.of(RECIPIENT) == NumberHash(["newest"]).of(RECIPIENT)
    assert hashes.all_of(RECIPIENT) == [
        NumberHash(["newest"]).of(RECIPIENT),
        NumberHash(["older"]).of(RECIPIENT),
    ]
    assert hashes.of(RECIPIENT) != hashes.of(SENDER)


def test_without_the_key_nobody_can_try_all_numbers():
    """Ten digits are tried in minutes; the hash must hang on something that is not in the table."""
    plain = hashlib.sha256(RECIPIENT.encode()).hexdigest()

    assert NumberHash(["a"]).of(RECIPIENT) not in (plain, NumberHash(["b"]).of(RECIPIENT))


def test_a_key_that_is_learnt_is_the_oldest():
    """What the database's own key hashed is found after the settings have got a secret."""
    hashes = NumberHash(["secret"])
    hashes.learn("installation")
    hashes.learn("secret")

    assert hashes.of(RECIPIENT) == NumberHash(["secret"]).of(RECIPIENT)
    assert hashes.all_of(RECIPIENT)[1:] == [NumberHash(["installation"]).of(RECIPIENT)]
