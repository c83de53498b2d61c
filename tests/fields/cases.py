"""Tests that can prove a field: each is a mesh of YAML with expectations that a changed mesh may break.

A field is proved by a case that sets it and that fails when the field is taken out, or holds another value: a
mutation, made on the YAML's objects and judged without an Envoy, by the expectations that the case's own test has.
"""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import tests.golden.case as golden
from tests.traffic import tables
from tests.traffic.case import Case
from tests.traffic.connections import foretold_connection
from tests.traffic.run import foretold, mesh_of, plans_of
from tests.unit.rules.world import router, sidecar

from pidalio.api import dump, load
from pidalio.api.object import Object
from pidalio.api.yaml_writer import write
from pidalio.pipeline import groups_of, members, resource_of
from pidalio.server.offline import OfflineMesh

_PORT = 18080
EVERY_FIELD = Path(__file__).parents[1] / "unit" / "rules" / "every_field.yaml"
PROXIES = (
    sidecar("default", app="client"),
    sidecar("default", name="web-1", address="10.0.0.7", app="web"),
    sidecar("far", name="chosen", app="chosen"),
    sidecar("far"),
    sidecar("strict"),
    router(),
    router(istio="ingressgateway"),
    router(istio="chosen"),
)


class Proof:
    """One case; `breaks` judges another text in the place of its own."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.objects: tuple[Object[Any], ...] = tuple(one.object for one in load(text, "").parsed if one.object)
        self._texts = [write([dump(item)]) for item in self.objects]

    def fails_with(self, index: int, changed: Object[Any]) -> bool:
        """Tell whether the case fails when object `index` is as `changed`; False also when that is no valid object."""
        text = write([dump(changed)])
        read = load(text, "").parsed
        if any(one.object is None for one in read):
            return False
        return self.breaks("---\n".join((*self._texts[:index], text, *self._texts[index + 1 :])))

    def holds(self) -> bool:
        """Tell whether the case passes with its own objects, as they are written here."""
        return not self.breaks("---\n".join(self._texts))

    def breaks(self, text: str) -> bool:
        """Tell whether the expectations of the case fail in the mesh of `text`."""
        raise NotImplementedError


class TrafficProof(Proof):
    """A case of the traffic tables: every call on the simulator and on real Envoy."""

    def __init__(self, case: Case) -> None:
        super().__init__(f"traffic/{case.id}", case.config.replace("$PORT", str(_PORT)))
        self.case = case

    def breaks(self, text: str) -> bool:
        case = replace(self.case, config=text)
        plans = plans_of(case, mesh_of(case, _PORT))
        try:
            if any(foretold(plans, call, _PORT) for call in case.calls):
                return True
            return any(foretold_connection(plans, one, _PORT) for one in case.connections)
        except AssertionError:
            return True  # nothing listens where the call goes


class GoldenProof(Proof):
    """A golden case: what is compiled is compared, and real Envoy takes it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"golden/{folder.relative_to(golden.ROOT).as_posix()}", (folder / "input.yaml").read_text())
        self.folder = folder

    def breaks(self, text: str) -> bool:
        outputs = golden.GoldenCase(self.folder, text).outputs()
        return any((self.folder / name).read_text() != now for name, now in outputs.items() if name != "reports.yaml")


class CompiledProof(Proof):
    """A mesh whose proxies must get something else when it is changed: for what no call and no golden case shows."""

    def __init__(self, file: Path) -> None:
        super().__init__(f"compiled/{file.stem}", file.read_text())
        self._kept = self._resources("---\n".join(self._texts))

    def breaks(self, text: str) -> bool:
        return self._resources(text) != self._kept

    def _resources(self, text: str) -> list[tuple[str, str, str]]:
        world = OfflineMesh.from_text(text).world
        return sorted(
            (proxy.id, name, resource.version)
            for proxy in PROXIES
            for group in groups_of(world, proxy)
            for name, key in members(world, group)
            if (resource := resource_of(world, key))
        )


@functools.cache
def proofs() -> dict[str, Proof]:
    """Return every case by name, the strongest first: calls on real Envoy, then what Envoy accepts, then the rest."""
    found: list[Proof] = [TrafficProof(case) for case in tables.ALL]
    found += [GoldenProof(folder) for folder in golden.cases()]
    found.append(CompiledProof(EVERY_FIELD))
    return {one.name: one for one in found}
