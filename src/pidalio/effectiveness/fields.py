"""The parts of a request that conditions ask about, and for each: a value that meets some conditions and misses others.

Parts are independent of each other, so that each is solved alone. Paths are those that the listener's normalisation
can give; header values hold no control characters and neither begin nor end with a blank; query values are as they are
written.
"""

import functools
import re
import string
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from pidalio.effectiveness.door import HeaderDomain
from pidalio.effectiveness.language import ANYTHING, Literal
from pidalio.effectiveness.pattern import Pattern, path_pattern, string_pattern
from pidalio.effectiveness.strings import Alphabet, Found, find, is_listed
from pidalio.ir import ClaimMatch, HeaderMatch, MatchKind, PathMatch, PathSettings, QueryMatch
from pidalio.simulate.matching import values_match
from pidalio.simulate.path import CleanPath, PathRefused, cleaned

Condition: TypeAlias = PathMatch | HeaderMatch | QueryMatch | ClaimMatch

_PLAIN = string.ascii_lowercase + string.digits + string.ascii_uppercase
_BLANKS = " \t"
_HEX = re.compile("[0-9A-Fa-f]{2}")


class State(msgspec.Struct, frozen=True):
    """The values of a part: none when it is absent; `is_proved` tells, where there is no state, that none serves."""

    values: tuple[str, ...] | None
    is_proved: bool = True


def written_path(path: str, settings: PathSettings) -> str:
    """Return how a client writes a path that a listener with `settings` leaves as `path`, if there is a way.

    An escape that would be decoded, or refused, as it stands is written with its first digit escaped, too.
    """
    if not settings.normalize:
        return path
    pieces = path.split("%")
    for at, piece in enumerate(pieces[1:], 1):
        escaped = piece[:2]
        if _HEX.fullmatch(escaped) and not _stays(f"/%{escaped}", settings):
            pieces[at] = f"%{ord(escaped[0]):02X}{piece[1:]}"
    return "%".join(pieces)


def _stays(path: str, settings: PathSettings) -> bool:
    try:
        return cleaned(path, settings) == CleanPath(path)
    except PathRefused:
        return False


@functools.cache
def _paths(settings: PathSettings) -> Alphabet:
    """Return the paths that routes can see behind a listener with `settings`."""

    def is_possible(path: str) -> bool:
        if not path.startswith("/") or any(not "\x20" < each < "\x7f" or each == "?" for each in path):
            return False
        try:
            return cleaned(written_path(path, settings), settings) == CleanPath(path)
        except PathRefused:
            return False

    return Alphabet(is_possible, _PATH_ENDINGS, start="/", odd=_ODD_PATHS)


def _is_value(value: str) -> bool:
    return value == value.strip(_BLANKS) and all(each >= " " or each == "\t" for each in value) and "\x7f" not in value


def _is_query(value: str) -> bool:
    return all("\x20" < each < "\x7f" and each not in "&#" for each in value)


def _is_method(value: str) -> bool:
    return bool(value) and value != "CONNECT" and all(each in _TOKENS for each in value)


def _endings(others: str, first: tuple[str, ...] = (), last: str = "") -> tuple[str, ...]:
    """Return endings that begin with every plain character, and with `others`, which `last` follows."""
    return (*first, *_PLAIN, *(f"{each}{last}" for each in others))


_TOKENS = frozenset(_PLAIN + "!#$%&'*+-.^_`|~")
_PATH_ENDINGS = (*_endings("-_~!$&'()*+,;=:@%[]./\"<>^`{|}\\", ("/x", "x"), "x"), "/")
_ODD_PATHS = ("x/y", "0/x-1.Z", "%2F")
_VALUES = Alphabet(
    _is_value,
    _endings(string.punctuation + " \t\u00e9\u4e00", ("x",), "x"),
    usual=("x",),
    odd=("0", "A", "x,y", "x y", "x-1.Z_/:@", "\u00e9"),
)
_QUERIES = Alphabet(
    _is_query, _endings("!\"$%'()*+,-./:;<=>?@[\\]^_`{|}~", ("x",)), usual=("x",), odd=("0", "A", "x,y", "x-1.Z_/:@")
)
_METHODS = Alphabet(
    _is_method,
    _endings("!#$%&'*+-.^_`|~", ("X",)),
    usual=("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE"),
)


def path_state(required: Sequence[PathMatch], excluded: Sequence[PathMatch], settings: PathSettings) -> State:
    """Return a path that routes behind a listener with `settings` see."""
    wanted, unwanted = ([path_pattern(each) for each in several] for several in (required, excluded))
    return _one(find(wanted, unwanted, _paths(settings)))


def query_state(name: str, required: Sequence[QueryMatch], excluded: Sequence[QueryMatch]) -> State:
    """Return a query parameter: absent unless something is required of it."""
    if not required:
        return State(())
    if not _is_query(name) or "=" in name:
        return State(None)
    wanted, unwanted = ([string_pattern(each.pattern) for each in several] for several in (required, excluded))
    return _one(find(wanted, unwanted, _QUERIES))


def claim_state(required: Sequence[ClaimMatch], excluded: Sequence[ClaimMatch]) -> State:
    """Return the state of a claim: there is none, for nothing verifies tokens."""
    serves = all(each.invert for each in required) and not any(each.invert for each in excluded)
    return State(() if serves else None)


