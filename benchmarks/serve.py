"""`wirephoto serve` on a free port, with the settings of the environment only."""

import sys

from wirephoto.cli import main

sys.argv = ["wirephoto", "serve", "--port", "0", "--env-file", "/dev/null"]
main()
