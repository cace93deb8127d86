"""Where pictures may be kept: a folder, or a bucket by its address."""

from pathlib import Path

import pytest

from wirephoto.config.values import media_store


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("data/media", "data/media"),
        (" /var/lib/wirephoto/media ", "/var/lib/wirephoto/media"),
        ("Bilder für alle", "Bilder für alle"),
        ("s3://pictures", "s3://pictures"),
        ("s3://pictures/", "s3://pictures"),
        ("s3://pictures/a/b/", "s3://pictures/a/b"),
        ("gs://my-project.example.com/wirephoto_1", "gs://my-project.example.com/wirephoto_1"),
        ("az://container/prefix", "az://container/prefix"),
    ],
)
def test_a_place_is_taken_in_its_usual_form(value, kept):
    """Two ways to write one place must not become two places."""
    assert media_store(value) == kept


def test_a_home_folder_is_found(monkeypatch):
    """A `.env` file has no shell that would replace `~`."""
    monkeypatch.setenv("HOME", "/home-of-a-test")

    assert media_store("~/media") == str(Path("/home-of-a-test/media"))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "a folder"),
        ("  ", "a folder"),
        ("canary\nmedia", "a folder"),
        ("canary\0", "a folder"),
        ("~canary-nobody/media", "home folder"),
        ("s3:canary", "s3://BUCKET/PREFIX"),
        ("s3://", "s3://BUCKET/PREFIX"),
        ("s3:///canary", "s3://BUCKET/PREFIX"),
        ("s3a://canary", "s3://BUCKET/PREFIX"),
        ("https://canary.example/media", "s3://BUCKET/PREFIX"),
        ("s3://canary:canary@bucket/media", "letters, digits"),
        ("s3://bucket/canary?x=1", "letters, digits"),
        ("s3://bucket/canary#x", "letters, digits"),
        ("s3://bucket//canary", "letters, digits"),
        ("s3://bucket/../canary", "letters, digits"),
        ("az://bucket/./canary", "letters, digits"),
        ("file:///canary", "must be a folder"),
    ],
)
def test_anything_else_is_refused_without_being_shown(value, said):
    """It may be a secret in the wrong place, and a typing error must not become a folder."""
    with pytest.raises(ValueError, match=said) as refused:
        media_store(value)

    assert "canary" not in str(refused.value)
