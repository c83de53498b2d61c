"""What an Envoy process is started with, beside who it is: nothing that may change while it runs."""

import msgspec

from pidalio.model import Labels


class StatsPlan(msgspec.Struct, frozen=True, gc=False):
    """Statistics that are kept besides those that Pidalio reads itself."""

    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()


class ProcessPlan(msgspec.Struct, frozen=True, gc=False):
    """The settings of one Envoy process; None leaves a setting to whoever starts it.

    `concurrency` counts worker threads, 0 for one on each core; durations are in milliseconds: `drain` is how long
    listeners drain, `termination` how long callers have to leave at the end, `flush` how often logs are written.
    `environment` holds variables of the process; those called `ISTIO_META_X` are `X` in the node's `metadata`.
    `runtime` are keys of Envoy's runtime; `holds` lets the application wait until its proxy serves.
    """

    concurrency: int | None = None
    environment: Labels = ()
    metadata: Labels = ()
    drain: int | None = None
    termination: int | None = None
    flush: int | None = None
    flush_kilobytes: int | None = None
    runtime: Labels = ()
    stats: StatsPlan = StatsPlan()
    holds: bool = False
