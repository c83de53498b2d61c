"""A golden case: a folder whose input compiles to the files beside it, and whose calls say what that means.

`input.yaml` opens with one sentence of intent; `calls.yaml` names proxies (`id`, `labels`) and their calls;
`envoy/<proxy>.yaml` is the static form without what every proxy has; `reports.yaml` is what users are told.
"""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from pidalio.envoy.bootstrap import node
from pidalio.envoy.protos import to_dict, to_yaml
from pidalio.envoy.static import static_bootstrap
from pidalio.ir import ProxyPlans
from pidalio.model import Interception, Proxy, labels_of
from pidalio.pipeline import plans_for
from pidalio.server.explaining import decide_for
from pidalio.server.offline import OfflineMesh
from pidalio.simulate import Decision, Forwarded, Redirected, Request

ROOT = Path(__file__).parent
_KEYS = frozenset(
    {"call", "headers", "to", "status", "flag", "path", "host", "location", "mirrors", "delay", "timeout", "attempts"}
)


class Call(msgspec.Struct, frozen=True):
    """One request (`GET http://host/path`) and what is expected of it: only what is stated is compared."""

    text: str
    headers: dict[str, str]
    expected: dict[str, Any]


class GoldenCase:
    """One folder; `text` stands in for its input."""

    def __init__(self, folder: Path, text: str = "") -> None:
        self.folder = folder
        self.text = text or (folder / "input.yaml").read_text(encoding="utf-8")
        self.calls: dict[str, Any] = yaml.safe_load((folder / "calls.yaml").read_text(encoding="utf-8"))
        self.mesh = OfflineMesh.from_text(self.text, "input.yaml")

    @property
    def intent(self) -> str:
        """Return the sentence that opens the input, empty when there is none."""
        first = self.text.partition("\n")[0]
        return first.removeprefix("# ") if first.startswith("# ") and first.endswith(".") else ""

    def proxies(self) -> Iterator[tuple[str, Proxy]]:
        """Yield each proxy of the case by its short name."""
        for name, stated in self.calls.items():
            labels = labels_of(stated.get("labels", {}))
            mode = Interception.REDIRECT if stated.get("mode") == "transparent" else Interception.NONE
            yield name, self.mesh.proxy(stated["id"], labels or None, interception=mode)

    def calls_of(self, proxy: str) -> list[Call]:
        """Return the calls that pass a proxy; raise `AssertionError` for one that says nothing, or a misspelt key."""
        found = []
        for stated in self.calls[proxy]["calls"]:
            assert stated.keys() <= _KEYS, f"{sorted(stated.keys() - _KEYS)} is none of {sorted(_KEYS)}"
            expected = {key: value for key, value in stated.items() if key not in ("call", "headers")}
            assert {"to", "status"} & expected.keys(), f"{stated['call']}: say where it goes (to), or its status"
            found.append(Call(stated["call"], stated.get("headers", {}), expected))
        return found

    def plans(self, proxy: Proxy) -> ProxyPlans:
        return plans_for(self.mesh.world, proxy)

    def bootstrap(self, proxy: Proxy) -> Any:
        """Return the whole static configuration, as `pidalio compile` writes it."""
        return static_bootstrap(
            self.plans(proxy), node(proxy.id, f"{proxy.name}.{proxy.namespace}", locality=proxy.locality)
        )

    def outputs(self) -> dict[str, str]:
        """Return by file name what the input compiles to."""
        written = {f"envoy/{name}.yaml": self._static(proxy) for name, proxy in self.proxies()}
        lines = [report.line() for report in self.mesh.reports()]
        return {**written, "reports.yaml": yaml.safe_dump(sorted(lines), width=1000, allow_unicode=True)}

    def _static(self, proxy: Proxy) -> str:
        own = to_dict(self.bootstrap(proxy))["static_resources"]
        clusters = [one for one in own.get("clusters", ()) if one["name"] != "PassthroughCluster"]
        return yaml.safe_dump({**own, "clusters": clusters}, sort_keys=False, width=120, allow_unicode=True)

    def static_file(self, proxy: Proxy) -> str:
        return to_yaml(self.bootstrap(proxy))


def cases(root: Path = ROOT) -> list[Path]:
    """Return the folder of each case: those that hold an input."""
    return sorted(path.parent for path in root.glob("*/*/input.yaml"))


def differences(case: GoldenCase) -> list[str]:
    """Return how the files beside the input differ from what it compiles to."""
    found = []
    outputs = case.outputs()
    for name, now in outputs.items():
        file = case.folder / name
        kept = file.read_text(encoding="utf-8") if file.exists() else ""
        if kept != now:
            lines = difflib.unified_diff(
                kept.splitlines(), now.splitlines(), f"kept {name}", f"compiled {name}", "", "", 2
            )
            found.append("\n".join(lines))
    return found + [f"{name} is of no proxy of calls.yaml" for name in orphans(case.folder, outputs)]


def update(case: GoldenCase) -> None:
    """Rewrite the files beside the input; delete those that belong to nothing."""
    outputs = case.outputs()
    for name, now in outputs.items():
        file = case.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(now, encoding="utf-8")
    for name in orphans(case.folder, outputs):
        (case.folder / name).unlink()


def orphans(folder: Path, outputs: Mapping[str, str]) -> list[str]:
    """Return files that neither the case needs nor its input compiles to."""
    known = {"input.yaml", "calls.yaml", *outputs}
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if name not in known)


def observed(case: GoldenCase, proxy: Proxy, call: Call) -> dict[str, Any]:
    """Return what the simulator says of a call, in the words of `calls.yaml`."""
    method, _, url = call.text.partition(" ")
    request = Request.from_url(method, url, tuple(call.headers.items()))
    decision = decide_for(case.mesh.world, proxy, request)
    return _told(decision)


def _told(decision: Decision) -> dict[str, Any]:
    sent: dict[str, float] = {}
    statuses: dict[int, float] = {}
    for verdict in decision.verdicts:
        if verdict.status is None:
            sent[verdict.cluster] = round(sent.get(verdict.cluster, 0) + verdict.share, 6)
        else:
            statuses[verdict.status] = round(statuses.get(verdict.status, 0) + verdict.share, 6)
    action = decision.action
    told: dict[str, Any] = {"to": _alone(sent), "status": _alone(statuses), "flag": decision.verdict.flag}
    told["delay"] = max(verdict.delay for verdict in decision.verdicts)
    if isinstance(action, Forwarded):
        told |= {
            "path": action.destinations[0].path,
            "host": action.destinations[0].authority,
            "timeout": action.timeout.milliseconds if hasattr(action.timeout, "milliseconds") else None,
            "attempts": action.retry.attempts if action.retry else 0,
            "mirrors": {one.plan.cluster: one.plan.percent for one in action.mirrors},
        }
    if isinstance(action, Redirected):
        told["location"] = action.location
    return told


def _alone(shares: dict[Any, float]) -> Any:
    """Return the only key where it has everything, None where there is none, else all shares."""
    if not shares:
        return None
    (key, share), *more = shares.items()
    return key if not more and share == 1 else shares
