"""What every operation works on: one mesh, what is around it, and what the API itself remembers.

Invariant: one `Served` per control plane; each of its doors (UNIX socket, TCP) is an app over the same one.
"""

from collections.abc import Iterable
from pathlib import Path

from pidalio.http.campaigns import Campaigns
from pidalio.http.mesh import Decide, Mesh, Surroundings
from pidalio.http.metrics import Metrics
from pidalio.http.observations import Observations
from pidalio.http.recent import Recent
from pidalio.http.surveying import Surveyor
from pidalio.http.views import Views
from pidalio.http.wire import PlatformView
from pidalio.model import Report, Word
from pidalio.platforms.vm import Registrations


class Alone:
    """Surroundings of a mesh without any."""

    def unready(self) -> str:
        """Return nothing: it is ready."""
        return ""

    def platform_views(self) -> Iterable[PlatformView]:
        """Return none."""
        return ()

    def reports(self) -> Iterable[Report]:
        """Return none."""
        return ()

    def word(self, _identity: str) -> Word | None:
        """Return None: no agent runs here."""
        return None


class Served:
    """A mesh as the API serves it.

    `registrations` are the instances that registered themselves, `faults_file` is where fault campaigns are told of.
    """

    def __init__(
        self,
        mesh: Mesh,
        decide: Decide,
        *,
        surroundings: Surroundings | None = None,
        metrics: Metrics | None = None,
        registrations: Registrations | None = None,
        faults_file: Path | None = None,
    ) -> None:
        self.mesh = mesh
        self.decide = decide
        self.surroundings: Surroundings = surroundings or Alone()
        self.metrics = metrics or Metrics()
        self.metrics.observe(mesh)
        self.metrics.follow(self.surroundings.platform_views)
        self.registrations = (
            Registrations(mesh, believed=mesh.guard.is_believed) if registrations is None else registrations
        )
        self.observations = Observations()
        self.campaigns = Campaigns(mesh, faults_file)
        self.recent = Recent()
        self.views = Views(mesh)
        self.surveyor = Surveyor(mesh)
