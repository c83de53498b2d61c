"""What the upstream gets in place of the caller's path and host."""

from tests.traffic.case import Case, get
from tests.traffic.fleet import rule, service


def _rewritten(name: str, rewrite: str, match: str = "{uri: {prefix: /old}}") -> str:
    spec = f"""
        http:
        - match: [{match}]
          rewrite: {rewrite}
          route: [{{destination: {{host: {name}}}}}]
        - route: [{{destination: {{host: {name}}}}}]
    """
    return service(name) + rule(name, spec)


CASES = (
    Case(
        id="rewrite-uri",
        intent="rewrite.uri replaces what was matched: the prefix, or the whole path; the query stays.",
        config=_rewritten("prefix-new", "{uri: /new}")
        + _rewritten("prefix-root", "{uri: /}", "{uri: {prefix: /old/}}")
        + _rewritten("exact-new", "{uri: /new}", "{uri: {exact: /old}}")
        + _rewritten("regex-new", "{uri: /new}", "{uri: {regex: '/old/[0-9]+'}}")
        + _rewritten("case-new", "{uri: /new}", "{uri: {prefix: /OLD}, ignoreUriCase: true}")
        + _rewritten("any-new", "{uri: /new}", "{headers: {x-new: {exact: '1'}}}"),
        calls=(
            get("http://prefix-new/old", path="/new"),
            get("http://prefix-new/old/a?b=c", path="/new/a?b=c"),
            get("http://prefix-new/older", path="/newer"),
            get("http://prefix-new/x", path="/x"),
            get("http://prefix-new/a/../old/b", path="/new/b"),
            get("http://prefix-root/old/a", path="/a"),
            get("http://prefix-root/old", path="/old"),
            get("http://exact-new/old?q=1", path="/new?q=1"),
            get("http://regex-new/old/42?q=1", path="/new?q=1"),
            get("http://case-new/Old/a", path="/new/a"),
            get("http://any-new/a", headers={"x-new": "1"}, path="/newa"),
        ),
    ),
    Case(
        id="rewrite-regex",
        intent="uriRegexRewrite changes the parts of the path that match, everywhere, and never the query.",
        config=_rewritten("swap", "{uriRegexRewrite: {match: '^/old/([^/]+)/(.*)$', rewrite: '/new/\\2/\\1'}}")
        + _rewritten("every", "{uriRegexRewrite: {match: '[0-9]+', rewrite: 'N'}}")
        + _rewritten("none", "{uriRegexRewrite: {match: 'zzz', rewrite: 'N'}}"),
        calls=(
            get("http://swap/old/a/b/c?q=/old/x/y", path="/new/b/c/a?q=/old/x/y"),
            get("http://swap/old", path="/old"),
            get("http://every/old/12/3?q=4", path="/old/N/N?q=4"),
            get("http://none/old/a", path="/old/a"),
        ),
    ),
    Case(
        id="rewrite-authority",
        intent="rewrite.authority gives the upstream another Host, and only the upstream.",
        config=_rewritten("renamed", "{authority: other.example.com}")
        + _rewritten("both", "{uri: /new, authority: 'other.example.com:8080'}")
        + service("kept"),
        calls=(
            get("http://renamed/old", host="other.example.com", path="/old"),
            get("http://renamed/x", host="renamed"),
            get("http://both/old/a", host="other.example.com:8080", path="/new/a"),
            get("http://kept/", host="kept"),
            get("http://kept:80/", host="kept:80"),
            get("http://kept.default.svc.cluster.local/", host="kept.default.svc.cluster.local"),
        ),
    ),
)
