"""Paths as each way of normalising them leaves them: what no path can become selects nothing, all else has a witness."""

import itertools

import hypothesis
import pytest
from hypothesis import strategies as st
from tests.unit.effectiveness.doors import SIDECAR, Asked, host
from tests.unit.rules.world import mesh, mesh_config, rule, service

from pidalio.effectiveness import Standing
from pidalio.effectiveness.fields import written_path
from pidalio.effectiveness.pattern import path_pattern
from pidalio.ir import EscapedSlashes, PathSettings
from pidalio.simulate.path import PathRefused, cleaned

NONE = PathSettings(normalize=False)
BASE = PathSettings()
MERGED = PathSettings(merge_slashes=True)
DECODED = PathSettings(EscapedSlashes.FORWARD, merge_slashes=True)
OTHERS = (
    PathSettings(EscapedSlashes.REJECT),
    PathSettings(EscapedSlashes.REDIRECT),
    PathSettings(EscapedSlashes.FORWARD, normalize=False),
    PathSettings(EscapedSlashes.FORWARD, normalize=False, merge_slashes=True),
)
ALL = (NONE, BASE, MERGED, DECODED, *OTHERS)


@pytest.mark.parametrize(
    ("settings", "condition", "is_met"),
    [
        pytest.param(NONE, "/a/../b", True, id="dots stay with NONE"),
        pytest.param(BASE, "/a/../b", False, id="dots go with BASE"),
        pytest.param(NONE, "/a%41", True, id="escapes stay with NONE"),
        pytest.param(BASE, "/a%41", True, id="an escaped letter may itself be written escaped"),
        pytest.param(NONE, "/a{b}", True, id="raw characters stay with NONE"),
        pytest.param(BASE, "/a{b}", False, id="raw characters are escaped with BASE"),
        pytest.param(BASE, "/a//b", True, id="slashes stay with BASE"),
        pytest.param(MERGED, "/a//b", False, id="slashes are merged"),
        pytest.param(MERGED, "/a//*", False, id="a prefix with slashes that are merged"),
        pytest.param(MERGED, "//", True, id="of slashes alone two stay"),
        pytest.param(MERGED, "/a%2Fb", True, id="escaped slashes stay where only bare ones are merged"),
        pytest.param(DECODED, "/a%2Fb", True, id="an escape of an escaped slash is left over"),
        pytest.param(DECODED, "/a%2F%2Fb*", True, id="two of them"),
        pytest.param(DECODED, "/a//b", False, id="decoded slashes are merged"),
        pytest.param(OTHERS[2], "/a%2Fb", False, id="without normalisation no escaped slash is left"),
        pytest.param(OTHERS[2], "/a\\b", True, id="without normalisation a backslash stays"),
    ],
)
def test_what_arrives(settings, condition, is_met):
    asked = Asked(host(condition), SIDECAR, paths=settings)
    asked.check_witnesses()
    assert asked.verdicts[0].standing is (Standing.EFFECTIVE if is_met else Standing.INEFFECTIVE)


ALPHABET = "/a.%2F"
WORLD = tuple("/" + "".join(one) for length in range(6) for one in itertools.product(ALPHABET, repeat=length))
CONDITIONS = st.builds(
    lambda text, kind: ("i " if kind == "i" else "") + text + ("*" if kind == "*" else ""),
    st.text(ALPHABET, max_size=4).map("/".__add__),
    st.sampled_from(("", "", "*", "*", "i")),
)


def arriving(settings: PathSettings) -> dict[str, str]:
    """Return every path that some written one of the small world becomes, with that one."""
    found: dict[str, str] = {}
    for written in WORLD:
        try:
            clean = cleaned(written, settings)
        except PathRefused:
            continue
        if not clean.redirects:
            found.setdefault(clean.path, written)
    return found


ARRIVING = {settings: arriving(settings) for settings in ALL}


@pytest.mark.parametrize("settings", ALL, ids=str)
@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(own=st.lists(CONDITIONS, min_size=1, max_size=5).map(lambda texts: host(*texts)))
def test_no_path_of_a_small_world_is_forgotten(settings, own):
    asked = Asked(own, SIDECAR, paths=settings)
    asked.check_witnesses()
    for position, verdict in enumerate(asked.verdicts):
        assert verdict.standing is not Standing.UNDECIDED
        if verdict.standing is Standing.INEFFECTIVE:
            earlier = [path_pattern(one.match.path).holds for one in own.routes[:position]]
            wanted = path_pattern(own.routes[position].match.path).holds
            left = (path for path in ARRIVING[settings] if wanted(path) and not any(one(path) for one in earlier))
            assert next(left, None) is None


@pytest.mark.parametrize("settings", ALL, ids=str)
def test_every_path_that_arrives_can_be_written(settings):
    for path in ARRIVING[settings]:
        assert cleaned(written_path(path, settings), settings).path == path


@pytest.mark.parametrize(
    ("normalization", "found"),
    [
        pytest.param("NONE", [], id="NONE"),
        pytest.param("BASE", ["spec.http[0].match[0]"], id="BASE"),
        pytest.param("MERGE_SLASHES", ["spec.http[0].match[0]", "spec.http[0].match[1]"], id="MERGE_SLASHES"),
        pytest.param("DECODE_AND_MERGE_SLASHES", ["spec.http[0].match[0]", "spec.http[0].match[1]"], id="DECODE"),
    ],
)
def test_the_mesh_says_how_paths_are_normalised(normalization, found):
    stated = mesh_config(f"{{pathNormalization: {{normalization: {normalization}}}}}")
    leads = "route: [{destination: {host: b}}]"
    matches = "[{uri: {exact: /a/../b}}, {uri: {exact: /a//b}}, {uri: {exact: /c}}]"
    own = rule("a", "a", f"[{{match: {matches}, {leads}}}, {{route: [{{destination: {{host: a}}}}]}}]")
    world = mesh(service("a"), service("b"), own, stated)
    reports = [one for one in world.survey().reports(world.catalog.place) if one.code == "ineffective"]
    assert [one.path for one in reports] == found
