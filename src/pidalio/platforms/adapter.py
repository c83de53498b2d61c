"""What an adapter is: one platform as a live source, and what it may say.

An adapter maps its platform's words to rows of the store and hands them on, in order; it knows neither the store nor
the compiler, and keeps nothing alive itself. Everything that all platforms have in common (last known state, restarts,
suspicious answers, flaps, what is shown) is done once, by `following.Follower`, which stands behind `Feed`.
Invariant: an error is never "empty": an adapter that does not know says so (`lost`, or by raising), and says nothing
else. Source of the contract: design record 0020.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol, TypeAlias

import msgspec

from pidalio.api.names import is_dns_label
from pidalio.derive import Table
from pidalio.errors import UsageError
from pidalio.model import Report

Rows: TypeAlias = Mapping[Table[Any, Any], Mapping[Any, Any]]
"""Rows by table and key; in a change, None removes a row."""
Tree: TypeAlias = Mapping[str, Any]
"""An object as JSON: apiVersion, kind, metadata, spec."""


class AdapterSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What every platform can be told; `name` is what it is called in status and reports, else its kind."""

    name: str = ""

    def check(self) -> None:
        """Raise `UsageError`, one line, for what makes no sense."""
        if self.name and not is_dns_label(self.name):
            raise UsageError(f"name: {self.name!r} is not a name: use lower-case letters, digits and dashes")


class Feed(Protocol):
    """What an adapter may say of its platform; all of it from the event loop that runs the adapter."""

    @property
    def name(self) -> str:
        """Return what the platform is called: part of the keys of rows, so that two platforms never share one."""

    def known(self) -> Rows:
        """Return what stands in force of the platform: what was said last, by an earlier process included."""

    async def complete(
        self,
        rows: Rows,
        again: Callable[[], Awaitable[Rows]],
        within: Collection[Table[Any, Any]] | None = None,
        where: Callable[[Any], bool] | None = None,
    ) -> None:
        """Say all that there is (of the tables `within`; None: of all, and that everything was read once).

        With `where`, it is all that there is of the keys for which that is true.

        What is not in `rows` vanishes. When that would be suspiciously much, `again` is awaited after a short delay to
        read once more, with the strongest consistency that the platform has; it may raise. What `change` says meanwhile
        is newer than the answer.
        """

    def change(self, rows: Rows) -> None:
        """Say what became different, authoritatively and in order; None removes a row."""

    async def objects(
        self, units: Mapping[str, Tree | None], *, complete: bool | Callable[[str], bool] = False
    ) -> None:
        """Say which rule objects there are, by a name of the unit that each comes in; None removes one.

        With `complete` they are all that there are, or all of those of which it is true.
        Raise `Unavailable` when the change cannot be recorded now.
        """

    def ready(self) -> None:
        """Say that everything was read once (`complete` without `within` says it too)."""

    def heard(self) -> None:
        """Say that the platform is there and that what is known is what it says."""

    def lost(self, why: str) -> None:
        """Say that the platform, or a part of it, cannot be followed now; what is known stays in force."""

    def tell(self, topic: str, *reports: Report) -> None:
        """Make `reports` all that stands to be told about `topic`; none takes it back."""


class Adapter(Protocol):
    """One platform."""

    async def run(self, feed: Feed) -> None:
        """Follow the platform until cancelled.

        Raise `PlatformUnavailable` when it is gone: it is run again after a pause, and may keep what lets it go on
        where it was in itself.
        """


class Kind(msgspec.Struct, frozen=True):
    """A kind of platform: its name (`consul`), its settings, and what makes an adapter of them.

    `main` is the field of the settings, in JSON's spelling, that `--platform KIND=VALUE` fills. Third parties register
    theirs in the group of entry points that `installed.GROUP` names.
    """

    name: str
    settings: type[AdapterSettings]
    build: Callable[[Any], Adapter]
    main: str = "address"
