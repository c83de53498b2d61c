import re
from importlib.resources import files

from pidalio.up.codes import CODES

REPORT = re.compile(r"Report\(Severity\.\w+, \"([a-z0-9-]+)\"")


def test_every_code_is_documented_and_every_documented_code_is_used():
    sources = [path.read_text() for path in files("pidalio.up").iterdir() if path.name.endswith(".py")]
    assert {code for source in sources for code in REPORT.findall(source)} == set(CODES)
