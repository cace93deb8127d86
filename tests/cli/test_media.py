"""The media pipeline at the command line: what is wrong use, before anything is decoded."""

import os

import pytest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.png", "--budget", "1000", "-o", "out"], "no file missing.png"),
        (["folder", "--budget", "1000", "-o", "out"], "no file folder"),
        (["cat.png", "--budget", "0", "-o", "out"], "--budget"),
        (["cat.png", "--budget", "many", "-o", "out"], "--budget"),
        (["cat.png", "--budget", "1000"], "--out"),
        (["cat.png", "-o", "out"], "--budget"),
        (["cat.png", "--budget", "1000", "-o", "folder"], "folder is a folder"),
        (["cat.png", "--budget", "1000", "-o", "no/where/out"], "no folder no/where"),
        (["cat.png", "--budget", "1000", "-o", "out", "--background", "red"], "#rrggbb"),
        (["cat.png", "--budget", "1000", "-o", "out", "--kind", "poem"], "--kind"),
    ],
)
def test_wrong_use_is_named_before_anything_is_decoded(run, tmp_path, arguments, said):
    """A script tells by the exit code whether it or the picture has to change."""
    (tmp_path / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "folder").mkdir()

    ran = run("media", "fit", *arguments)

    assert ran.code == 2
    assert said in " ".join(ran.err.split())
    assert ran.out == ""
    assert sorted(os.listdir(tmp_path)) == ["cat.png", "folder"]
