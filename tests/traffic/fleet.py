"""Names for loopback addresses, and services written as YAML: the world that the tables speak of.

The instance `reviews v2 #1` answers at an address of its own; the echo server behind all of them tells which it was.
"""

from textwrap import dedent, indent

PORT = "$PORT"
_BLOCKS = range(10, 90)  # 127.x.0.0/16 for these x are the instances'; tests take addresses of their own beyond them
_numbers: dict[str, int] = {}


def address(service: str, version: str, instance: int = 1) -> str:
    """Return the address of an instance; `version` is written `v1` to `v31`."""
    number = _numbers.setdefault(service, len(_numbers))
    assert number < len(_BLOCKS) * 8, "the addresses of the tables have run out"
    high, low = divmod(number, 8)
    return f"127.{_BLOCKS[high]}.{low * 32 + int(version[1:])}.{instance}"


def instance_at(found: str) -> str:
    """Return `reviews v2 #1` for its address; other addresses, and names, stay as they are."""
    if not found.replace(".", "").isdigit():
        return found
    _, high, low, instance = (int(part) for part in found.split("."))
    number = (high - _BLOCKS.start) * 8 + low // 32
    name = next((name for name, own in _numbers.items() if own == number), None)
    return f"{name} v{low % 32} #{instance}" if name else found


def speaks_first(found: str) -> bool:
    """Tell whether who is at an address talks before being talked to: instances of v31 do, and nobody else."""
    _, high, low, _ = (int(part) for part in found.split("."))
    return high in _BLOCKS and low % 32 == 31


def service(
    name: str,
    instances: str = "v1",
    *,
    namespace: str = "default",
    host: str = "",
    ports: str = "80/http",
    extra: str = "",
    identity: str = "",
    annotations: str = "",
) -> str:
    """Return a service as a ServiceEntry with static endpoints.

    `instances` is `v1*2 v2`: two instances of v1, one of v2, labelled `version`; `ports` is `80/http 90/grpc`.
    `extra` are more lines of the spec, `annotations` those of its metadata (`a: b, c: d`);
    `identity` tells instances of equally named services apart.
    """
    own = identity or name
    lines = []
    for each in instances.split():
        version, _, count = each.partition("*")
        for instance in range(1, int(count or 1) + 1):
            mapped = ", ".join(f"{one.replace('/', '-')}: {PORT}" for one in ports.split())
            where = address(own, version, instance)
            lines.append(f"  - {{address: {where}, labels: {{version: {version}}}, ports: {{{mapped}}}}}")
    declared = "\n".join(
        f"  - {{number: {one.split('/')[0]}, name: {one.replace('/', '-')}, protocol: {one.split('/')[1].upper()}}}"
        for one in ports.split()
    )
    head = (
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
        f"metadata: {{name: {name}, namespace: {namespace}, annotations: {{{annotations}}}}}\nspec:\n"
        f"  hosts: [{host or f'{name}.{namespace}.svc.cluster.local'}]\n"
        "  location: MESH_INTERNAL\n  resolution: STATIC\n  ports:\n"
    )
    endpoints = "\n  endpoints:\n" + "\n".join(lines) if lines else ""
    more = indent(dedent(extra).strip(), "  ")
    return f"---\n{head}{declared}{endpoints}\n{more}\n"


def subsets(name: str, *versions: str, namespace: str = "default", policy: str = "") -> str:
    """Return a DestinationRule with one subset per version."""
    lines = "\n".join(f"  - {{name: {version}, labels: {{version: {version}}}}}" for version in versions)
    more = f"  trafficPolicy: {policy}\n" if policy else ""
    return (
        "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\n"
        f"spec:\n  host: {name}\n{more}  subsets:\n{lines}\n"
    )


def rule(name: str, spec: str, *, namespace: str = "default", hosts: str = "", kind: str = "VirtualService") -> str:
    """Return an object of Istio's networking group, by default a VirtualService for the host of its name."""
    given = f"  hosts: [{hosts or name}]\n" if kind == "VirtualService" and "hosts:" not in spec else ""
    return (
        f"---\napiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\n"
        f"spec:\n{given}{indent(dedent(spec).strip(), '  ')}\n"
    )
