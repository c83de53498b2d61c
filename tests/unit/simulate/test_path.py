import pytest

from pidalio.simulate.path import PathRefused, normalized


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("/", "/"),
        ("/a/../b", "/b"),
        ("/a/./b", "/a/b"),
        ("/a/.", "/a/"),
        ("/a/..", "/"),
        ("/..", "/"),
        ("/../a", "/a"),
        ("/a//b", "/a//b"),
        ("//a", "//a"),
        ("/a//../b", "/a/b"),
        ("/a/%2e%2E/b", "/b"),
        ("/a/.%2E/b", "/b"),
        ("/%2E", "/"),
        ("/a/...", "/a/..."),
        ("/a%2fb", "/a%2fb"),
        ("/a\\..\\b", "/b"),
        ("/a%5c..%5cb", "/a%5c..%5cb"),
        ("/%zz", "/%zz"),
        ("/%", "/%"),
        ("/%41%7e", "/A~"),
        ("/a?x=/../%41", "/a?x=/../%41"),
        ("/a/../../..//b/", "//b/"),
        ("/a/b/../", "/a/"),
        ("/%2e%2e%2fa", "/..%2fa"),
        ("///..", "//"),
        ("/%25%32%65", "/%252e"),
        ('/"<>^`{|}', "/%22%3C%3E%5E%60%7B%7C%7D"),
        ("/!$&'()*+,;=:@[]", "/!$&'()*+,;=:@[]"),
    ],
)
def test_paths_are_normalised_as_envoy_does(written, seen):
    assert normalized(written) == seen


@pytest.mark.parametrize("written", ["/a#b", "/%00", "a", "", "*", "/ä", "/a b", "/a\x7f"])
def test_paths_that_envoy_refuses(written):
    with pytest.raises(PathRefused):
        normalized(written)
