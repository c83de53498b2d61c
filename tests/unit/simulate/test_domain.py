import pytest

from pidalio.ir import RouteTablePlan, VirtualHostPlan
from pidalio.simulate.domain import DomainRule, choose_virtual_host, host_without_port

_DOMAINS = (
    "*.example.com",
    "*.a.example.com",
    "*-x.example.com",
    "foo.*",
    "foo.bar.*",
    "foo.bar.baz",
    "[::1]",
    "np:81",
)


def _choice(authority, *domains, ignore_port=False):
    hosts = tuple(VirtualHostPlan(domain, (domain,), ()) for domain in domains or _DOMAINS)
    chosen = choose_virtual_host(RouteTablePlan("t", hosts, ignore_port=ignore_port), authority)
    return chosen[0].name if chosen else None


@pytest.mark.parametrize(
    ("authority", "domain"),
    [
        ("a.example.com", "*.example.com"),
        ("A.EXAMPLE.COM", "*.example.com"),
        (".example.com", None),
        ("example.com", None),
        ("b.a.example.com", "*.a.example.com"),
        ("a-x.example.com", "*-x.example.com"),
        ("-x.example.com", "*.example.com"),
        ("foo.bar", "foo.*"),
        ("foo.", None),
        ("foo.bar.baz", "foo.bar.baz"),
        ("foo.bar.baz:80", "foo.bar.*"),
        ("foo.bar.baz.", "foo.bar.*"),
        ("foo.example.com", "*.example.com"),
        ("foo.example.com:80", "foo.*"),
        ("[::1]", "[::1]"),
        ("[::1]:80", None),
        ("np:81", "np:81"),
        ("np", None),
        ("", None),
    ],
)
def test_exact_then_longest_suffix_then_longest_prefix(authority, domain):
    assert _choice(authority) == domain


@pytest.mark.parametrize(
    ("authority", "domain"),
    [("foo.bar.baz:80", "foo.bar.baz"), ("[::1]:80", "[::1]"), ("np:81", None), ("foo.example.com:1", "*.example.com")],
)
def test_the_port_can_be_ignored(authority, domain):
    assert _choice(authority, ignore_port=True) == domain


def test_any_comes_last():
    assert _choice("other", "*", "foo.*") == "*"
    assert _choice("foo.x", "*", "foo.*") == "foo.*"


def test_the_rule_is_told():
    table = RouteTablePlan("t", (VirtualHostPlan("v", ("a", "*.a", "a.*", "*"), ()),))
    rules = [choose_virtual_host(table, authority)[2] for authority in ("a", "x.a", "a.x", "z")]
    assert rules == list(DomainRule)


@pytest.mark.parametrize(
    ("authority", "host"), [("a:80", "a"), ("a", "a"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("a:", "a")]
)
def test_ports_are_cut_outside_brackets(authority, host):
    assert host_without_port(authority) == host
