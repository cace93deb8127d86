"""Stored secrets are read by whoever has the operator's secret, in the row they are of."""

import pytest

from wirephoto.domain.sealing import NONCE_BYTES, Sealing
from wirephoto.errors import SecretUnreadable

NONCE = bytes(NONCE_BYTES)


def test_what_is_sealed_is_opened_again():
    """And shows nothing of itself."""
    sealed = Sealing(["new"]).seal("whsec_text", owner="end_1", nonce=NONCE)

    assert "whsec" not in sealed
    assert Sealing(["new"]).open(sealed, owner="end_1") == "whsec_text"


def test_an_older_secret_still_opens():
    """A rotation of WIREPHOTO_SECRET must not stop the deliveries."""
    sealed = Sealing(["old"]).seal("text", owner="end_1", nonce=NONCE)
    learning = Sealing(["new"])
    learning.learn("old")

    assert Sealing(["new", "old"]).open(sealed, owner="end_1") == "text"
    assert learning.open(sealed, owner="end_1") == "text"
    assert learning.seal("text", owner="end_1", nonce=NONCE) == Sealing(["new"]).seal(
        "text", owner="end_1", nonce=NONCE
    )


@pytest.mark.parametrize(("secret", "owner"), [("other", "end_1"), ("new", "end_2")])
def test_it_opens_nowhere_else(secret, owner):
    """Whoever can write to the database could else give their endpoint another one's secret."""
    sealed = Sealing(["new"]).seal("text", owner="end_1", nonce=NONCE)

    with pytest.raises(SecretUnreadable, match=owner):
        Sealing([secret]).open(sealed, owner=owner)
