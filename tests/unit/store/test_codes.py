import re
from importlib.resources import files

import pytest

from pidalio.api.codes import CODES as OF_API
from pidalio.history.codes import CODES as OF_HISTORY
from pidalio.platforms.files.codes import CODES as OF_FILES
from pidalio.store.codes import CODES as OF_STORE

REPORT = re.compile(r"(?:Report\(\s*(?:Severity\.\w+|severity),|_report\()\s*\"([a-z0-9-]+)\"")


@pytest.mark.parametrize(
    ("package", "own", "others"),
    [
        ("pidalio.store", OF_STORE, {}),
        ("pidalio.history", OF_HISTORY, OF_STORE),
        ("pidalio.platforms.files", OF_FILES, OF_API),
    ],
)
def test_every_code_is_documented_and_every_documented_code_is_used(package, own, others):
    sources = [path.read_text() for path in files(package).iterdir() if path.name.endswith(".py")]
    used = {code for source in sources for code in REPORT.findall(source)}
    assert used - set(others) == set(own)
