from pidalio.api import set_fields

from .objects import spec_of

SPEC = """
hosts: [a]
http:
- match: [{headers: {x-user: {exact: b}}, ignoreUriCase: false}]
  retries: {attempts: 0}
  route: [{destination: {host: c}, weight: 0}]
  headers: {request: {set: {a: b}}}
- route: [{destination: {host: d, subset: v1}}]
"""


def test_yields_what_is_set_with_path_and_pattern():
    found = {path: pattern for path, pattern, _ in set_fields(spec_of("VirtualService", SPEC))}
    assert found == {
        "hosts": "hosts",
        "http": "http",
        "http[0].match": "http[].match",
        "http[0].match[0].headers": "http[].match[].headers",
        'http[0].match[0].headers["x-user"].exact': "http[].match[].headers[].exact",
        "http[0].retries": "http[].retries",
        "http[0].route": "http[].route",
        "http[0].route[0].destination": "http[].route[].destination",
        "http[0].route[0].destination.host": "http[].route[].destination.host",
        "http[0].headers": "http[].headers",
        "http[0].headers.request": "http[].headers.request",
        "http[0].headers.request.set": "http[].headers.request.set",
        "http[1].route": "http[].route",
        "http[1].route[0].destination": "http[].route[].destination",
        "http[1].route[0].destination.host": "http[].route[].destination.host",
        "http[1].route[0].destination.subset": "http[].route[].destination.subset",
    }


def test_values_come_along():
    values = {path: value for path, _, value in set_fields(spec_of("VirtualService", SPEC))}
    assert values["hosts"] == ("a",)
    assert values["http[0].headers.request.set"] == (("a", "b"),)
