"""What the API needs of a control plane, as types: the control plane itself lives above this layer.

Invariant: the API changes the mesh only through the methods that are named here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from pidalio.api.object import Object
from pidalio.api.parse import Parsed
from pidalio.derive import Database
from pidalio.history import History
from pidalio.http.wire import PlatformView
from pidalio.model import ObjectRef, Place, Proxy, Report, Word
from pidalio.simulate import Decision, Request
from pidalio.store.catalog import Catalog
from pidalio.store.change import Change
from pidalio.store.guarding import Guard
from pidalio.xds import Ads, Verdict


class Outcome(Protocol):
    """What became of a change; `concerned` names by proxy and type URL the resources that differ."""

    @property
    def revision(self) -> int:
        """Return the revision that holds it."""

    @property
    def generation(self) -> int:
        """Return the generation that holds it."""

    @property
    def change(self) -> Change:
        """Return what was done, or would be."""

    @property
    def reports(self) -> tuple[Report, ...]:
        """Return what there is to tell about it."""

    @property
    def concerned(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """Return who is to hold something else."""

    @property
    def is_refused(self) -> bool:
        """Tell whether nothing was done."""


class Mesh(Protocol):
    """The inputs of a mesh, its compiler and its streams."""

    @property
    def revision(self) -> int:
        """Return the newest revision."""

    @property
    def history(self) -> History:
        """Return the revisions."""

    @property
    def ads(self) -> Ads:
        """Return the streams."""

    @property
    def world(self) -> Database:
        """Return the compiler's inputs and answers."""

    @property
    def catalog(self) -> Catalog:
        """Return the objects with their owners and places; only to read."""

    @property
    def guard(self) -> Guard:
        """Return what is held back of platforms; only to read."""

    async def apply(
        self,
        parsed: Sequence[Parsed],
        *,
        author: str,
        message: str = "",
        dry_run: bool = False,
        force: bool = False,
        strict: bool = False,
        expected: int | None = None,
    ) -> Outcome:
        """Add or replace objects: all, or none."""

    async def delete(
        self, refs: Sequence[ObjectRef], *, author: str, message: str = "", dry_run: bool = False, force: bool = False
    ) -> Outcome:
        """Remove objects: all, or none."""

    def feed(self, source: str, rows: Mapping[Any, Mapping[Any, Any]], *, complete: bool = False) -> int:
        """Take over rows of a platform; return the generation that holds them."""

    def foresee(
        self, source: str, rows: Mapping[Any, Mapping[Any, Any]]
    ) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """Return, by proxy and type URL, the resources that `feed` of these rows would change; change nothing."""

    async def release(self, source: str, *, author: str) -> Outcome:
        """Take over what is held back of a source; raise `NotFound` where nothing is."""

    async def live(self, generation: int, seconds: float) -> tuple[Verdict, ...]:
        """Wait until every connected proxy runs `generation`, at most `seconds`."""

    def audience(self) -> tuple[Proxy, ...]:
        """Return the proxies for which objects take effect."""

    def collect(self) -> None:
        """Forget what was compiled and nobody needs."""

    def proxies(self) -> dict[str, Proxy]:
        """Return every connected proxy by its id."""

    def objects(self, kind: str | None = None, namespace: str | None = None) -> tuple[Object[Any], ...]:
        """Return the live objects."""

    def place(self, ref: ObjectRef, path: str = "") -> Place | None:
        """Return where a field is written."""

    def reports(self) -> tuple[Report, ...]:
        """Return everything that stands to be told."""


class Surroundings(Protocol):
    """What the process around the mesh knows and the mesh does not."""

    def unready(self) -> str:
        """Say what keeps the control plane from serving, empty where nothing does."""

    def platform_views(self) -> Iterable[PlatformView]:
        """Return the platforms that feed the mesh."""

    def reports(self) -> Iterable[Report]:
        """Return what stands to be told besides `Mesh.reports`."""

    def word(self, identity: str) -> Word | None:
        """Return what the agent of an instance (`name.namespace`) says of its health, None where none runs here."""


Decide = Callable[[Database, Proxy, Request], Decision]
"""Says what a proxy does with a request that arrives where its workload's calls, or a gateway's callers, do."""
