"""Is there a string that is in all of some sets and in none of others? An example, a proof of none, or neither.

Invariant: without regexes the answer is never "neither". The proof in short. A literal asks only where a string leaves
the tree of all literals, so that strings which leave it at one point are equal to every condition. Take a string that
does it. If it meets one of the required literals as a whole it is that literal (in some mix of cases, see `_cases`).
Otherwise let L be the longest open literal by which it meets a requirement: it begins with L, and so with all others.
L itself, or L and one more character after which no literal goes on, meets the same requirements, and no open literal
but those that the string meets too; so of the excluded ones it meets none either. Where literals go on with every
character there is, the same holds one character later (`_longer`), and literals end.
A regex takes part by the literals it implies, which only widens what is required: what these exclude is excluded, too.
Where what is required leaves a short list of strings (a literal in any case has its mixes), each of them is tried.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

import msgspec

from pidalio.effectiveness.language import Literal
from pidalio.effectiveness.pattern import Pattern

_TRIED_FOR_REGEX = 8
_MOST_LETTERS = 6
"""Of how many letters all mixes of cases are tried."""


class Alphabet(msgspec.Struct, frozen=True):
    """Which strings there are: `is_possible` knows, all begin with `start`, and `endings` may be added to one.

    Of every character that a string can go on with there is an ending that begins with it; those that read well come
    first. `usual` are strings to be tried before all others, `odd` ones where a regex leaves nothing else to try.
    """

    is_possible: Callable[[str], bool]
    endings: tuple[str, ...]
    start: str = ""
    usual: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True):
    """The answer: an example, or None; without one `is_proved` tells that there is none."""

    text: str | None
    is_proved: bool = True


def find(required: Sequence[Pattern], excluded: Sequence[Pattern], alphabet: Alphabet) -> Found:
    """Return a string of `alphabet` that is in all of `required` and in none of `excluded`."""
    if any(one in excluded for one in required):
        return Found(None)
    exact = [one for one in excluded if one.is_exact]
    is_thinkable = False
    for text in _candidates(required, excluded, alphabet):
        if not alphabet.is_possible(text):
            continue
        if not all(one.may_hold(text) for one in required) or any(one.may_hold(text) for one in exact):
            continue
        is_thinkable = True
        if all(one.holds(text) for one in required) and not any(one.holds(text) for one in excluded):
            return Found(text)
    return Found(None, is_proved=not is_thinkable or is_listed(required))


def is_listed(required: Sequence[Pattern]) -> bool:
    """Tell whether some requirement leaves nothing but a list of strings, all of which were tried."""
    return any(all(_is_short(each) for each in one.literals) for one in required)


def _is_short(literal: Literal) -> bool:
    """Tell whether a literal stands for a few strings."""
    return not literal.is_open and (not literal.any_case or _letters(literal.text) <= _MOST_LETTERS)


def _letters(text: str) -> int:
    return sum(each.lower() != each.upper() for each in text)


def _candidates(required: Sequence[Pattern], excluded: Sequence[Pattern], alphabet: Alphabet) -> Iterator[str]:
    yield from alphabet.usual
    wanted = [each for one in required for each in one.literals] or [Literal("", is_open=True)]
    known = [*wanted, *(each for one in excluded for each in one.literals)]
    count = 1 if all(one.is_exact for one in (*required, *excluded)) else _TRIED_FOR_REGEX
    for one in required:
        yield from one.samples
    for literal in dict.fromkeys(wanted):
        if literal.is_open and alphabet.start.startswith(literal.text):
            literal = Literal(alphabet.start, is_open=True)  # noqa: PLW2901 - all strings begin so
        mixes = _all_cases(literal.text) if count > 1 and literal.any_case and _is_short(literal) else ()
        for text in (*_cases(literal, known), *mixes):
            yield text
            if literal.is_open:
                yield from _longer(text, known, alphabet, count)
                if count > 1:
                    yield from (text + each for each in alphabet.odd)


def _cases(literal: Literal, known: Sequence[Literal]) -> Iterator[str]:
    """Yield the mixes of cases of `literal` that differ to some case-sensitive literal, one for all others."""
    if not literal.any_case:
        yield literal.text
        return
    yield from _mixes(literal.text, "", [each.text for each in known if not each.any_case])


def _all_cases(text: str) -> Iterator[str]:
    return map("".join, itertools.product(*(dict.fromkeys((each, each.upper())) for each in text)))


def _mixes(text: str, built: str, alive: list[str]) -> Iterator[str]:
    at = len(built)
    if not alive or at == len(text):
        yield built + text[at:]
        return
    for character in dict.fromkeys((text[at], text[at].upper())):
        going_on = [each for each in alive if len(each) > at and each[at] == character]
        yield from _mixes(text, built + character, going_on)


def _longer(text: str, known: Sequence[Literal], alphabet: Alphabet, count: int) -> Iterator[str]:
    """Yield `text` with endings after which no literal goes on: `count` of them, from the first that serve."""
    going_on = [each for each in known if len(each.text) > len(text) and _begins(each, text)]
    taken = {case for each in going_on for case in _both(each, each.text[len(text)])}
    free = [text + ending for ending in alphabet.endings if ending[0] not in taken]
    possible = [each for each in free if alphabet.is_possible(each)]
    yield from possible[:count]
    if not possible and going_on:
        for character in dict.fromkeys(ending[0] for ending in alphabet.endings):
            yield text + character
            yield from _longer(text + character, going_on, alphabet, count)


def _begins(literal: Literal, text: str) -> bool:
    return literal.text.startswith(text.lower() if literal.any_case else text)


def _both(literal: Literal, character: str) -> tuple[str, ...]:
    return (character, character.upper()) if literal.any_case else (character,)
