"""Registrations as the mesh's words: a service for each host, one for each of its paths, and who serves it.

Pure. Source of the mapping: design record 0022.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from pidalio.model import Endpoint, Health, Labels, Locality, Port, Protocol, labels_of
from pidalio.platforms.cloudfoundry.known import AppInfo, Destination, Known, weighed
from pidalio.platforms.cloudfoundry.messages import Instance, Uri
from pidalio.platforms.cloudfoundry.registry import Entry
from pidalio.platforms.cloudfoundry.settings import CloudFoundrySettings
from pidalio.platforms.offers import Offer

KIND: Final = "CloudFoundryRoute"
_NOT_IN_LABELS: Final = re.compile(r"[^a-z0-9]+")
_LONGEST_SLUG: Final = 30
_NOBODY: Final = AppInfo()


class Mapped(msgspec.Struct, frozen=True):
    """A host in the mesh's words: its services by path ("" for the host itself), and who was left out, and why."""

    offers: Mapping[str, Offer] = {}
    unverified: int = 0
    past_service: tuple[str, ...] = ()
    odd_options: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing was left out."""
        return not (self.unverified or self.past_service or self.odd_options)


def mapped(host: str, entries: Sequence[Entry], known: Known, settings: CloudFoundrySettings, ca: str) -> Mapped:
    """Return a host that `entries` serve; without any there is nothing, unless the API knows the host."""
    by_path: dict[str, list[Instance]] = {}
    for entry in entries:
        for found, path in entry.uris:
            if found == host:
                by_path.setdefault(path, []).append(entry.instance)
    if not by_path and host not in known.hosts:
        return Mapped()
    by_path.setdefault("", [])
    past, unverified = set[str](), set[tuple[str, int]]()
    offers = {}
    for path, instances in sorted(by_path.items()):
        allowed = []
        for one in instances:
            if one.route_service and settings.unserved == "leave":
                past.add(host + path)
            elif one.tls_name and not ca:
                unverified.add((one.address, one.port))
            else:
                allowed.append(one)
        offers[path] = _offer((host, path), allowed, known, settings, ca)
    odd = {one.balancing for each in by_path.values() for one in each} - {"", "round-robin", "least-connection"}
    return Mapped(offers, len(unverified), tuple(sorted(past)), tuple(sorted(odd)))


def _offer(uri: Uri, instances: Sequence[Instance], known: Known, settings: CloudFoundrySettings, ca: str) -> Offer:
    host, path = uri
    protocol = Protocol.HTTP2 if instances and all(one.is_http2 for one in instances) else Protocol.HTTP
    weights = weighed(known.weights.get(uri, {}), [destination(one) for one in instances])
    return Offer(
        kind=KIND,
        name=host + path,
        hostname=service_host(uri, settings),
        namespace=settings.namespace,
        ports=(Port(settings.port, "http", protocol),),
        endpoints=tuple(
            _endpoint(one, weight, known, settings) for one, weight in zip(instances, weights, strict=True)
        ),
        instance_ca=ca,
        round_robin=any(one.balancing == "round-robin" for one in instances),
    )


def service_host(uri: Uri, settings: CloudFoundrySettings) -> str:
    """Return what the service of a route is called; "" where that is no name.

    Below a path that is a name of its own, which no route can have: `v1-0a1b2c3d4e.paths.app.example.com`.
    """
    host, path = uri
    plain = host.removeprefix("*.")
    name, _, domain = plain.partition(".")
    own = settings.named("{host}", host=plain, name=name, domain=domain)
    if not path:
        return f"*.{own}" if own and host != plain else own
    slug = _NOT_IN_LABELS.sub("-", path).strip("-")[:_LONGEST_SLUG].strip("-")
    digest = hashlib.blake2b((host + path).encode(), digest_size=5).hexdigest()
    return f"{slug}-{digest}.paths.{own}" if slug and own else own and f"{digest}.paths.{own}"


def destination(one: Instance) -> Destination:
    """Return the app and the type of process that an instance is of."""
    tags = dict(one.tags)
    return one.app or tags.get("app_id", ""), tags.get("process_type") or "web"


def _endpoint(one: Instance, weight: int, known: Known, settings: CloudFoundrySettings) -> Endpoint:
    info = known.apps.get(one.app, _NOBODY)
    labels = _labels(one, info)
    found = dict(labels)
    name, index = found.get("app_name", ""), found.get("index", "")
    return Endpoint(
        address=one.address,
        port=one.port,
        service_port=settings.port,
        labels=labels,
        weight=weight,
        locality=Locality(settings.region, one.zone) if one.zone or settings.region else Locality(),
        health=Health.UNHEALTHY if one.guid and one.guid in known.unroutable else Health.HEALTHY,
        workload=f"{name}/{index}" if name and index else one.guid,
        identity=_identity(found, settings.trust_domain),
        tls_name=one.tls_name,
    )


def _labels(one: Instance, info: AppInfo) -> Labels:
    """Return the labels of an app, what its messages say, and what they are called here; the later count."""
    tags = dict(one.tags)
    said = {
        "app": one.app or tags.get("app_id", ""),
        "app_name": info.name or tags.get("app_name", ""),
        "index": one.index,
        "space_id": info.space or tags.get("space_id", ""),
        "space_name": info.space_name or tags.get("space_name", ""),
        "organization_id": info.organization or tags.get("organization_id", ""),
        "organization_name": info.organization_name or tags.get("organization_name", ""),
        "isolation_segment": one.segment,
        "version": dict(info.labels).get("version", "") or tags.get("process_id", ""),
    }
    return labels_of({**dict(info.labels), **tags, **{name: value for name, value in said.items() if value}})


def _identity(labels: Mapping[str, str], domain: str) -> str:
    parts = tuple(labels.get(name, "") for name in ("organization_id", "space_id", "app"))
    return "spiffe://{}/org/{}/space/{}/app/{}".format(domain, *parts) if all(parts) else ""
