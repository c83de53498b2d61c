import pytest

from pidalio.errors import UsageError
from pidalio.simulate import Request


def test_a_url_becomes_a_request():
    request = Request.from_url("POST", "http://shop:8080/a/b?c=d", (("X-User", "jason"),))
    assert (request.method, request.authority, request.path) == ("POST", "shop:8080", "/a/b?c=d")
    assert (request.scheme, request.bare_path) == ("http", "/a/b")
    assert request.header("x-user") == "jason"


def test_a_host_header_replaces_the_urls():
    request = Request.from_url("GET", "http://127.0.0.1:8080", (("Host", "shop.test"),))
    assert (request.authority, request.path, request.headers) == ("shop.test", "/", ())


def test_connect_names_a_host_and_no_path():
    request = Request.from_url("CONNECT", "db:5432")
    assert request.connect
    assert request.authority == "db:5432"
    assert request.header(":path") is None


@pytest.mark.parametrize("url", ["shop/a", "/a", "ftp://shop/", "http:///a"])
def test_urls_without_host_are_refused(url):
    with pytest.raises(UsageError, match="absolute URL"):
        Request.from_url("GET", url)


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("?q=1", "1"),
        ("?q", ""),
        ("?q=", ""),
        ("?a=1&q=2&q=3", "2"),
        ("?q=%31", "%31"),
        ("?q=1=2", "1=2"),
        ("?Q=1", None),
        ("", None),
        ("?a;q=1", None),
    ],
)
def test_query_parameters_are_not_decoded_and_the_first_counts(query, value):
    assert Request(authority="h", path=f"/{query}").query("q") == value


@pytest.mark.parametrize(
    ("value", "is_grpc"),
    [
        ("application/grpc", True),
        ("application/grpc+proto", True),
        ("application/grpc-web", False),
        ("text/plain", False),
    ],
)
def test_grpc_calls_are_known_by_their_content_type(value, is_grpc):
    assert Request(authority="h", headers=(("content-type", value),)).is_grpc is is_grpc
