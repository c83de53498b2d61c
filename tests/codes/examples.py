"""What provokes each code: the source of the examples in docs/reference/codes.md.

Mistakes in objects come from the tables of the API's own tests; what files or a mesh provoke is carried out by
`test_codes.py`; what needs a running system names the test that provokes it.
"""

import functools
from collections.abc import Iterator
from textwrap import dedent
from typing import NamedTuple

from tests.unit.api.mistakes import TABLES
from tests.unit.api.objects import text_of
from tests.unit.api.test_parse import MISPLACED, OBJECTS, TYPES, UNKNOWN_ANNOTATION
from tests.unit.api.test_yaml_reader import BROKEN, INSIDE


class Example(NamedTuple):
    """What is shown; `files` are compiled together, unless a `test` (its node id) does what is shown."""

    shown: str
    language: str = "console"
    files: tuple[str, ...] = ()
    test: str = ""


def _mesh(*files: str) -> Example:
    texts = tuple(dedent(text).strip() + "\n" for text in files)
    parts = [f"# {'abc'[number]}.yaml\n{text}" for number, text in enumerate(texts)] if len(texts) > 1 else texts
    return Example("---\n".join(parts), "yaml", texts)


def _test(shown: str, test: str, language: str = "console") -> Example:
    return Example(dedent(shown).strip() + "\n", language, test=f"tests/{test}")


_SERVICE = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: reviews}
spec:
  hosts: [reviews.example.com]
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 10.0.0.1, labels: {version: v1}}]
"""


def _rule(destination: str, more: str = "") -> str:
    return (
        f"{_SERVICE}---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: reviews}}\n"
        f"spec:\n  hosts: [reviews.example.com]\n{more}  http: [{{route: [{{destination: {destination}}}]}}]\n"
    )


def _policy(host: str, rest: str = "") -> str:
    return (
        f"{_SERVICE}---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: reviews}}\n"
        f"spec: {{host: {host}{rest}}}\n"
    )


def _checks(*specs: str, hosts: str = "reviews.example.com") -> Example:
    """Return a service and several HealthChecks for it."""
    head = "apiVersion: pidalio.dev/v1\nkind: HealthCheck\nmetadata: {{name: {}}}\nspec: {{host: {}, {}}}\n"
    return _mesh(_SERVICE, *(head.format(name, hosts, spec) for name, spec in zip("ab", specs, strict=False)))


_TO = "{route: [{destination: {host: reviews.example.com}}]}"
_DELEGATE = "http: [{delegate: {name: nobody}}]"
_VIRTUAL = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{{}}}\nspec: {{{}}}\n"
_ALIAS = "apiVersion: v1\nkind: Service\nmetadata: {{name: other}}\nspec: {{type: ExternalName, externalName: {}}}\n"
_API = "curl --unix-socket api.sock http://localhost"
_HTTP = "unit/http/test_failures.py::test_there_and_back"
_SIDECAR = "unit/agent/test_sidecar.py::"
_TYPED = "unit/api/test_yaml_reader.py::test_a_broken_text_is_one_report_with_its_line"

_GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: {}}}
spec:
  selector: {{app: edge}}
  servers: [{{port: {{number: 80, name: main, protocol: {}}}, hosts: ['*']}}]
"""
_SIDECARS = "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: {}}}\nspec: {{egress: [{{hosts: ['*/*']}}]}}\n"
_RANDOM = "trafficPolicy: {loadBalancer: {simple: RANDOM}}"
_V1 = "subsets: [{name: v1, labels: {version: v1}}]"


def _rules(*entries: str) -> Example:
    """Return a service and a VirtualService with these HTTP rules."""
    listed = "".join(f"\n  - {one}" for one in entries)
    text = _VIRTUAL.format("name: reviews", "").replace(
        "spec: {}", f"spec:\n  hosts: [reviews.example.com]\n  http:{listed}"
    )
    return _mesh(_SERVICE, text)


def _policies(*rests: str) -> Example:
    """Return a service and several DestinationRules for it."""
    rules = [_policy("reviews.example.com", f", {rest}").removeprefix(f"{_SERVICE}---\n") for rest in rests]
    return _mesh(
        _SERVICE, *(one.replace("name: reviews}", f"name: {name}}}", 1) for one, name in zip(rules, "ab", strict=False))
    )


def _http(rest: str) -> str:
    """Return a rule whose only route says more than where to."""
    more = rest.replace("\n", "\n    ")
    return (
        f"{_SERVICE}---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: reviews}}\nspec:\n"
        f"  hosts: [reviews.example.com]\n  http:\n  - route: [{{destination: {{host: reviews.example.com}}}}]\n    {more}\n"
    )


