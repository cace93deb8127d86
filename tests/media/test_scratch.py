"""Files under way have a folder of their own, and none outlives its process."""

import shutil
import subprocess
import sys

from tests.processes import environment_without_settings
from wirephoto.media.scratch import PREFIX, Scratch


def folders(parent):
    return sorted(parent.glob(f"{PREFIX}*"))


def test_a_path_is_ones_own_for_a_while(tmp_path):
    """What is there at the end is deleted, whatever went wrong in between."""
    scratch = Scratch(tmp_path)

    with scratch.path() as first, scratch.path() as second:
        first.write_bytes(b"a")
        assert first != second
        assert not second.exists()

    assert not first.exists()
    scratch.close()
    assert folders(tmp_path) == []


def test_nothing_is_made_before_it_is_needed(tmp_path):
    """A process that dispatches alone has no files."""
    Scratch(tmp_path).close()

    assert folders(tmp_path) == []


def test_what_a_killed_process_left_is_swept(tmp_path):
    """Each kill in the middle of a fetch would leave up to 25 MB."""
    code = (
        "import os, sys, pathlib; from wirephoto.media.scratch import Scratch\n"
        "with Scratch(pathlib.Path(sys.argv[1])).path() as path:\n"
        "    path.write_bytes(b'x'); os.kill(os.getpid(), 9)\n"
    )
    process = [sys.executable, "-c", code, str(tmp_path)]
    subprocess.run(process, check=False, env=environment_without_settings())
    (dead,) = folders(tmp_path)
    assert len(list(dead.iterdir())) == 1

    scratch = Scratch(tmp_path)
    with scratch.path():
        assert not dead.exists()
        assert len(folders(tmp_path)) == 1
    scratch.close()


def test_a_living_process_keeps_its_folder(tmp_path):
    """Two gateways on one machine must not sweep each other."""
    other = Scratch(tmp_path)
    with other.path() as path:
        path.write_bytes(b"x")
        scratch = Scratch(tmp_path)
        with scratch.path():
            assert path.exists()
        scratch.close()
    other.close()


def test_a_folder_that_somebody_deleted_is_made_again(tmp_path):
    """What clears the system's folder of old files may not know whose it is."""
    scratch = Scratch(tmp_path)
    with scratch.path():
        (folder,) = folders(tmp_path)
    shutil.rmtree(folder)

    with scratch.path() as path:
        path.write_bytes(b"x")
        assert path.exists()
    scratch.close()
