"""The rules of texts: as captions, alone, and in the place of a picture."""

import msgspec
import pytest

from tests.domain.test_request import check, faults
from wirephoto.domain.request import MessageRequest


def instead(text):
    """Return the fields of a picture that has a text in reserve."""
    return {"fallback": {"sms": {"text": text}}}


def test_a_text_alone_may_be_longer_than_a_caption():
    """The provider takes 3,200 characters as SMS and 3,000 below a picture (contract 1.4, 1.5)."""
    assert check(text="a" * 3000).text
    assert check(text="a" * 3200, media=[]).text
    assert faults(text="a" * 3001) == [("text", "too_long")]
    assert faults(text="a" * 3201, media=[]) == [("text", "too_long")]


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_a_text_without_a_picture_says_something(text):
    """An empty SMS costs as much as another."""
    assert faults(text=text, media=[]) == [("media", "required")]


def test_a_picture_may_have_a_text_in_reserve():
    """It is kept as it was written."""
    assert check(**instead("A cat, sorry")).fallback_text == "A cat, sorry"
    assert check().fallback_text is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "required"),
        (" \n", "required"),
        ("a" * 3201, "too_long"),
        ("\x00", "null_character"),
    ],
)
def test_a_text_in_reserve_keeps_the_rules_of_an_sms(text, code):
    """Found out at once, not when the picture has failed and nobody is looking."""
    assert ("fallback.sms.text", code) in faults(**instead(text))


def test_only_a_picture_has_a_text_in_reserve():
    """A text that may fail and then be followed by another is a misunderstanding."""
    assert faults(media=[], **instead("Other words")) == [("fallback", "conflict")]


@pytest.mark.parametrize("fallback", [{}, {"sms": {}}, {"sms": "Hi"}, {"rcs": {"text": "Hi"}}])
def test_there_is_one_kind_of_fallback(fallback):
    """What is not known is refused rather than passed over: somebody relies on it."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"to": "+12127365000", "fallback": fallback}, MessageRequest)
