"""API keys: what is made is accepted, what is mistyped is not, and nothing gives a key away."""

import hashlib
import random
import re
from collections import Counter
from zlib import crc32

import pytest

from wirephoto.domain.api_key import (
    KeyMode,
    Scope,
    allows,
    is_well_formed,
    key_hash,
    key_hint,
    make_key,
    mode_of,
)

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def make(mode: KeyMode = KeyMode.LIVE, seed: int = 1) -> str:
    return make_key(mode, random.Random(seed).randbytes)


@pytest.mark.parametrize("mode", KeyMode)
def test_a_key_has_its_mode_thirty_random_characters_and_a_checksum(mode):
    """Secret scanners and people recognise a key by this form."""
    key = make(mode)

    assert re.fullmatch(rf"wp_{mode}_[0-9A-Za-z]{{36}}", key)
    assert is_well_formed(key)
    assert mode_of(key) is mode


def test_the_checksum_is_the_crc_of_everything_before_it():
    """Others (a scanner, another gateway) must be able to compute it from the description."""
    key = make()
    value = 0
    for char in key[-6:]:
        value = value * 62 + ALPHABET.index(char)

    assert value == crc32(key[:-6].encode())


def test_a_small_checksum_keeps_its_leading_zeros():
    """A key whose checksum happens to be small is as long as any other."""
    keys = [make(seed=seed) for seed in range(400)]

    assert {len(key) for key in keys} == {44}
    assert any(key[-6] == "0" for key in keys)


def test_every_single_typing_error_is_noticed():
    """A mistyped key must not cost a look-up in the database."""
    key = make()
    wrong = [
        key[:at] + char + key[at + 1 :]
        for at in range(len(key))
        for char in ALPHABET + "_"
        if char != key[at]
    ]

    assert not [candidate for candidate in wrong if is_well_formed(candidate)]


def test_two_neighbours_swapped_are_noticed():
    """The other common typing error."""
    key = make()
    wrong = [key[:at] + key[at + 1] + key[at] + key[at + 2 :] for at in range(len(key) - 1)]

    assert not [candidate for candidate in wrong if candidate != key and is_well_formed(candidate)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "wp_live_",
        make()[:-1],
        make() + "0",
        make() + "\n",
        " " + make(),
        make().replace("live", "test"),
        make().upper(),
        make().replace("wp", "sk"),
        "wp_live_" + "é" * 36,
        "wp_live_" + "\N{FULLWIDTH DIGIT ONE}" * 36,
        "wp_live_" + "0" * 36,
        "x" * 100_000,
    ],
)
def test_anything_else_is_not_a_key(text):
    """Whatever a client puts into the header, the answer is no and never an error."""
    assert not is_well_formed(text)
    assert mode_of(text) is None


def test_every_character_is_equally_likely():
    """A bias would make keys easier to guess: each character stands for exactly four bytes."""
    counts = Counter(make_key(KeyMode.LIVE, bytes([byte]).__mul__)[8] for byte in range(248))

    assert counts == dict.fromkeys(ALPHABET, 4)


def test_bytes_that_would_favour_a_character_are_drawn_again():
    """256 is no multiple of 62: the eight values left over must not be used."""
    draws = iter([bytes(range(248, 256)) * 4, b"\x00" * 30])

    assert make_key(KeyMode.LIVE, lambda count: next(draws)[:count])[8:38] == "0" * 30


def test_a_source_that_is_not_random_is_noticed():
    """Better no key than a loop without end."""
    with pytest.raises(ValueError, match="random"):
        make_key(KeyMode.LIVE, lambda count: b"\xff" * count)


def test_different_randomness_gives_different_keys():
    """No two customers may ever share one."""
    assert len({make(seed=seed) for seed in range(1000)}) == 1000


def test_what_is_stored_is_a_plain_sha_256():
    """The stored form must stay the same for ever, or every key dies with an upgrade."""
    key = make()

    assert key_hash(key) == hashlib.sha256(key.encode()).hexdigest()
    assert key_hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_any_text_can_be_hashed():
    """An operator may choose a first key freely, and a header may hold anything."""
    assert len({key_hash(text) for text in ("", "ü", "\ud800", "my own key")}) == 4


def test_a_hint_shows_the_prefix_and_four_characters():
    """Enough to tell keys apart in a list, far too little to guess one."""
    key = make()

    assert key_hint(key) == key[:12] + "…"


@pytest.mark.parametrize("text", ["", "secret", "wp_live_secret", "x" * 44])
def test_a_hint_shows_nothing_of_what_is_no_key_of_ours(text):
    """A short secret would be given away by its first characters."""
    assert key_hint(text) == "…"


@pytest.mark.parametrize("needed", Scope)
def test_admin_may_do_everything_and_nobody_else_more_than_granted(needed):
    """A key for sending must not read, and none may do what it was not given."""
    others = [scope for scope in Scope if scope not in (needed, Scope.ADMIN)]

    assert allows({Scope.ADMIN}, needed)
    assert allows({needed}, needed)
    assert not allows(others, needed)
    assert not allows([], needed)
