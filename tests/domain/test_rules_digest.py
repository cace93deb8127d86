"""When two processes reckon alike, and when they do not."""

from datetime import timedelta
from types import SimpleNamespace

from wirephoto.domain import rules_digest
from wirephoto.domain.rules_digest import digest_of


def test_the_same_rules_have_the_same_digest():
    """Whoever starts again with them reckons nothing anew."""
    assert digest_of("state", "rules") == digest_of("state", "rules")


def test_other_rules_have_another_one():
    """Nor is it the same text that ends elsewhere."""
    assert (
        len({digest_of(*texts) for texts in (["a", "b"], ["ab"], ["b", "a"], ["a", "b", ""])}) == 4
    )


def test_clocks_that_go_otherwise_have_another_one(monkeypatch):
    """A congress that ends the changing of clocks changes no word of a law on quiet hours."""
    before = digest_of("state")
    changed = SimpleNamespace(utcoffset=lambda *_: timedelta(hours=-5))
    monkeypatch.setattr(rules_digest, "_clock", lambda zone: f"{zone} {changed.utcoffset()}")
    rules_digest._clocks.cache_clear()

    assert digest_of("state") != before

    rules_digest._clocks.cache_clear()
