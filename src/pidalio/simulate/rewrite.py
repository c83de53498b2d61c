"""The path that the upstream gets: prefix and regex rewrites.

Source: Envoy's RouteAction. A prefix rewrite replaces what the route matched: the prefix, or the whole path where the
route compares it exactly or by regex. A regex rewrite changes the path and leaves the query alone; where nothing of
the path would be left it stays as it is (observed).
"""

from pidalio.ir import ForwardPlan, MatchPlan, PathKind, RedirectPlan
from pidalio.simulate.pattern import replace_all


def matched_length(match: MatchPlan, path: str) -> int:
    """Return how many characters of `path` the route's path condition covers."""
    bare = path.partition("?")[0]
    if match.path.kind in (PathKind.EXACT, PathKind.REGEX):
        return len(bare)
    if match.path.kind is PathKind.SEGMENTS and match.path.value.rstrip("/"):
        return len(match.path.value.rstrip("/"))
    return len(match.path.value)


def prefix_replaced(match: MatchPlan, path: str, replacement: str) -> str:
    """Return `path` (with query) with what was matched replaced; an empty replacement changes nothing."""
    if not replacement:
        return path
    return replacement + path[matched_length(match, path) :]


def rewritten_path(match: MatchPlan, action: ForwardPlan | RedirectPlan, path: str) -> str:
    """Return the path (with query) after the action's rewrite, if it has one."""
    if action.prefix_rewrite:
        return prefix_replaced(match, path, action.prefix_rewrite)
    if isinstance(action, ForwardPlan) and action.regex_rewrite is not None:
        bare, mark, query = path.partition("?")
        rewrite = action.regex_rewrite
        replaced = replace_all(rewrite.pattern, rewrite.substitution, bare)
        return replaced + mark + query if replaced else path
    return path