RESILIENCE: dict[str, Example] = {
    "attempts-multiply": _mesh(
        """
        apiVersion: v1
        kind: Service
        metadata: {name: cart, annotations: {pidalio.dev/calls: stock}}
        spec: {ports: [{name: http, port: 80}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: stock}
        spec: {ports: [{name: http, port: 80}]}
        """,
        """
        apiVersion: networking.istio.io/v1
        kind: VirtualService
        metadata: {name: cart}
        spec:
          hosts: [cart]
          http: [{route: [{destination: {host: cart}}], retries: {attempts: 3, retryOn: 5xx}}]
        ---
        apiVersion: networking.istio.io/v1
        kind: VirtualService
        metadata: {name: stock}
        spec:
          hosts: [stock]
          http: [{route: [{destination: {host: stock}}], retries: {attempts: 3, retryOn: 5xx}}]
        """,
    ),
    "retries-beyond-timeout": _mesh(_http("timeout: 5s\nretries: {attempts: 3, perTryTimeout: 2s}")),
    "retries-without-budget": _mesh(_http("retries: {attempts: 3, retryOn: 5xx}")),
    "retries-off-elsewhere": _mesh(
        _http("retries: {attempts: 0}"),
        """
        apiVersion: networking.istio.io/v1
        kind: VirtualService
        metadata: {name: api}
        spec:
          hosts: [api.example.com]
          http: [{route: [{destination: {host: reviews.example.com}}]}]
        """,
    ),
    "outlier-never-ejects": _mesh(_policy("reviews.example.com", ", trafficPolicy: {outlierDetection: {}}")),
    "outlier-ejects-all": _mesh(
        _policy("reviews.example.com", ", trafficPolicy: {outlierDetection: {maxEjectionPercent: 100}}")
    ),
    "failover-without-ejection": _mesh(
        _policy(
            "reviews.example.com",
            ", trafficPolicy: {loadBalancer: {localityLbSetting: {failover: [{from: east, to: west}]}}}",
        )
    ),
}

