import pytest

from pidalio.api.places import Places, join, steps
from pidalio.api.yaml_reader import read
from pidalio.model import Place

TEXT = """\
spec:
  http:
  - match:
    - headers:
        x-user: {exact: a}
    retries:
      per_try_timeout: 1s
"""


@pytest.fixture(scope="module")
def places():
    return read(TEXT, "f.yaml").documents[0].places


LINES = {
    "": 1,
    "spec": 1,
    "spec.http": 2,
    "spec.http[0]": 3,
    "spec.http[0].match[0].headers": 4,
    'spec.http[0].match[0].headers["x-user"]': 5,
    'spec.http[0].match[0].headers["x-user"].exact': 5,
    "spec.http[0].retries": 6,
    "spec.http[0].retries.perTryTimeout": 7,
    "spec.http[0].timeout": 3,
    "spec.http[9].timeout": 2,
    "spec.hosts": 1,
    "status": 1,
}


@pytest.mark.parametrize(("path", "line"), LINES.items())
def test_finds_the_line_or_the_nearest_ancestors(places, path, line):
    assert places.line(path) == line


def test_a_place_needs_a_file(places):
    assert places.place("spec.http") == Place("f.yaml", 2)
    assert Places("", places.lines).place("spec.http") is None


@pytest.mark.parametrize("keys", [("a", 0, "b"), ("a", "x-y"), ("", "a"), ('q"\\]', 3), ("a.b/c", "é", "[0]")])
def test_steps_undo_join(keys):
    path = ""
    for key in keys:
        path = join(path, key)
    assert tuple(steps(path)) == keys
