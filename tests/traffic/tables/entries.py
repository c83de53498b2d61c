"""Where services come from: ServiceEntry with static addresses and DNS, WorkloadEntry, Kubernetes manifests."""

from tests.traffic.case import Call, Case, get
from tests.traffic.fleet import address, rule, service

_DNS = """
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: by-name, namespace: default}
spec:
  hosts: [by-name.localhost]
  resolution: DNS
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: $PORT}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: by-endpoint, namespace: default}
spec:
  hosts: [api.example.com]
  resolution: DNS
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: somewhere.localhost, ports: {http: $PORT}}]
"""
_ROUND_ROBIN = (
    _DNS.replace("resolution: DNS", "resolution: DNS_ROUND_ROBIN")
    + """
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: bytes, namespace: default}
spec:
  hosts: [bytes.example.com]
  resolution: DNS_ROUND_ROBIN
  ports: [{number: 80, name: tcp, protocol: TCP}]
  endpoints: [{address: somewhere.localhost, ports: {tcp: $PORT}}]
"""
)
_SELECTED = f"""
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: selected, namespace: default}}
spec:
  hosts: [selected.example.com]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: 80, name: http, protocol: HTTP, targetPort: $PORT}}]
  workloadSelector: {{labels: {{app: selected}}}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: vm-1, namespace: default}}
spec: {{address: {address("selected", "v1")}, labels: {{app: selected, version: v1}}}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: vm-2, namespace: default}}
spec: {{address: {address("selected", "v2")}, labels: {{app: selected, version: v2}}, weight: 3}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: vm-other, namespace: default}}
spec: {{address: {address("selected", "v3")}, labels: {{app: other}}}}
"""
_KUBERNETES = f"""
---
apiVersion: v1
kind: Service
metadata: {{name: kube, namespace: default}}
spec:
  selector: {{app: kube}}
  ports: [{{name: http, port: 80, targetPort: $PORT}}]
---
apiVersion: v1
kind: Endpoints
metadata: {{name: kube, namespace: default}}
subsets:
- addresses: [{{ip: {address("kube", "v1")}}}, {{ip: {address("kube", "v1", 2)}}}]
  notReadyAddresses: [{{ip: {address("kube", "v2")}}}]
  ports: [{{name: http, port: $PORT}}]
---
apiVersion: v1
kind: Service
metadata: {{name: sliced, namespace: default}}
spec:
  ports: [{{name: http, port: 8080}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: sliced-1, namespace: default, labels: {{kubernetes.io/service-name: sliced}}}}
addressType: IPv4
ports: [{{name: http, port: $PORT}}]
endpoints:
- {{addresses: [{address("sliced", "v1")}], conditions: {{ready: true}}}}
- {{addresses: [{address("sliced", "v2")}], conditions: {{ready: false}}}}
"""

CASES = (
    Case(
        id="entry-static",
        intent="A ServiceEntry is reached under each of its hosts, and its wildcard under every name below.",
        config=service("external", host="'a.example.com', b.example.com")
        + service("wild", host="'*.wild.example.com'")
        + service("narrower", host="x.wild.example.com")
        + service("partial", host="'*-eu.wild.example.com'")
        + service("vip", host="vip.example.com", extra="addresses: [240.0.0.7]"),
        calls=(
            get("http://a.example.com/", to="external v1"),
            get("http://b.example.com/", to="external v1"),
            get("http://any.wild.example.com/", to="wild v1"),
            get("http://a.b.wild.example.com/", to="wild v1"),
            get("http://x.wild.example.com/", to="narrower v1"),
            get("http://x-eu.wild.example.com/", to="partial v1"),
            get("http://x.y-eu.wild.example.com/", to="partial v1"),
            get("http://vip.example.com/", to="vip v1"),
            get("http://240.0.0.7/", to="vip v1"),
        ),
    ),
    Case(
        id="entry-dns",
        intent="With resolution DNS the host, or the endpoints' names, are looked up.",
        config=_DNS,
        calls=(
            get("http://by-name.localhost/", host="by-name.localhost", cluster="outbound|80||by-name.localhost"),
            get("http://api.example.com/", host="api.example.com", cluster="outbound|80||api.example.com"),
        ),
    ),
    Case(
        id="entry-dns-round-robin",
        intent="With DNS_ROUND_ROBIN the name is looked up too, and one of its addresses called.",
        config=_ROUND_ROBIN,
        calls=(
            get("http://by-name.localhost/", host="by-name.localhost", cluster="outbound|80||by-name.localhost"),
            get("http://api.example.com/", host="api.example.com", cluster="outbound|80||api.example.com"),
            Call(method="CONNECT", url="bytes.example.com:80", cluster="outbound|80||bytes.example.com"),
        ),
    ),
    Case(
        id="entry-selector",
        intent="A workloadSelector picks the WorkloadEntries of its namespace, with their weights.",
        config=_SELECTED,
        calls=(get("http://selected.example.com/", to={"selected v1": 0.25, "selected v2": 0.75}, times=400),),
    ),
    Case(
        id="kubernetes",
        intent="Services with Endpoints or EndpointSlices are services; what is not ready gets nothing.",
        config=_KUBERNETES,
        calls=(
            get("http://kube/", to={"kube v1 #1": 0.5, "kube v1 #2": 0.5}, times=200),
            get("http://kube.default.svc.cluster.local:80/", to="kube v1"),
            get("http://sliced:8080/", to="sliced v1"),
        ),
    ),
    Case(
        id="rule-without-service",
        intent="A host that only a rule names is served on port 80.",
        config=service("behind")
        + rule("virtual", "http: [{route: [{destination: {host: behind}}]}]", hosts="front.example.com"),
        calls=(
            get("http://front.example.com/", to="behind v1"),
            get("http://front.example.com:80/", to="behind v1"),
        ),
    ),
)