def method_state(required: Sequence[HeaderMatch], excluded: Sequence[HeaderMatch]) -> State:
    """Return a method other than CONNECT."""
    return _single(required, excluded, _METHODS)


def header_state(domain: HeaderDomain, required: Sequence[HeaderMatch], excluded: Sequence[HeaderMatch]) -> State:
    """Return the values of a header."""
    listed = state_among(domain.states, required, excluded)
    if listed.values is not None:
        return listed
    if not domain.is_free:
        return State(None, is_proved=not domain.is_made_up or not _may_be_there(domain, required, excluded))
    together = _single(required, excluded, _VALUES)
    if together.values is not None or domain.is_joined:
        return together
    return _apart(required, excluded)


def state_among(
    states: Iterable[tuple[str, ...]], required: Sequence[HeaderMatch], excluded: Sequence[HeaderMatch]
) -> State:
    """Return the first of `states` that serves, where there are no others."""
    return State(next((each for each in states if _serves(each, required, excluded)), None))


def _serves(values: tuple[str, ...], required: Sequence[HeaderMatch], excluded: Sequence[HeaderMatch]) -> bool:
    return all(values_match(each, values) for each in required) and not any(
        values_match(each, values) for each in excluded
    )


def _may_be_there(domain: HeaderDomain, required: Sequence[HeaderMatch], excluded: Sequence[HeaderMatch]) -> bool:
    """Tell whether conditions that ask only for presence leave any state."""
    sides = [[each for each in several if each.pattern.kind is MatchKind.PRESENT] for several in (required, excluded)]
    return any(_serves(each, *sides) for each in domain.states)


def _single(required: Sequence[HeaderMatch], excluded: Sequence[HeaderMatch], alphabet: Alphabet) -> State:
    """Return one value of a header that is present."""
    sides = sides_of(required, excluded)
    return _one(find(*sides, alphabet)) if sides else State(None)


def _apart(required: Sequence[HeaderMatch], excluded: Sequence[HeaderMatch]) -> State:
    """Return several values, one for each condition: a repeated header meets each that one of its values meets."""
    sides = sides_of(required, excluded)
    if sides is None:
        return State(None)
    wanted, unwanted = sides
    found = [find([each], unwanted, _VALUES) for each in wanted or [Pattern((ANYTHING,))]]
    values = tuple(dict.fromkeys(each.text for each in found if each.text is not None))
    if any(each.text is None for each in found):
        return State(None, is_proved=any(each.text is None and each.is_proved for each in found))
    return State(values)


def sides_of(
    required: Sequence[HeaderMatch], excluded: Sequence[HeaderMatch]
) -> tuple[list[Pattern], list[Pattern]] | None:
    """Return what some value must be and what none may be, for a header that is there; None when it cannot be."""
    wanted: list[Pattern] = []
    unwanted: list[Pattern] = []
    for conditions, must_hold in ((required, True), (excluded, False)):
        for each in conditions:
            if each.pattern.kind is MatchKind.PRESENT:
                if each.invert is must_hold:
                    return None
            else:
                (wanted if must_hold != each.invert else unwanted).append(string_pattern(each.pattern))
    return wanted, unwanted


def _one(found: Found) -> State:
    return State(None if found.text is None else (found.text,), found.is_proved)


def authority_state(
    domains: Sequence[str],
    alphabet: Alphabet,
    required: Sequence[HeaderMatch],
    excluded: Sequence[HeaderMatch],
    *,
    ignore_port: bool,
) -> State:
    """Return an authority of the virtual host that has `domains`; `alphabet` knows which ones are its own.

    A name under a wildcard is proved impossible only where the conditions exclude each other by themselves.
    """
    sides = sides_of(required, excluded)
    if sides is None:
        return State(None)
    wanted, unwanted = sides
    own = Pattern(tuple(each for one in domains if "*" not in one for each in _names(one, ignore_port=ignore_port)))
    found = find([*wanted, own], unwanted, alphabet) if own.literals else Found(None)
    if found.text is not None or not any("*" in one for one in domains):
        return _one(found)
    beginnings = [each.text for one in wanted for each in one.literals] or [""]
    usual = [
        name
        for one in domains
        if "*" in one
        for text in (*beginnings, "")
        for filler in ("", "x", "y", "w-0", "0")
        for name in _filled(one.lower(), text, filler)
    ]
    tried = find(wanted, unwanted, msgspec.structs.replace(alphabet, usual=tuple(usual)))
    alone = find(wanted, unwanted, msgspec.structs.replace(alphabet, is_possible=_is_value, usual=()))
    alone_excluded = alone.text is None and alone.is_proved
    return State(_one(tried).values, found.is_proved and (alone_excluded or is_listed(wanted)))


def _names(domain: str, *, ignore_port: bool) -> tuple[Literal, ...]:
    text = domain.lower()
    exact = Literal(text, any_case=True)
    return (exact, Literal(f"{text}:", is_open=True, any_case=True)) if ignore_port else (exact,)


def _filled(domain: str, beginning: str, filler: str) -> tuple[str, ...]:
    """Return names under a wildcard domain that begin as asked for."""
    if domain == "*":
        return (f"{beginning}{filler}",)
    if domain.endswith("*"):
        return (f"{domain[:-1]}{filler}", f"{beginning}{filler}")
    end = domain[1:]
    return (f"{beginning}{filler}{end}", f"{beginning}{filler}", f"{filler}{end}")