EFFECTIVENESS: dict[str, Example] = {
    "ineffective": _rules("{match: [{uri: {prefix: /}}], " + _TO[1:], "{match: [{uri: {exact: /x}}], " + _TO[1:]),
    "undecided": _rules(
        "{match: [{uri: {regex: '/v[0-9]+'}}], " + _TO[1:], "{match: [{uri: {regex: '/v[0-9]{1,9}'}}], " + _TO[1:]
    ),
    "redundant": _rules("{match: [{uri: {exact: /x}}], " + _TO[1:], _TO),
    "only-lets-in": _mesh(
        _SERVICE,
        _VIRTUAL.format(
            "name: front",
            "hosts: [front.example.com],\n  http: [{directResponse: {status: 200}}, " + _TO + "]",
        ),
        """
        apiVersion: networking.istio.io/v1
        kind: Sidecar
        metadata: {name: narrow}
        spec: {egress: [{hosts: [./front.example.com]}]}
        """,
    ),
    "zero-weight": _rules(
        "{route: [{destination: {host: reviews.example.com}, weight: 1},\n"
        "            {destination: {host: other.example.com}, weight: 0}]}"
    ),
    "unused-subset": _policies(_V1),
    "conflict-host": _mesh(
        _SERVICE,
        *(_VIRTUAL.format(f"name: {name}", f"hosts: [reviews.example.com], http: [{_TO}]") for name in "ab"),
    ),
    "conflict-traffic-policy": _policies(_RANDOM, _RANDOM),
    "no-tunnel-by-post": _mesh(
        _policy(
            "reviews.example.com",
            ", trafficPolicy: {tunnel: {protocol: POST, targetHost: db.example.com, targetPort: 5432}}",
        ).replace("name: http, protocol: HTTP", "name: tcp, protocol: TCP"),
    ),
    "conflict-subset": _policies(_V1, _V1),
    "conflict-destination-rule": _mesh(
        _SERVICE,
        _policy("reviews.example.com", f", {_RANDOM}").removeprefix(f"{_SERVICE}---\n"),
        _policy("'*.example.com'", f", {_RANDOM}")
        .removeprefix(f"{_SERVICE}---\n")
        .replace("name: reviews", "name: all"),
    ),
    "conflict-health-check": _checks("http: {path: /healthz}", "tcp: {}"),
    "health-check-load": _checks("http: {path: /healthz}"),
    "heavy-health-check": _checks("http: {path: /healthz}, interval: 50ms"),
    "conflict-sidecar": _mesh(_SIDECARS.format("a"), _SIDECARS.format("b")),
    "conflict-port": _mesh(_GATEWAY.format("a", "HTTP"), _GATEWAY.format("b", "TCP")),
    "conflict-service": _mesh(_SERVICE, _SERVICE.replace("name: reviews}", "name: again}", 1)),
    "conflict-address": _mesh(
        _SERVICE + "  addresses: [240.0.0.1]\n",
        (_SERVICE + "  addresses: [240.0.0.1]\n")
        .replace("name: reviews}", "name: shop}", 1)
        .replace("reviews.", "shop."),
    ),
}
ELSEWHERE: dict[str, dict[str, Example]] = {
    "effectiveness": EFFECTIVENESS,
    "effectiveness.resilience": RESILIENCE,
    "rules": {
        "not-yet-effective": _mesh(
            """
            apiVersion: networking.istio.io/v1alpha3
            kind: EnvoyFilter
            metadata: {name: own}
            spec: {priority: 1}
            """
        ),
        "unknown-host": _mesh(_rule("{host: nobody.example.com}")),
        "unknown-port": _mesh(_rule("{host: reviews.example.com, port: {number: 81}}")),
        "unknown-target-port": _mesh(
            """
            apiVersion: v1
            kind: Service
            metadata: {name: web}
            spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]}
            """,
            """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web}
            spec:
              template:
                metadata: {labels: {app: web}}
                spec: {containers: [{name: web, ports: [{name: main, containerPort: 8080}]}]}
            """,
        ),
        "unknown-subset": _mesh(_rule("{host: reviews.example.com, subset: v2}")),
        "unknown-gateway": _mesh(_rule("{host: reviews.example.com}", "  gateways: [nowhere]\n")),
        "unreferenced-host": _mesh(_policy("nobody.example.com")),
        "unreferenced-port": _checks("port: 81, http: {path: /healthz}"),
        "unreferenced-subset": _checks("subset: v2, http: {path: /healthz}"),
        "unknown-callee": _mesh(
            """
            apiVersion: v1
            kind: Service
            metadata: {name: cart, annotations: {pidalio.dev/calls: nobody}}
            spec: {ports: [{name: http, port: 80}]}
            """
        ),
        "unknown-delegate": _mesh(
            _SERVICE, _VIRTUAL.format("name: root", "hosts: [reviews.example.com], " + _DELEGATE)
        ),
        "unused-delegate": _mesh(_SERVICE, _VIRTUAL.format("name: team", "http: [" + _TO + "]")),
        "delegate-conflict": _mesh(
            _SERVICE,
            _VIRTUAL.format(
                "name: root",
                "hosts: [reviews.example.com], http: [{match: [{uri: {prefix: /a}}], delegate: {name: team}}]",
            ),
            _VIRTUAL.format("name: team", "http: [{match: [{uri: {prefix: /b}}], " + _TO[1:] + "]"),
        ),
        "jwt-claim-without-authentication": _mesh(
            _SERVICE,
            """
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: edge}
            spec:
              selector: {istio: ingressgateway}
              servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]
            """,
            _VIRTUAL.format(
                "name: claims",
                "hosts: [reviews.example.com], gateways: [edge],\n"
                "  http: [{match: [{headers: {'@request.auth.claims.sub': {exact: ada}}}], " + _TO[1:] + "]",
            ),
        ),
        "alias-host": _mesh(
            _SERVICE,
            _ALIAS.format("reviews.example.com"),
            _policy("other.default.svc.cluster.local"),
        ),
        "unserved-alias": _mesh(_ALIAS.format("nobody.example.com")),
        "foreign-ingress": _mesh(
            """
            apiVersion: networking.k8s.io/v1
            kind: Ingress
            metadata: {name: web}
            spec: {ingressClassName: nginx, defaultBackend: {service: {name: web, port: {number: 80}}}}
            """
        ),
        "refused-field": _mesh(
            """
            apiVersion: networking.k8s.io/v1
            kind: Ingress
            metadata: {name: web, annotations: {kubernetes.io/ingress.class: istio}}
            spec:
              defaultBackend: {resource: {kind: Bucket, name: files}}
            """
        ),
        "sticky-makes-no-cookie": _mesh(
            """
            apiVersion: pidalio.dev/v1
            kind: MeshConfig
            metadata: {name: mesh}
            spec: {defaultConfig: {proxyHeaders: {requestId: {disabled: true}}}}
            """,
            """
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: reviews}
            spec:
              hosts: [reviews.example.com]
              http:
              - sticky: {cookie: {}}
                route:
                - {destination: {host: v1.example.com}, weight: 90}
                - {destination: {host: v2.example.com}, weight: 10}
            """,
        ),
        "sticky-at-gateways-only": _mesh(
            """
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: reviews}
            spec:
              hosts: [reviews.example.com]
              http:
              - sticky: {sourceAddress: true}
                route:
                - {destination: {host: v1.example.com}, weight: 90}
                - {destination: {host: v2.example.com}, weight: 10}
            """
        ),
        "sticky-chooses-instances": _mesh(
            _policy("reviews.example.com", ", trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: id}}}"),
            """
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: reviews}
            spec:
              hosts: [reviews.example.com]
              http:
              - sticky: {cookie: {}}
                route:
                - {destination: {host: reviews.example.com}, weight: 90}
                - {destination: {host: ratings.example.com}, weight: 10}
            """,
        ),
        "empty-subset": _mesh(_policy("reviews.example.com", ", subsets: [{name: v2, labels: {version: v2}}]")),
    },
    "store": {
        "declared-twice": _mesh(_SERVICE, _SERVICE.replace("10.0.0.1", "10.0.0.2")),
        "kinds-not-read": _mesh("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {}\n"),
        "owned-elsewhere": _test(
            "$ pidalio delete virtualservice reviews   # which mesh/rules.yaml holds",
            "unit/store/test_catalog.py::test_apply_and_delete_refuse_what_a_file_owns_and_name_it",
        ),
        "not-found": _test(
            "$ pidalio delete virtualservice nobody", "unit/http/test_writing.py::test_delete_of_nothing_is_refused"
        ),
        "kept-last-known": _test(
            "$ rm mesh/*.yaml   # all files of the mesh at once",
            "unit/server/test_guard.py::test_an_emptied_folder_takes_nothing_away_until_it_is_meant",
        ),
        "kept": _test(
            "$ echo 'a: [' > mesh/rules.yaml   # which held a rule",
            "unit/store/test_catalog.py::test_a_file_that_cannot_be_read_keeps_all_it_held_until_it_is_mended",
        ),
    },
    "history": {
        "secret-not-kept": _test(
            "$ pidalio history rollback 3   # a revision with a Secret",
            "unit/history/test_replay.py::test_a_secret_cannot_be_replayed",
        )
    },
    "platforms.cloudfoundry": {
        name: _test(shown, f"platforms/cloudfoundry/{test}")
        for name, shown, test in (
            (
                "cloudfoundry-message",
                '$ nats publish router.register ...   # with "port": "61000"',
                "test_adapter.py::test_what_is_dropped_is_told_until_it_is_mended",
            ),
            (
                "cloudfoundry-unverified",
                "$ pidalio serve --platform cloudfoundry=nats://10.0.0.4:4222   # where instances speak TLS",
                "test_mapping.py::TestLeftOut::test_who_cannot_be_verified",
            ),
            (
                "cloudfoundry-route-service",
                "$ cf bind-route-service example.com limits --hostname shop",
                "test_mapping.py::TestLeftOut::test_what_belongs_to_a_route_service",
            ),
            (
                "cloudfoundry-option",
                "$ cf update-route example.com --hostname shop --option loadbalancing=hash",
                "test_mapping.py::test_how_a_route_balances[hash-0-1]",
            ),
            (
                "cloudfoundry-silent",
                "$ pidalio platforms   # and the route emitter of a cell has died",
                "test_controller.py::test_who_is_silent_is_told_of_where_nobody_can_be_asked",
            ),
            (
                "cloudfoundry-dropped",
                "$ pidalio platforms   # and messages come faster than one processor reads them",
                "test_adapter.py::test_messages_that_come_too_fast_are_told_and_healed",
            ),
            (
                "cloudfoundry-api",
                "$ pidalio platforms   # and the client has lost its rights",
                "test_controller.py::test_names_labels_and_weights",
            ),
        )
    },
    "platforms.consul": {
        name: _test(shown, f"platforms/consul/{test}")
        for name, shown, test in (
            (
                "consul-hidden",
                "$ consul acl policy update …   # and the token lost `service:read` for some services",
                "test_questions.py::test_what_the_token_may_not_read_any_more_is_not_gone",
            ),
            (
                "consul-lost-state",
                "$ consul agent -dev   # after the former one was killed",
                "test_questions.py::test_an_index_that_went_backwards_takes_nothing_away_for_a_while",
            ),
            (
                "consul-no-leader",
                "$ pidalio platforms   # while Consul's servers have no quorum",
                "test_questions.py::test_without_a_leader_what_one_server_knows_is_followed",
            ),
            (
                "consul-unread",
                "$ pidalio platforms   # while a proxy before Consul cuts off long answers",
                "test_questions.py::test_a_service_that_cannot_be_read_stays_and_holds_up_no_other",
            ),
            (
                "consul-bad-instance",
                "$ consul services register -name web   # without a port",
                "test_questions.py::test_an_instance_with_a_string_port_is_told_and_its_neighbours_count",
            ),
            (
                "consul-bad-meta",
                "$ consul services register -name web -port 8080 -meta service-port=x",
                "test_questions.py::test_what_is_wrong_with_a_service_is_told_until_it_is_mended[meta]",
            ),
            (
                "consul-ports-differ",
                "$ consul services register -name web -id w2 -port 9090   # beside one at 8080",
                "test_questions.py::test_what_is_wrong_with_a_service_is_told_until_it_is_mended[ports]",
            ),
            (
                "consul-protocols-differ",
                "$ consul services register -name web -id w2 -port 8080 -meta protocol=tcp   # beside one that says http",
                "test_mapping.py::test_where_instances_state_different_protocols_the_oldest_counts",
            ),
            (
                "consul-no-hostname",
                "$ consul services register -name '~~~' -port 8080",
                "test_mapping.py::test_a_name_that_makes_no_host_is_told_and_left_out",
            ),
        )
    },
    "platforms.eureka": {
        "eureka-bad-instance": _test(
            '$ pidalio platforms   # and an instance registered its port as "http"',
            "platforms/eureka/test_adapter.py::test_an_instance_that_cannot_be_read_stays_as_it_was",
        )
    },
    "platforms.mesos": {
        name: _test(shown, f"platforms/mesos/{test}")
        for name, shown, test in (
            (
                "mesos-unreadable",
                '$ pidalio platforms   # and Marathon lists a task with "ports": ["31001"]',
                "test_marathon.py::test_an_app_that_cannot_be_read_stays_as_it_was",
            ),
            (
                "mesos-failover",
                "$ pidalio platforms   # and a new master leads, to which agents have not come yet",
                "test_master.py::test_a_new_master_that_knows_little_is_given_time",
            ),
            (
                "mesos-no-events",
                "$ pidalio platforms   # and a proxy before Marathon answers 405 to /v2/events",
                "test_marathon.py::test_without_events_marathon_is_read_now_and_then",
            ),
            (
                "mesos-no-address",
                "$ pidalio platforms   # and an agent is called agent-7, which no DNS knows",
                "test_marathon.py::test_agents_that_dns_does_not_know_are_told",
            ),
            (
                "mesos-no-service",
                '$ pidalio platforms   # and an app has the label "mesh.service": "???"',
                "test_marathon.py::test_an_app_without_a_host_name_is_told",
            ),
            (
                "mesos-fallback",
                "$ pidalio platforms   # and neither the master nor Marathon answers",
                "test_marathon.py::test_mesos_dns_tells_what_is_new_while_nothing_better_answers",
            ),
        )
    },
    "platforms.files": {
        name: _test(shown, f"platforms/files/{test}")
        for name, shown, test in (
            (
                "no-such-file",
                "$ pidalio validate -f missing.yaml",
                "test_paths.py::test_what_is_not_read_is_one_line_each",
            ),
            (
                "unreadable",
                "$ mkfifo pipe\n$ pidalio validate -f pipe",
                "test_paths.py::test_what_is_not_read_is_one_line_each",
            ),
            (
                "no-files",
                "$ mkdir empty\n$ pidalio validate -f empty",
                "test_paths.py::test_what_is_not_read_is_one_line_each",
            ),
            (
                "not-watched",
                "$ sysctl fs.inotify.max_user_watches=1\n$ pidalio up mesh",
                "test_source.py::test_without_a_watch_scanning_finds_changes_and_says_so",
            ),
        )
    },
    "platforms.following": {
        name: _test(shown, f"platforms/following/{test}")
        for name, shown, test in (
            (
                "platform-stale",
                "$ pidalio platforms   # and the registry was stopped",
                "test_follower.py::test_an_error_is_never_empty",
            ),
            (
                "platform-not-read",
                "$ pidalio serve --platform consul=http://127.0.0.1:1   # where nobody listens",
                "test_follower.py::test_a_platform_that_was_never_read_is_an_error",
            ),
            (
                "platform-held",
                "$ pidalio platforms   # and a registry came back empty",
                "test_telling.py::test_an_answer_that_is_asked_for_twice_says_so_meanwhile",
            ),
            (
                "platform-not-kept",
                "$ pidalio serve --platform consul=http://127.0.0.1:8500   # on a full disk",
                "test_telling.py::test_what_cannot_be_written_is_told_until_it_can",
            ),
            (
                "instance-flapping",
                "$ pidalio platforms   # and a check in Consul passes and fails by turns",
                "test_steadying.py::test_one_that_goes_up_and_down_is_told",
            ),
            (
                "address-claimed-twice",
                "$ pidalio platforms   # and Consul still has an instance that Kubernetes gave to another service",
                "test_several.py::test_one_address_of_two_services_is_told_once_and_while_it_is_so",
            ),
            (
                "virtual-address-claimed-twice",
                "$ pidalio platforms   # with two clusters whose ranges of service addresses overlap",
                "test_several.py::test_a_virtual_address_of_two_services_is_told",
            ),
            (
                "protocol-differs",
                "$ pidalio platforms   # with a service that is HTTP in Kubernetes and TCP in Consul",
                "test_several.py::test_a_protocol_that_differs_is_told_and_the_first_counts",
            ),
            (
                "platform-not-restored",
                "$ echo > .pidalio/platforms/consul.jsonl && pidalio serve --platform consul=http://127.0.0.1:8500",
                "test_enduring.py::test_a_file_of_another_version_does_no_harm[newer]",
            ),
            (
                "platform-failed",
                "$ pidalio platforms   # with an adapter that has a mistake",
                "test_telling.py::test_an_adapter_that_ends_by_a_mistake_is_run_again_and_told_until_it_works",
            ),
        )
    },
    "platforms.kubernetes": {
        name: _test(shown, f"platforms/kubernetes/test_reading.py::{test}")
        for name, shown, test in (
            (
                "kubernetes-forbidden",
                "$ pidalio platforms   # and the account may not list nodes",
                "test_one_kind_that_may_not_be_read_is_told_with_its_permission_and_the_rest_goes_on",
            ),
            (
                "kubernetes-malformed",
                "$ pidalio platforms   # and a custom API server says a port as text",
                "test_what_cannot_be_read_is_told_and_the_others_count",
            ),
            (
                "kubernetes-names",
                "$ pidalio platforms   # with an EndpointSlice whose addressType is FQDN",
                "test_a_slice_of_names_is_told",
            ),
            (
                "kubernetes-went-back",
                "$ pidalio platforms   # after etcd was restored from a backup",
                "test_a_restored_backup_is_told_and_taken_for_true",
            ),
        )
    },
    "platforms.kubernetes.informing": {
        name: _test(shown, f"platforms/kubernetes/test_denied.py::{test}")
        for name, shown, test in (
            (
                "no-leader",
                "$ pidalio platforms   # and the account may not touch Leases",
                "test_a_lease_that_is_denied_is_told_and_nothing_is_written",
            ),
            (
                "status-not-written",
                "$ pidalio platforms   # and the account may not write virtualservices/status",
                "test_a_kind_that_is_denied_is_told_once_and_left_for_a_while",
            ),
        )
    },
    "platforms.nomad": {
        name: _test(shown, f"platforms/nomad/test_adapter.py::{test}")
        for name, shown, test in (
            (
                "nomad-bad-registration",
                "$ pidalio platforms   # and a service block has no port",
                "test_a_registration_that_cannot_be_used_is_told_and_the_others_count",
            ),
            (
                "nomad-no-nodes",
                "$ pidalio serve --platform nomad   # with a token that may not read nodes",
                "test_a_token_without_nodes_follows_services_and_says_what_is_missing",
            ),
        )
    },
    "platforms.zookeeper": {
        "zookeeper-bad-node": _test(
            "$ zkCli.sh set /discovery/web/i1 text   # where Curator's JSON should be",
            "platforms/zookeeper/test_tour.py::test_a_node_that_is_no_instance_is_told_and_stays_as_it_was",
        )
    },
    "platforms.etcd": {
        "etcd-bad-value": _test(
            """$ etcdctl put /services/web/i-1 '{"address": "10.0.0.1", "port": "http"}'""",
            "platforms/etcd/test_adapter.py::test_a_value_that_is_not_understood_stays_as_it_was",
        ),
    },
    "platforms.vm": {
        code: _test(shown, f"platforms/vm/{test}")
        for code, shown, test in (
            (
                "address-claimed",
                "$ pidalio agent --workload old-0 --port 9080 … & pidalio agent --workload new-0 --port 9080 …",
                "test_registrations.py::test_the_newer_of_two_at_one_address_has_it_after_the_grace_time",
            ),
            (
                "registrations-not-shared",
                "$ pidalio serve --registrations etcd=http://127.0.0.1:2379   # and etcd ends",
                "test_sharing.py::test_while_the_store_is_away_nothing_is_removed_and_all_goes_on",
            ),
            (
                "group-unknown",
                "AUTO_REGISTER_GROUP: reviews   # in a proxy's node, and no such WorkloadGroup",
                "test_streams.py::test_a_group_that_comes_late_registers_those_who_wait",
            ),
            (
                "registration-refused",
                "AUTO_REGISTER_GROUP: reviews   # in a second proxy's node, with another certificate",
                "test_streams.py::test_what_another_identity_holds_is_refused_and_told",
            ),
        )
    },
    "platforms.local": {
        "too-many-instances": _mesh(
            """
            apiVersion: pidalio.dev/v1
            kind: LocalWorkload
            metadata: {name: reviews}
            spec: {command: [python, app.py], replicas: 255}
            """
        )
    },
    "server": {
        "rejected-by-envoy": _test(
            "$ pidalio status   # a proxy refuses what a rule became",
            "unit/http/test_reading.py::test_status_has_rejections_with_their_line",
        ),
        "grpc-cannot": _test(
            "$ pidalio status   # while a proxyless gRPC client follows a rule that mirrors",
            "xds/test_grpc.py::test_what_grpc_cannot_do_is_told_by_name_and_lets_nothing_through",
        ),
        "history-unavailable": _test(
            "$ echo … >> mesh/rules.yaml   # on a full disk",
            "e2e/test_bad_input.py::test_mistake_is_one_line_and_traffic_goes_on[full disk]",
        ),
        "files-not-followed": _test(
            "$ pidalio status   # after a mistake of ours",
            "unit/server/test_serve.py::test_files_that_are_no_longer_followed_are_told",
        ),
        "platform-not-informed": _test(
            "$ pidalio platforms   # after a mistake of ours",
            "unit/server/test_informing.py::test_a_mistake_of_ours_is_told_while_it_lasts",
        ),
    },
    "http": {
        "bad-request": _test(f"$ {_API}/v1/revisions/x", f"{_HTTP}[UsageError]"),
        "unauthorized": _test("$ curl http://127.0.0.1:15014/v1/status   # without token", f"{_HTTP}[Unauthorized]"),
        "forbidden": _test("$ curl -H 'Host: example.com' http://127.0.0.1:15014/v1/status", f"{_HTTP}[Forbidden]"),
        "not-found": _test(
            f"$ {_API}/v1/nothing", "unit/http/test_failures.py::test_what_is_not_in_the_table[GET-/nope-404]"
        ),
        "method-not-allowed": _test(
            f"$ {_API}/v1/apply -X PATCH",
            "unit/http/test_failures.py::test_what_is_not_in_the_table[PATCH-/v1/apply-405]",
        ),
        "conflict": _test(
            "$ pidalio delete virtualservice reviews   # which mesh/rules.yaml holds", f"{_HTTP}[Conflict]"
        ),
        "too-large": _test("$ pidalio apply -f 40-megabytes.yaml", f"{_HTTP}[TooLarge]"),
        "invalid-input": _test("$ pidalio apply -f broken.yaml", f"{_HTTP}[InvalidInput]"),
        "refused": _test("$ pidalio history rollback 3   # which nothing can restore", f"{_HTTP}[Refused]"),
        "history-unavailable": _test(
            "$ pidalio apply -f rules.yaml   # on a full disk", f"{_HTTP}[HistoryUnavailable]"
        ),
        "unavailable": _test("$ pidalio apply -f rules.yaml   # while the control plane ends", f"{_HTTP}[Unavailable]"),
        "fault-campaign": _test(
            "$ pidalio status   # while `pidalio fault start` has a campaign run",
            "unit/http/test_campaigns.py::test_explain_names_it_and_status_tells_of_it",
        ),
        "internal": _test(
            "$ pidalio status   # and a mistake of ours",
            "unit/http/test_failures.py::test_what_was_not_foreseen_is_logged_and_not_told",
        ),
    },
    "up": {
        "port-moved": _test(
            """
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: way-in}
            spec:
              selector: {istio: ingressgateway}
              servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]
            """,
            "e2e/test_up_reports.py::test_port_below_1024_is_moved_and_says_so",
            "yaml",
        ),
        "settings-unknown": _test(
            "$ pidalio agent …   # and the API does not answer",
            "unit/up/test_joining.py::test_an_api_that_does_not_answer_keeps_no_proxy_from_starting[error0]",
        ),
        "port-in-use": _test(
            "$ pidalio up mesh   # while another process listens on a gateway's port",
            "e2e/test_bad_input.py::test_mistake_is_one_line_and_traffic_goes_on[port of a gateway in use]",
        ),
    },
    "agent": {
        "workload-ended": _test(
            "$ pidalio up mesh   # command: ['false']",
            f"{_SIDECAR}test_ended_application_is_refused_reported_gone_and_comes_back",
        ),
        "workload-unhealthy": _test(
            "$ pidalio up mesh   # whose probe fails", f"{_SIDECAR}test_failing_probe_is_reported_and_recovers"
        ),
        "workload-flapping": _test(
            "$ pidalio up mesh   # whose probe passes and fails by turns",
            f"{_SIDECAR}test_one_that_flaps_is_held_back_and_says_so",
        ),
        "workload-ignores-port": _test(
            "$ pidalio up mesh   # command: [python, -m, http.server, '9000']",
            f"{_SIDECAR}test_workload_that_ignores_port_is_found",
        ),
        "workload-not-listening": _test(
            "$ pidalio up mesh   # command: [sleep, '600'], with ports",
            f"{_SIDECAR}test_application_that_listens_nowhere_is_told_until_it_does",
        ),
        "envoy-ended": _test("$ kill -9 ENVOY", f"{_SIDECAR}test_ended_envoy_is_unhealthy_and_comes_back"),
        "control-plane-connected": _test(
            "$ pidalio agent …",
            "e2e/test_agent_standalone.py::test_lives_through_a_control_plane_that_goes_and_comes_back",
        ),
        "control-plane-away": _test(
            "$ pidalio agent …   # and the control plane ends",
            "e2e/test_agent_standalone.py::test_lives_through_a_control_plane_that_goes_and_comes_back",
        ),
        "not-registered": _test(
            "$ pidalio agent …   # with the certificate of another namespace",
            "unit/agent/test_registration.py::test_refusal_is_told_once",
        ),
    },
}

