"""A folder for files under way: nobody else's, and gone with its process."""

import shutil
import signal
import subprocess
import sys

import pytest

from tests.processes import environment_without_settings
from wirephoto.media.scratch import PREFIX, Scratch

HOLDS = """
import sys
from pathlib import Path
from wirephoto.media.scratch import Scratch

with Scratch(Path(sys.argv[1])).path() as path:
    path.write_bytes(b"half a picture")
    print(path, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def start(tmp_path):
    """Give a function that starts a process which holds a file, and returns it."""
    started = []

    def start_one():
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDS, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment_without_settings(),
            text=True,
        )
        started.append(process)
        return process, process.stdout.readline().strip()

    yield start_one
    for process in started:
        process.kill()
        process.communicate()


def folders(tmp_path):
    return sorted(tmp_path.glob(f"{PREFIX}*"))


def test_each_path_is_its_own_and_ends_with_its_block(tmp_path):
    """Two uploads at once must not write into one file."""
    scratch = Scratch(tmp_path)

    with scratch.path() as one, scratch.path() as two:
        one.write_bytes(b"1")
        assert one != two
        assert not two.exists()

    [folder] = folders(tmp_path)
    assert list(folder.iterdir()) == []
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_failure_leaves_nothing(tmp_path):
    """25 MB for each broken picture would fill the disk."""

    def fail():
        with Scratch(tmp_path).path() as path:
            path.write_bytes(b"x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    [folder] = folders(tmp_path)
    assert list(folder.iterdir()) == []


def test_nothing_is_made_before_it_is_needed_and_nothing_is_left(tmp_path):
    """A process without media work leaves no trace; after the end another use begins anew."""
    scratch = Scratch(tmp_path)
    scratch.close()
    assert folders(tmp_path) == []

    for _ in range(2):
        with scratch.path() as path:
            path.write_bytes(b"x")
            scratch.close()
            assert folders(tmp_path) == []


def test_what_a_killed_process_left_is_swept_away(tmp_path, start):
    """And nothing of a process that lives."""
    killed, left = start()
    _, living = start()
    killed.send_signal(signal.SIGKILL)
    killed.wait()

    with Scratch(tmp_path).path() as path:
        path.write_bytes(b"x")

    assert len(folders(tmp_path)) == 2
    assert not [folder for folder in folders(tmp_path) if left.startswith(f"{folder}/")]
    assert [folder for folder in folders(tmp_path) if living.startswith(f"{folder}/")]


def test_a_folder_that_was_made_and_never_locked_is_swept_away(tmp_path):
    """Its process was killed between the two."""
    (tmp_path / f"{PREFIX}halfway").mkdir()

    with Scratch(tmp_path).path():
        [folder] = folders(tmp_path)

    assert folder.name != f"{PREFIX}halfway"


def test_other_files_are_left_alone(tmp_path):
    """The folder for temporary files is everybody's."""
    (tmp_path / "other").mkdir()
    (tmp_path / f"{PREFIX}file").write_text("not a folder")

    with Scratch(tmp_path).path():
        pass

    assert (tmp_path / "other").is_dir()
    assert (tmp_path / f"{PREFIX}file").is_file()


def test_a_folder_that_somebody_deleted_is_made_anew(tmp_path):
    """Systems clear their folder for temporary files; uploads must not fail from then on."""
    scratch = Scratch(tmp_path)
    with scratch.path() as path:
        shutil.rmtree(path.parent)

    with scratch.path() as path:
        path.write_bytes(b"x")
        assert path.read_bytes() == b"x"
