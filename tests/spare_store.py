"""Where gateways of tests keep files that no test looks at: never where the tests are run."""

import atexit
import tempfile

_FOLDER = tempfile.TemporaryDirectory(prefix="wirephoto-store-")
atexit.register(_FOLDER.cleanup)

SPARE_STORE = _FOLDER.name
"""A folder that lasts as long as the tests do."""
