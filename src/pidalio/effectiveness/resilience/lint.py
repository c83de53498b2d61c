"""Everything that the lint says, in one pass over what proxies hold."""

from collections.abc import Iterable, Iterator
from typing import Any

from pidalio.api.object import Object
from pidalio.derive import Database
from pidalio.effectiveness.facts import Facts
from pidalio.effectiveness.finding import Finding
from pidalio.effectiveness.resilience.call_graph import CallGraph
from pidalio.effectiveness.resilience.chains import chain_findings
from pidalio.effectiveness.resilience.ejection import ejection_findings, failover_findings
from pidalio.effectiveness.resilience.paths import Paths
from pidalio.effectiveness.resilience.repeats import budget_findings, elsewhere_findings, late_findings


def resilience_findings(world: Database, facts: Facts, objects: Iterable[Object[Any]]) -> Iterator[Finding | None]:
    """Yield what of the rules would disappoint when something fails; None where whoever asks may do something else.

    `objects` are all that there are, and `facts` are of all of them.
    """
    paths = Paths(world, facts)
    yield from paths.gather()
    for matter in (late_findings, budget_findings, elsewhere_findings, ejection_findings, failover_findings):
        yield from matter(paths)
        yield None
    graph = CallGraph(paths, objects)
    yield from graph.gather()
    yield from chain_findings(graph)
