"""Open connections to a real Envoy that bear no request for it, and ask the simulator what must become of them."""

import socket
import ssl
from collections import Counter
from contextlib import suppress

from tests.traffic.case import Call, Connect
from tests.traffic.client import told
from tests.traffic.envoy import RunningEnvoy
from tests.traffic.fleet import instance_at
from tests.traffic.observe import Outcome, broken_expectations

from pidalio.ir import Discovery, ListenerPlan, ProxyPlans
from pidalio.simulate import Carried, Connection, carry

NO_CHAIN = "filter_chain_not_found"


def connection_of(one: Connect, port: int) -> Connection:
    """Return what the proxy sees of a connection; `port` is the echo server's."""
    address, _, number = one.dst.replace("$PORT", str(port)).rpartition(":")
    return Connection(
        destination=address,
        port=int(number or 0),
        tls=one.sends == "tls",
        server_name=one.sni,
        alpn=one.alpn,
        protocol="",
    )


def door_for(plans: ProxyPlans, one: Connect) -> ListenerPlan:
    """Return where the connection arrives: the listener that it calls, or the one to which all are redirected."""
    found = [each for each in plans.listeners if (each.name == one.bound if one.bound else each.hands_off)]
    assert found, f"no listener for {one.bound or one.dst}"
    return found[0]


def foretold_connection(plans: ProxyPlans, one: Connect, port: int) -> list[str]:
    """Return which expectations of a connection the simulator breaks."""
    found = carry(plans, door_for(plans, one), connection_of(one, port))
    return broken_expectations(_expected(one, times=1), _foreseen(found))


def drive_connection(envoy: RunningEnvoy, one: Connect, port: int) -> list[str]:
    """Open a connection as often as it says; return what is not as expected, or not as the simulator says."""
    door, opened = door_for(envoy.plans, one), connection_of(one, port)
    found = carry(envoy.plans, door, opened)
    reached: Counter[str] = Counter()
    problems = []
    outcome = Outcome(0)
    for _ in range(one.times):
        caller = opened_by(envoy.next_id())
        answer = _answer(door, one, caller if door.hands_off else "", opened)
        where, _, through = answer.removeprefix("from ").strip().partition(" through ")
        if where:
            reached[instance_at(where)] += 1
            problems += _carried_on(found, through)
        if not door.hands_off:
            continue
        if found.verdicts[0].details == NO_CHAIN:  # what no chain takes is in no log
            outcome = Outcome(0, flag="NR", cluster="")
            problems += [f"differs from the simulator: Envoy reached {where}, simulator closes"] if where else []
            continue
        log = envoy.logged(caller)
        outcome = Outcome(0, flag=log["flags"], cluster=log["cluster"] or "")
        problems += carried_otherwise(found, log["flags"], log["cluster"] or "", where)
    outcome.reached = {name: count / one.times for name, count in reached.items()}
    outcome.through = through
    expected = _expected(one, times=one.times, logged=door.hands_off)
    return [*broken_expectations(expected, outcome), *sorted(set(problems))]


def _expected(one: Connect, *, times: int, logged: bool = True) -> Call:
    cluster, flag = (one.cluster, one.flag) if logged else (None, None)
    return Call(url="tcp", status=None, to=one.to, cluster=cluster, flag=flag, times=times, through=one.through)


def _foreseen(found: Carried) -> Outcome:
    outcome = Outcome(0)
    if not found.verdicts:
        return outcome
    outcome.flag, outcome.cluster = found.verdicts[0].flag, found.verdicts[0].cluster
    outcome.through = str((found.action.destinations[0].tunnel if found.action else None) or "")
    for verdict in found.verdicts:
        for to in found.action.destinations if found.action else ():
            for reach in to.pool.endpoints:
                if verdict.status is None and to.cluster == verdict.cluster and reach.share:
                    name = instance_at(reach.address)
                    outcome.reached[name] = outcome.reached.get(name, 0.0) + verdict.share * reach.share
    return outcome


def opened_by(identity: str) -> str:
    """Return an address and port that the log knows a connection by."""
    number = int(identity)
    return f"10.{200 + number // 65536}.{number // 256 % 256}.{number % 256}:1024"


def carried_otherwise(found: Carried, flag: str, cluster: str, where: str) -> list[str]:
    """Return how what Envoy logged of a connection differs from what was foreseen.

    Whether somebody listens at an address that was called is in no plan.
    """
    flag = "-" if "UF" in flag and _goes_on(found, cluster) else flag
    same = [one for one in found.verdicts if (one.flag, one.cluster) == (flag, cluster) and one.share]
    if not same:
        told_ = [(one.flag, one.cluster) for one in found.verdicts]
        return [f"differs from the simulator: Envoy {flag} {cluster}, simulator {told_}"]
    destinations = found.action.destinations if found.action else ()
    reach = {each.address for to in destinations for each in to.pool.endpoints if to.cluster == cluster and each.share}
    if where and reach and where not in reach:
        return [f"differs from the simulator: Envoy reached {where}, simulator {sorted(reach)}"]
    return []


def _carried_on(found: Carried, through: str) -> list[str]:
    told = {str(to.tunnel or "") for to in (found.action.destinations if found.action else ())}
    return [] if through in told else [f"differs from the simulator: through {through!r}, simulator {sorted(told)}"]


def _answer(door: ListenerPlan, one: Connect, caller: str, opened: Connection) -> str:
    """Return the line that the echo server says, "" when the connection is closed."""
    with socket.create_connection((door.address, door.port), timeout=30) as client, suppress(ConnectionResetError):
        if caller:
            client.sendall(told(caller, f"{opened.destination}:{opened.port}"))
        client.sendall(_first_bytes(one))
        line = b""
        while not line.endswith(b"\n") and (more := client.recv(1024)):
            line += more
        return line.decode()
    return ""


def _first_bytes(one: Connect) -> bytes:
    if one.sends != "tls":
        return b"\x00\x01anything\n" if one.sends == "bytes" else b""
    context = ssl.create_default_context()
    if one.alpn:
        context.set_alpn_protocols(list(one.alpn))
    context.check_hostname = False
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=one.sni or None)
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def _goes_on(found: Carried, cluster: str) -> bool:
    destinations = found.action.destinations if found.action else ()
    return any(to.discovery is Discovery.ORIGINAL_DST for to in destinations if to.cluster == cluster)
