"""What an Envoy counted of the calls that pass it on their way out: enough to tell what a fault did to them."""

import msgspec


class Tally(msgspec.Struct, frozen=True, gc=False):
    """Counts since the Envoy started, as they were `age` seconds before they are told.

    `requests` are all that were answered, `errors` those with a status of 500 to 599; `aborts` and `delays` were
    injected. `times` are pairs: milliseconds, and how many requests took at most so long. `hosts` are triples: a host,
    how many requests it answered, how many of them with an error.
    """

    age: float = 0.0
    requests: int = 0
    errors: int = 0
    aborts: int = 0
    delays: int = 0
    times: tuple[tuple[float, int], ...] = ()
    hosts: tuple[tuple[str, int, int], ...] = ()