_LONG: dict[str, Example] = {
    "too-large": _test("$ pidalio validate -f nine-megabytes.yaml", f"{_TYPED}[bytes]"),
    "too-deep": _test("{a: {a: {a: …            # a hundred times", f"{_TYPED}[nested-braces]", "text"),
    "alias-bomb": _test(
        """
        a0: &a0 [x, x, x, x, x, x, x, x, x]
        a1: &a1 [*a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0]
        a2: &a2 [*a1, *a1, *a1, *a1, *a1, *a1, *a1, *a1, *a1]
        …
        """,
        f"{_TYPED}[alias-bomb]",
        "text",
    ),
    "not-utf8": _test("$ iconv -t utf-16 rules.yaml | pidalio validate -f -", f"{_TYPED}[utf16]"),
    "body-too-large": Example(
        "directResponse: {status: 200, body: {string: …}}   # more than a megabyte\n",
        "text",
        (text_of("VirtualService", TABLES["VirtualService"]["response-too-large"][0]),),
    ),
}


@functools.cache
def examples() -> dict[str, dict[str, Example]]:
    """Return every example by package and code."""
    return {"api": _of_the_api(), **ELSEWHERE}


def _of_the_api() -> dict[str, Example]:
    found: dict[str, list[str]] = {}
    for code, text in _mistakes():
        found.setdefault(code, []).append(text)
    shortest = {code: min(texts, key=len) for code, texts in found.items() if code not in _LONG}
    return {code: Example(text, "yaml", (text,)) for code, text in shortest.items()} | _LONG


def _mistakes() -> Iterator[tuple[str, str]]:
    for kind, table in TABLES.items():
        for spec, _, code, _ in table.values():
            yield code, text_of(kind, spec)
    for spec, code, _ in TYPES.values():
        yield code, text_of("VirtualService", spec)
    for text, code, _ in OBJECTS.values():
        yield code, text
    for text, _ in MISPLACED.values():
        yield "misplaced-annotation", text
    yield "unknown-annotation", UNKNOWN_ANNOTATION
    for text, code, *_ in (*BROKEN.values(), *INSIDE.values()):
        if isinstance(text, str) and text.isprintable():
            yield code, text
