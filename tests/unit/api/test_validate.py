"""What a well-typed object must also fulfil: one table per kind, each row one mistake and where it is told."""

import pytest

from pidalio.api import dump
from pidalio.api.codes import CODES
from pidalio.api.yaml_writer import write

from . import test_parse, test_yaml_reader
from .objects import findings, parsed, text_of

TO = "route: [{destination: {host: b}}]"
RULE = f"http: [{{{TO}}}]"


def rule(extra, action=TO):
    return f"hosts: [a]\nhttp: [{{{action}, {extra}}}]"


def match(condition):
    return rule(f"match: [{{{condition}}}]")


VIRTUAL_SERVICE = {
    "header-key-empty": (match("headers: {'': {exact: a}}"), "error", "bad-match", 'http[0].match[0].headers[""]'),
    "query-key-empty": (match("queryParams: {'': {exact: a}}"), "error", "bad-match", "http[0].match[0].queryParams"),
    "scheme-regex": (match("scheme: {regex: '('}"), "error", "bad-regex", "http[0].match[0].scheme.regex"),
    "gateway-namespace": (f"hosts: [a]\ngateways: [A_/g]\n{RULE}", "error", "bad-gateway-name", "gateways[0]"),
    "delegate-namespace": (
        "hosts: [a]\nhttp: [{delegate: {name: b, namespace: C}}]",
        "error",
        "bad-name",
        "http[0].delegate.namespace",
    ),
    "no-rules": ("hosts: [a]", "error", "no-routes", ""),
    "empty-host": (f"hosts: ['']\n{RULE}", "error", "missing-field", "hosts[0]"),
    "host-with-space": (f"hosts: ['a b']\n{RULE}", "error", "bad-host", "hosts[0]"),
    "host-with-port": (f"hosts: ['a.com:80']\n{RULE}", "error", "bad-host", "hosts[0]"),
    "wildcard-inside": (f"hosts: ['a.*.com']\n{RULE}", "error", "bad-host", "hosts[0]"),
    "wildcard-partial": (f"hosts: ['*a.com']\n{RULE}", "error", "bad-host", "hosts[0]"),
    "host-too-long": (f"hosts: ['{'a.' * 130}b']\n{RULE}", "error", "bad-host", "hosts[0]"),
    "label-too-long": (f"hosts: ['{'a' * 64}.com']\n{RULE}", "error", "bad-host", "hosts[0]"),
    "host-twice": (f"hosts: [a.com, A.com]\n{RULE}", "error", "duplicate-host", "hosts[1]"),
    "host-in-wildcard": (f"hosts: ['*.com', a.com]\n{RULE}", "error", "duplicate-host", "hosts[1]"),
    "wildcard-in-wildcard": (f"hosts: ['*.a.com', '*.com']\n{RULE}", "error", "duplicate-host", "hosts[0]"),
    "star-without-gateway": (f"hosts: ['*']\n{RULE}", "error", "mesh-wildcard", "hosts[0]"),
    "star-with-mesh": (f"hosts: ['*']\ngateways: [mesh, g]\n{RULE}", "error", "mesh-wildcard", "hosts[0]"),
    "empty-gateway": (f"hosts: [a]\ngateways: ['']\n{RULE}", "error", "bad-gateway-name", "gateways[0]"),
    "gateway-form": (f"hosts: [a]\ngateways: [a/b/c]\n{RULE}", "error", "bad-gateway-name", "gateways[0]"),
    "gateway-upper": (f"hosts: [a]\ngateways: [Gw]\n{RULE}", "error", "bad-gateway-name", "gateways[0]"),
    "gateway-old-form": (
        f"hosts: [a]\ngateways: [g.ns.svc.cluster.local]\n{RULE}",
        "warning",
        "bad-gateway-name",
        "gateways[0]",
    ),
    "export-unknown": (f"hosts: [a]\nexportTo: [A_B]\n{RULE}", "error", "bad-export", "exportTo[0]"),
    "export-nobody": (f"hosts: [a]\nexportTo: ['~']\n{RULE}", "error", "bad-export", "exportTo[0]"),
    "export-star-and-more": (f"hosts: [a]\nexportTo: ['*', b]\n{RULE}", "error", "bad-export", "exportTo"),
    "export-twice": (f"hosts: [a]\nexportTo: [b, b]\n{RULE}", "error", "bad-export", "exportTo[1]"),
    "export-dot-and-own": (f"hosts: [a]\nexportTo: ['.', default]\n{RULE}", "error", "bad-export", "exportTo[1]"),
    "delegate-with-gateways": (f"gateways: [g]\n{RULE}", "error", "bad-delegate", "gateways"),
    "delegate-delegates": ("http: [{delegate: {name: x}}]", "error", "bad-delegate", "http[0].delegate"),
    "delegate-without-name": ("hosts: [a]\nhttp: [{delegate: {}}]", "error", "missing-field", "http[0].delegate.name"),
    "no-action": ("hosts: [a]\nhttp: [{timeout: 1s}]", "error", "bad-action", "http[0]"),
    "two-actions": (rule("redirect: {uri: /}"), "error", "bad-action", "http[0].redirect"),
    "route-and-delegate": (rule("delegate: {name: x}"), "error", "bad-action", "http[0].delegate"),
    "no-destination": (
        "hosts: [a]\nhttp: [{route: [{weight: 1}]}]",
        "error",
        "missing-field",
        "http[0].route[0].destination",
    ),
    "no-host": (
        "hosts: [a]\nhttp: [{route: [{destination: {}}]}]",
        "error",
        "missing-field",
        "http[0].route[0].destination.host",
    ),
    "bad-subset": (
        rule("", "route: [{destination: {host: b, subset: V1}}]"),
        "error",
        "bad-name",
        "http[0].route[0].destination.subset",
    ),
    "bad-port": (
        rule("", "route: [{destination: {host: b, port: {number: 70000}}}]"),
        "error",
        "bad-port",
        "http[0].route[0].destination.port.number",
    ),
    "weights-zero": (
        rule("", "route: [{destination: {host: b}}, {destination: {host: c}}]"),
        "error",
        "weights-sum-zero",
        "http[0].route",
    ),
    "weight-negative": (
        rule("", "route: [{destination: {host: b}, weight: -1}]"),
        "error",
        "out-of-range",
        "http[0].route[0].weight",
    ),
    "unreachable": (f"hosts: [a]\nhttp: [{{{TO}}}, {{{TO}}}]", "warning", "unreachable-rule", "http[1]"),
    "timeout-zero": (rule("timeout: 0s"), "error", "bad-duration", "http[0].timeout"),
    "uri-empty": (match("uri: {}"), "error", "bad-match", "http[0].match[0].uri"),
    "uri-exact-empty": (match("uri: {exact: ''}"), "error", "bad-match", "http[0].match[0].uri.exact"),
    "uri-without-slash": (match("uri: {prefix: a}"), "warning", "bad-match", "http[0].match[0].uri.prefix"),
    "regex-look-ahead": (match("uri: {regex: '(?=a)'}"), "error", "bad-regex", "http[0].match[0].uri.regex"),
    "regex-empty": (match("uri: {regex: ''}"), "error", "bad-regex", "http[0].match[0].uri.regex"),
    "regex-long": (match(f"uri: {{regex: '{'a' * 1025}'}}"), "error", "bad-regex", "http[0].match[0].uri.regex"),
    "regex-in-header": (match("headers: {x: {regex: '['}}"), "error", "bad-regex", "http[0].match[0].headers.x.regex"),
    "method-empty": (match("method: {exact: ''}"), "error", "bad-match", "http[0].match[0].method"),
    "header-prefix-empty": (
        match("headers: {x: {prefix: ''}}"),
        "error",
        "bad-match",
        "http[0].match[0].headers.x.prefix",
    ),
    "header-named-uri": (match("headers: {uri: {exact: a}}"), "warning", "bad-match", "http[0].match[0].headers.uri"),
    "without-headers-regex": (
        match("withoutHeaders: {x: {regex: '('}}"),
        "error",
        "bad-regex",
        "http[0].match[0].withoutHeaders.x.regex",
    ),
    "query-regex": (
        match("queryParams: {x: {regex: '*'}}"),
        "error",
        "bad-regex",
        "http[0].match[0].queryParams.x.regex",
    ),
    "match-port": (match("port: 70000"), "error", "bad-port", "http[0].match[0].port"),
    "match-labels": (match("sourceLabels: {a: 'b c'}"), "error", "bad-label", "http[0].match[0].sourceLabels.a"),
    "match-gateways": (match("gateways: ['']"), "error", "bad-gateway-name", "http[0].match[0].gateways[0]"),
    "redirect-empty": (rule("", "redirect: {}"), "error", "bad-redirect", "http[0].redirect"),
    "redirect-scheme": (rule("", "redirect: {scheme: ftp}"), "error", "bad-redirect", "http[0].redirect.scheme"),
    "redirect-code": (
        rule("", "redirect: {uri: /, redirectCode: 304}"),
        "error",
        "bad-status",
        "http[0].redirect.redirectCode",
    ),
    "redirect-port": (rule("", "redirect: {port: 70000}"), "error", "out-of-range", "http[0].redirect.port"),
    "redirect-two-ports": (
        rule("", "redirect: {port: 80, derivePort: FROM_REQUEST_PORT}"),
        "error",
        "oneof-conflict",
        "http[0].redirect.derivePort",
    ),
    "redirect-prefix": (
        rule("", "redirect: {prefixRewrite: /b}"),
        "error",
        "bad-redirect",
        "http[0].redirect.prefixRewrite",
    ),
    "redirect-and-fault": (
        rule("fault: {abort: {httpStatus: 500, percentage: {value: 1}}}", "redirect: {uri: /}"),
        "error",
        "bad-redirect",
        "http[0].fault",
    ),
    "redirect-and-mirror": (rule("mirror: {host: c}", "redirect: {uri: /}"), "error", "bad-redirect", "http[0].mirror"),
    "response-status": (
        rule("", "directResponse: {status: 99}"),
        "error",
        "bad-status",
        "http[0].directResponse.status",
    ),
    "response-and-rewrite": (
        rule("rewrite: {uri: /}", "directResponse: {status: 200}"),
        "error",
        "bad-action",
        "http[0].rewrite",
    ),
    "response-too-large": (
        rule("", f"directResponse: {{status: 200, body: {{string: '{'a' * 1048577}'}}}}"),
        "error",
        "body-too-large",
        "http[0].directResponse.body",
    ),
    "response-large": (
        rule("", f"directResponse: {{status: 200, body: {{string: '{'a' * 102401}'}}}}"),
        "warning",
        "body-too-large",
        "http[0].directResponse.body",
    ),
    "rewrite-empty": (rule("rewrite: {}"), "error", "bad-rewrite", "http[0].rewrite"),
    "rewrite-both": (
        rule("rewrite: {uri: /, uriRegexRewrite: {match: a, rewrite: b}}"),
        "error",
        "oneof-conflict",
        "http[0].rewrite.uriRegexRewrite",
    ),
    "rewrite-regex": (
        rule("rewrite: {uriRegexRewrite: {match: '(', rewrite: b}}"),
        "error",
        "bad-regex",
        "http[0].rewrite.uriRegexRewrite.match",
    ),
    "rewrite-empty-text": (
        rule("rewrite: {uriRegexRewrite: {match: a}}"),
        "error",
        "bad-rewrite",
        "http[0].rewrite.uriRegexRewrite.rewrite",
    ),
    "rewrite-group": (
        rule(r"rewrite: {uriRegexRewrite: {match: (a), rewrite: \2}}"),
        "error",
        "bad-rewrite",
        "http[0].rewrite.uriRegexRewrite.rewrite",
    ),
    "rewrite-host-twice": (
        rule("rewrite: {authority: x}, headers: {request: {set: {Host: y}}}"),
        "error",
        "bad-rewrite",
        "http[0].rewrite.authority",
    ),
    "retries-off-with-more": (rule("retries: {attempts: 0, retryOn: 5xx}"), "error", "bad-retry", "http[0].retries"),
    "retries-negative": (rule("retries: {attempts: -1}"), "error", "out-of-range", "http[0].retries.attempts"),
    "retry-condition": (
        rule("retries: {attempts: 1, retryOn: '5xx,often'}"),
        "error",
        "bad-retry",
        "http[0].retries.retryOn",
    ),
    "retry-status": (rule("retries: {attempts: 1, retryOn: '999'}"), "error", "bad-retry", "http[0].retries.retryOn"),
    "retry-timeout": (
        rule("retries: {attempts: 1, perTryTimeout: 0s}"),
        "error",
        "bad-duration",
        "http[0].retries.perTryTimeout",
    ),
    "fault-empty": (rule("fault: {}"), "error", "bad-fault", "http[0].fault"),
    "delay-without-length": (
        rule("fault: {delay: {percentage: {value: 1}}}"),
        "error",
        "missing-field",
        "http[0].fault.delay.fixedDelay",
    ),
    "delay-exponential": (
        rule("fault: {delay: {exponentialDelay: 1s, percent: 5}}"),
        "error",
        "bad-fault",
        "http[0].fault.delay.exponentialDelay",
    ),
    "delay-percent": (
        rule("fault: {delay: {fixedDelay: 1s, percent: 101}}"),
        "error",
        "out-of-range",
        "http[0].fault.delay.percent",
    ),
    "delay-never": (rule("fault: {delay: {fixedDelay: 1s}}"), "warning", "bad-fault", "http[0].fault.delay"),
    "abort-without-status": (
        rule("fault: {abort: {percentage: {value: 1}}}"),
        "error",
        "missing-field",
        "http[0].fault.abort",
    ),
    "abort-status": (
        rule("fault: {abort: {httpStatus: 700, percentage: {value: 1}}}"),
        "error",
        "bad-status",
        "http[0].fault.abort.httpStatus",
    ),
    "abort-grpc": (
        rule("fault: {abort: {grpcStatus: '14', percentage: {value: 1}}}"),
        "error",
        "bad-status",
        "http[0].fault.abort.grpcStatus",
    ),
    "abort-http2": (rule("fault: {abort: {http2Error: x}}"), "error", "bad-fault", "http[0].fault.abort.http2Error"),
    "abort-never": (rule("fault: {abort: {httpStatus: 500}}"), "warning", "bad-fault", "http[0].fault.abort"),
    "mirror-twice": (
        rule("mirror: {host: c}, mirrors: [{destination: {host: d}}]"),
        "error",
        "bad-mirror",
        "http[0].mirrors",
    ),
    "mirror-without-host": (rule("mirror: {}"), "error", "missing-field", "http[0].mirror.host"),
    "mirrors-without-destination": (rule("mirrors: [{}]"), "error", "missing-field", "http[0].mirrors[0].destination"),
    "mirror-percent": (rule("mirror: {host: c}, mirrorPercent: 101"), "error", "out-of-range", "http[0].mirrorPercent"),
    "cors-method": (
        rule("corsPolicy: {allowMethods: [get]}"),
        "error",
        "bad-cors",
        "http[0].corsPolicy.allowMethods[0]",
    ),
    "cors-origin": (
        rule("corsPolicy: {allowOrigins: [{}]}"),
        "error",
        "bad-cors",
        "http[0].corsPolicy.allowOrigins[0]",
    ),
    "cors-origin-regex": (
        rule("corsPolicy: {allowOrigins: [{regex: '('}]}"),
        "error",
        "bad-regex",
        "http[0].corsPolicy.allowOrigins[0].regex",
    ),
    "cors-age": (rule("corsPolicy: {maxAge: 1.5s}"), "error", "bad-duration", "http[0].corsPolicy.maxAge"),
    "cors-header": (
        rule("corsPolicy: {allowHeaders: ['a b']}"),
        "error",
        "bad-cors",
        "http[0].corsPolicy.allowHeaders[0]",
    ),
    "header-name": (
        rule("headers: {request: {set: {'a b': c}}}"),
        "error",
        "bad-header",
        'http[0].headers.request.set["a b"]',
    ),
    "header-pseudo": (
        rule("headers: {request: {add: {':path': c}}}"),
        "error",
        "bad-header",
        'http[0].headers.request.add[":path"]',
    ),
    "header-host-twice": (
        rule("headers: {request: {set: {Host: c}, add: {':authority': d}}}"),
        "error",
        "bad-header",
        "http[0].headers.request",
    ),
    "header-remove-host": (
        rule("headers: {request: {remove: [Host]}}"),
        "error",
        "bad-header",
        "http[0].headers.request.remove[0]",
    ),
    "header-line-break": (
        rule('headers: {response: {set: {a: "b\\nc"}}}'),
        "error",
        "bad-header",
        "http[0].headers.response.set.a",
    ),
    "header-variable": (
        rule("headers: {response: {set: {a: '50%'}}}"),
        "error",
        "bad-header",
        "http[0].headers.response.set.a",
    ),
    "tls-without-match": (f"hosts: [a.com]\ntls: [{{{TO}}}]", "error", "missing-field", "tls[0].match"),
    "tls-without-sni": (
        f"hosts: [a.com]\ntls: [{{match: [{{port: 443}}], {TO}}}]",
        "error",
        "missing-field",
        "tls[0].match[0].sniHosts",
    ),
    "tls-sni": (
        f"hosts: [a.com]\ntls: [{{match: [{{sniHosts: [b.com]}}], {TO}}}]",
        "error",
        "bad-sni",
        "tls[0].match[0].sniHosts[0]",
    ),
    "tls-subnet": (
        f"hosts: [a.com]\ntls: [{{match: [{{sniHosts: [a.com], destinationSubnets: [x]}}], {TO}}}]",
        "error",
        "bad-address",
        "tls[0].match[0].destinationSubnets[0]",
    ),
    "tcp-without-route": ("hosts: [a.com]\ntcp: [{match: [{port: 1}]}]", "error", "missing-field", "tcp[0].route"),
    "tcp-subnet": (
        f"hosts: [a.com]\ntcp: [{{match: [{{sourceSubnet: 1.2.3.4/99}}], {TO}}}]",
        "error",
        "bad-address",
        "tcp[0].match[0].sourceSubnet[0]",
    ),
    "tcp-weights": (
        "hosts: [a.com]\ntcp: [{route: [{destination: {host: b}}, {destination: {host: c}}]}]",
        "error",
        "weights-sum-zero",
        "tcp[0].route",
    ),
}


def policy(text):
    return f"host: a\ntrafficPolicy: {{{text}}}"


DESTINATION_RULE = {
    "distribute-name": (
        policy("loadBalancer: {localityLbSetting: {distribute: [{from: a/*/c, to: {a: 100}}]}}"),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.localityLbSetting.distribute[0].from",
    ),
    "distribute-weight": (
        policy("loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {a: 0, b: 100}}]}}"),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to.a",
    ),
    "failover-half": (
        policy("loadBalancer: {localityLbSetting: {failover: [{from: a}]}}"),
        "error",
        "missing-field",
        "trafficPolicy.loadBalancer.localityLbSetting.failover[0]",
    ),
    "failover-and-priority": (
        policy(
            "loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}], failoverPriority: [topology.kubernetes.io/region]}}"
        ),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.localityLbSetting.failoverPriority",
    ),
    "zone-priority": (
        policy("loadBalancer: {zoneAwareLbSetting: {failoverPriority: [topology.kubernetes.io/zone]}}"),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.zoneAwareLbSetting.failoverPriority[0]",
    ),
    "cookie-attribute-twice": (
        policy("loadBalancer: {consistentHash: {httpCookie: {name: a, attributes: [{name: x}, {name: x}]}}}"),
        "error",
        "duplicate-value",
        "trafficPolicy.loadBalancer.consistentHash.httpCookie.attributes[1]",
    ),
    "maglev-too-large": (
        policy("loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 5000011}}}"),
        "error",
        "bad-hash",
        "trafficPolicy.loadBalancer.consistentHash.maglev.tableSize",
    ),
    "tunnel-protocol": (
        policy("tunnel: {protocol: GET, targetHost: a, targetPort: 80}"),
        "error",
        "unknown-value",
        "trafficPolicy.tunnel.protocol",
    ),
    "no-host": ("subsets: [{name: v1}]", "error", "missing-field", "host"),
    "bad-host": ("host: a b", "error", "bad-host", "host"),
    "empty-policy": ("host: a\ntrafficPolicy: {}", "error", "empty-policy", "trafficPolicy"),
    "subset-without-name": ("host: a\nsubsets: [{labels: {a: b}}]", "error", "missing-field", "subsets[0].name"),
    "subset-name": ("host: a\nsubsets: [{name: v1.2}]", "error", "bad-name", "subsets[0].name"),
    "subset-twice": ("host: a\nsubsets: [{name: v1}, {name: v1}]", "error", "duplicate-value", "subsets[1].name"),
    "subset-labels": (
        "host: a\nsubsets: [{name: v1, labels: {'/x': y}}]",
        "error",
        "bad-label",
        'subsets[0].labels["/x"]',
    ),
    "subset-policy": (
        "host: a\nsubsets: [{name: v1, trafficPolicy: {}}]",
        "error",
        "empty-policy",
        "subsets[0].trafficPolicy",
    ),
    "selector-export": (
        "host: a\nexportTo: ['*']\nworkloadSelector: {matchLabels: {a: b}}",
        "error",
        "bad-export",
        "exportTo",
    ),
    "two-balancers": (
        policy("loadBalancer: {simple: RANDOM, consistentHash: {useSourceIp: true}}"),
        "error",
        "oneof-conflict",
        "trafficPolicy.loadBalancer.consistentHash",
    ),
    "hash-without-key": (
        policy("loadBalancer: {consistentHash: {ringHash: {}}}"),
        "error",
        "bad-hash",
        "trafficPolicy.loadBalancer.consistentHash",
    ),
    "hash-two-keys": (
        policy("loadBalancer: {consistentHash: {useSourceIp: true, httpHeaderName: x}}"),
        "error",
        "oneof-conflict",
        "trafficPolicy.loadBalancer.consistentHash.useSourceIp",
    ),
    "hash-cookie": (
        policy("loadBalancer: {consistentHash: {httpCookie: {ttl: 0s}}}"),
        "error",
        "missing-field",
        "trafficPolicy.loadBalancer.consistentHash.httpCookie.name",
    ),
    "hash-maglev": (
        policy("loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 100}}}"),
        "error",
        "bad-hash",
        "trafficPolicy.loadBalancer.consistentHash.maglev.tableSize",
    ),
    "warmup": (
        policy("loadBalancer: {warmup: {aggression: 0}}"),
        "error",
        "missing-field",
        "trafficPolicy.loadBalancer.warmup.duration",
    ),
    "warmup-percent": (
        policy("loadBalancer: {warmup: {duration: 1s, minimumPercent: 101}}"),
        "error",
        "out-of-range",
        "trafficPolicy.loadBalancer.warmup.minimumPercent",
    ),
    "distribute-sum": (
        policy("loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {a: 50}}]}}"),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to",
    ),
    "distribute-overlap": (
        policy(
            "loadBalancer: {localityLbSetting: {distribute: [{from: a/*, to: {a: 100}}, {from: a/b, to: {a: 100}}]}}"
        ),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.localityLbSetting.distribute",
    ),
    "distribute-and-failover": (
        policy(
            "loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {a: 100}}], failover: [{from: a, to: b}]}}"
        ),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.localityLbSetting.distribute",
    ),
    "failover-self": (
        policy("loadBalancer: {localityLbSetting: {failover: [{from: a, to: a}]}}"),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.localityLbSetting.failover[0]",
    ),
    "failover-zone": (
        policy("loadBalancer: {localityLbSetting: {failover: [{from: a/b, to: c}]}}"),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.localityLbSetting.failover[0].from",
    ),
    "zone-and-locality": (
        policy("loadBalancer: {localityLbSetting: {}, zoneAwareLbSetting: {}}"),
        "error",
        "bad-locality",
        "trafficPolicy.loadBalancer.zoneAwareLbSetting",
    ),
    "empty-pool": (policy("connectionPool: {}"), "error", "bad-pool", "trafficPolicy.connectionPool"),
    "connect-timeout": (
        policy("connectionPool: {tcp: {connectTimeout: 0s}}"),
        "error",
        "bad-duration",
        "trafficPolicy.connectionPool.tcp.connectTimeout",
    ),
    "max-connections": (
        policy("connectionPool: {tcp: {maxConnections: -1}}"),
        "error",
        "out-of-range",
        "trafficPolicy.connectionPool.tcp.maxConnections",
    ),
    "client-protocol": (
        policy("connectionPool: {http: {useClientProtocol: true, h2UpgradePolicy: UPGRADE}}"),
        "error",
        "bad-pool",
        "trafficPolicy.connectionPool.http.useClientProtocol",
    ),
    "keep-alive": (
        policy("connectionPool: {http: {http2KeepAlive: {interval: 1s}}}"),
        "error",
        "bad-pool",
        "trafficPolicy.connectionPool.http.http2KeepAlive",
    ),
    "outlier-interval": (
        policy("outlierDetection: {interval: 0s}"),
        "error",
        "bad-duration",
        "trafficPolicy.outlierDetection.interval",
    ),
    "outlier-percent": (
        policy("outlierDetection: {maxEjectionPercent: 101}"),
        "error",
        "out-of-range",
        "trafficPolicy.outlierDetection.maxEjectionPercent",
    ),
    "outlier-local": (
        policy("outlierDetection: {consecutiveLocalOriginFailures: 3}"),
        "error",
        "bad-outlier",
        "trafficPolicy.outlierDetection.consecutiveLocalOriginFailures",
    ),
    "mutual-without-key": (
        policy("tls: {mode: MUTUAL, clientCertificate: /c}"),
        "error",
        "bad-tls",
        "trafficPolicy.tls.privateKey",
    ),
    "simple-with-key": (
        policy("tls: {mode: SIMPLE, privateKey: /k}"),
        "error",
        "bad-tls",
        "trafficPolicy.tls.privateKey",
    ),
    "istio-with-ca": (
        policy("tls: {mode: ISTIO_MUTUAL, caCertificates: /c}"),
        "error",
        "bad-tls",
        "trafficPolicy.tls.caCertificates",
    ),
    "credential-and-file": (
        policy("tls: {mode: MUTUAL, credentialName: x, privateKey: /k}"),
        "error",
        "bad-tls",
        "trafficPolicy.tls.privateKey",
    ),
    "insecure-with-ca": (
        policy("tls: {mode: SIMPLE, insecureSkipVerify: true, caCertificates: /c}"),
        "error",
        "bad-tls",
        "trafficPolicy.tls.caCertificates",
    ),
    "port-without-number": (
        policy("portLevelSettings: [{loadBalancer: {simple: RANDOM}}]"),
        "error",
        "missing-field",
        "trafficPolicy.portLevelSettings[0].port",
    ),
    "port-number": (
        policy("portLevelSettings: [{port: {number: 0}}]"),
        "error",
        "bad-port",
        "trafficPolicy.portLevelSettings[0].port.number",
    ),
    "port-twice": (
        policy("portLevelSettings: [{port: {number: 1}}, {port: {number: 1}}]"),
        "warning",
        "duplicate-value",
        "trafficPolicy.portLevelSettings[1].port",
    ),
    "tunnel": (policy("tunnel: {targetPort: 80}"), "error", "missing-field", "trafficPolicy.tunnel.targetHost"),
    "tunnel-and-proxy": (
        policy("tunnel: {targetHost: a, targetPort: 80}, proxyProtocol: {}"),
        "error",
        "oneof-conflict",
        "trafficPolicy.proxyProtocol",
    ),
}

HTTP = "port: {number: 80, name: http, protocol: HTTP}"


def server(text):
    return f"selector: {{a: b}}\nservers: [{{{text}}}]"


GATEWAY = {
    "istio-mutual-with-credential": (
        server(
            "port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: ISTIO_MUTUAL, credentialName: x}"
        ),
        "error",
        "bad-tls",
        "servers[0].tls.credentialName",
    ),
    "certificate-without-key": (
        server(
            "port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, serverCertificate: /c}"
        ),
        "error",
        "bad-tls",
        "servers[0].tls",
    ),
    "crl-with-simple": (
        server(
            "port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: x, caCrl: /r}"
        ),
        "error",
        "bad-tls",
        "servers[0].tls.caCrl",
    ),
    "three-credentials": (
        server(
            "port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialNames: [a, b, c]}"
        ),
        "error",
        "bad-tls",
        "servers[0].tls.credentialNames",
    ),
    "cipher-twice": (
        server(
            "port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: x, cipherSuites: [A, A]}"
        ),
        "error",
        "duplicate-value",
        "servers[0].tls.cipherSuites",
    ),
    "old-tls": (
        server(
            "port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: x, minProtocolVersion: TLSV1_0}"
        ),
        "warning",
        "bad-tls",
        "servers[0].tls.minProtocolVersion",
    ),
    "redirect-on-https": (
        server("port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*'], tls: {httpsRedirect: true}"),
        "warning",
        "bad-tls",
        "servers[0].tls.httpsRedirect",
    ),
    "no-servers": ("selector: {a: b}", "error", "missing-field", "servers"),
    "no-selector": (f"servers: [{{{HTTP}, hosts: ['*']}}]", "warning", "no-selector", "selector"),
    "no-port": (server("hosts: ['*']"), "error", "missing-field", "servers[0].port"),
    "no-hosts": (server(HTTP), "error", "missing-field", "servers[0].hosts"),
    "port-number": (
        server("port: {number: 0, name: a, protocol: HTTP}, hosts: ['*']"),
        "error",
        "bad-port",
        "servers[0].port.number",
    ),
    "port-name": (
        server("port: {number: 80, protocol: HTTP}, hosts: ['*']"),
        "error",
        "missing-field",
        "servers[0].port.name",
    ),
    "no-protocol": (
        server("port: {number: 80, name: a}, hosts: ['*']"),
        "error",
        "missing-field",
        "servers[0].port.protocol",
    ),
    "protocol": (
        server("port: {number: 80, name: a, protocol: SPDY}, hosts: ['*']"),
        "error",
        "bad-protocol",
        "servers[0].port.protocol",
    ),
    "target-port": (
        server("port: {number: 80, name: a, protocol: HTTP, targetPort: 8080}, hosts: ['*']"),
        "error",
        "bad-port",
        "servers[0].port.targetPort",
    ),
    "port-name-twice": (
        f"selector: {{a: b}}\nservers: [{{{HTTP}, hosts: [a.com]}}, {{{HTTP}, hosts: [b.com]}}]",
        "error",
        "duplicate-value",
        "servers[1].port.name",
    ),
    "bind": (server(f"{HTTP}, hosts: ['*'], bind: here"), "error", "bad-address", "servers[0].bind"),
    "socket-with-port": (
        server(f"{HTTP}, hosts: ['*'], bind: unix:///s"),
        "error",
        "bad-port",
        "servers[0].port.number",
    ),
    "short-host": (server(f"{HTTP}, hosts: [reviews]"), "error", "bad-host", "servers[0].hosts[0]"),
    "host-namespace": (server(f"{HTTP}, hosts: [A_/a.com]"), "error", "bad-host", "servers[0].hosts[0]"),
    "https-without-tls": (
        server("port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*']"),
        "error",
        "bad-tls",
        "servers[0].tls",
    ),
    "http-with-tls": (
        server(f"{HTTP}, hosts: ['*'], tls: {{mode: SIMPLE, credentialName: x}}"),
        "error",
        "bad-tls",
        "servers[0].tls",
    ),
    "simple-without-certificate": (
        server("port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE}"),
        "error",
        "bad-tls",
        "servers[0].tls",
    ),
    "two-sources": (
        server(
            "port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: x, serverCertificate: /c, privateKey: /k}"
        ),
        "error",
        "bad-tls",
        "servers[0].tls.credentialName",
    ),
    "mutual-without-ca": (
        server(
            "port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: MUTUAL, serverCertificate: /c, privateKey: /k}"
        ),
        "error",
        "bad-tls",
        "servers[0].tls.caCertificates",
    ),
    "passthrough-with-certificate": (
        server("port: {number: 443, name: a, protocol: TLS}, hosts: ['*'], tls: {credentialName: x}"),
        "warning",
        "bad-tls",
        "servers[0].tls.credentialName",
    ),
    "versions": (
        server(
            "port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: x, minProtocolVersion: TLSV1_3, maxProtocolVersion: TLSV1_2}"
        ),
        "error",
        "bad-tls",
        "servers[0].tls.minProtocolVersion",
    ),
}

PORTS = "ports: [{number: 80, name: http, protocol: HTTP}]"


def entry(text, hosts="a.com", ports=PORTS):
    return f"hosts: [{hosts}]\n{ports}\n{text}"


SERVICE_ENTRY = {
    "target-port": (
        entry("", ports="ports: [{number: 1, name: a, protocol: HTTP, targetPort: 70000}]"),
        "error",
        "bad-port",
        "ports[0].targetPort",
    ),
    "dynamic-protocol": (
        entry("resolution: DYNAMIC_DNS\naddresses: []", "'*.a.com'", "ports: [{number: 1, name: a, protocol: TCP}]"),
        "error",
        "bad-resolution",
        "ports[0].protocol",
    ),
    "many-addresses": (entry(f"addresses: [{', '.join(['1.2.3.4'] * 257)}]"), "error", "out-of-range", "addresses"),
    "no-hosts": (PORTS, "error", "missing-field", "hosts"),
    "star": (entry("", "'*'"), "error", "bad-host", "hosts[0]"),
    "address-as-host": (entry("", "1.2.3.4"), "error", "bad-host", "hosts[0]"),
    "host-twice": (entry("", "a.com, a.com"), "error", "duplicate-host", "hosts[1]"),
    "many-hosts": (entry("", ", ".join(f"h{i}.com" for i in range(257))), "error", "out-of-range", "hosts"),
    "no-ports": ("hosts: [a.com]", "warning", "missing-field", "ports"),
    "port-number": (entry("", ports="ports: [{number: 0, name: a}]"), "error", "bad-port", "ports[0].number"),
    "port-name": (entry("", ports="ports: [{number: 1, protocol: HTTP}]"), "error", "missing-field", "ports[0].name"),
    "port-protocol": (
        entry("", ports="ports: [{number: 1, name: a, protocol: X}]"),
        "error",
        "bad-protocol",
        "ports[0].protocol",
    ),
    "port-twice": (
        entry("", ports="ports: [{number: 1, name: a, protocol: HTTP}, {number: 1, name: b, protocol: HTTP}]"),
        "error",
        "duplicate-value",
        "ports[1].number",
    ),
    "name-twice": (
        entry("", ports="ports: [{number: 1, name: a, protocol: HTTP}, {number: 2, name: a, protocol: HTTP}]"),
        "error",
        "duplicate-value",
        "ports[1].name",
    ),
    "tcp-without-address": (
        entry("", ports="ports: [{number: 1, name: a, protocol: TCP}]"),
        "warning",
        "bad-address",
        "ports[0]",
    ),
    "address": (entry("addresses: [x]"), "error", "bad-address", "addresses[0]"),
    "range-with-dns": (entry("addresses: [10.0.0.0/8]\nresolution: DNS"), "error", "bad-resolution", "addresses[0]"),
    "none-with-endpoints": (entry("endpoints: [{address: 1.2.3.4}]"), "error", "bad-resolution", "endpoints"),
    "static-without-endpoints": (entry("resolution: STATIC"), "error", "bad-resolution", "resolution"),
    "static-with-name": (
        entry("resolution: STATIC\nendpoints: [{address: b.com}]"),
        "error",
        "bad-resolution",
        "endpoints[0].address",
    ),
    "dns-wildcard": (entry("resolution: DNS", "'*.a.com'"), "error", "bad-resolution", "hosts[0]"),
    "dns-socket": (
        entry("resolution: DNS\nendpoints: [{address: 'unix:///s'}]"),
        "error",
        "bad-resolution",
        "endpoints[0].address",
    ),
    "round-robin": (
        entry("resolution: DNS_ROUND_ROBIN\nendpoints: [{address: b.com}, {address: c.com}]"),
        "error",
        "bad-resolution",
        "endpoints",
    ),
    "dynamic-plain-host": (entry("resolution: DYNAMIC_DNS"), "error", "bad-resolution", "hosts[0]"),
    "dynamic-endpoints": (
        entry("resolution: DYNAMIC_DNS\naddresses: [1.2.3.4]", "'*.a.com'"),
        "error",
        "bad-resolution",
        "resolution",
    ),
    "selector-and-endpoints": (
        entry("resolution: STATIC\nworkloadSelector: {labels: {a: b}}\nendpoints: [{address: 1.2.3.4}]"),
        "error",
        "bad-endpoints",
        "endpoints",
    ),
    "empty-selector": (entry("resolution: STATIC\nworkloadSelector: {}"), "error", "bad-endpoints", "workloadSelector"),
    "endpoint-port": (
        entry("resolution: STATIC\nendpoints: [{address: 1.2.3.4, ports: {web: 1}}]"),
        "error",
        "bad-endpoints",
        "endpoints[0].ports",
    ),
    "endpoint-twice": (
        entry("resolution: STATIC\nendpoints: [{address: 1.2.3.4}, {address: 1.2.3.4}]"),
        "error",
        "duplicate-value",
        "endpoints[1].address",
    ),
    "shared-tcp": (
        entry("addresses: [1.2.3.4]\nresolution: DNS", "a.com, b.com", "ports: [{number: 1, name: a, protocol: TCP}]"),
        "error",
        "bad-resolution",
        "hosts",
    ),
    "export-nobody-and-more": (entry("exportTo: ['~', a]"), "error", "bad-export", "exportTo"),
}

WORKLOAD_ENTRY = {
    "no-address": ("labels: {a: b}", "error", "missing-field", "address"),
    "bad-address": ("address: a b", "error", "bad-address", "address"),
    "relative-socket": ("address: unix://s", "error", "bad-address", "address"),
    "socket-with-ports": ("address: unix:///s\nports: {a: 1}", "error", "bad-endpoints", "ports"),
    "port": ("address: 1.2.3.4\nports: {a: 0}", "error", "bad-port", "ports.a"),
    "weight": ("address: 1.2.3.4\nweight: -1", "error", "out-of-range", "weight"),
    "locality": ("address: 1.2.3.4\nlocality: a/b/c/d", "error", "bad-locality", "locality"),
    "labels": ("address: 1.2.3.4\nlabels: {a: '-'}", "error", "bad-label", "labels.a"),
}

WORKLOAD_GROUP = {
    "no-template": ("probe: {exec: {command: [x]}}", "error", "missing-field", "template"),
    "address": ("template: {address: 1.2.3.4}", "error", "bad-endpoints", "template.address"),
    "probe-without-way": ("template: {}\nprobe: {}", "error", "missing-field", "probe"),
    "probe-two-ways": (
        "template: {}\nprobe: {grpc: {port: 1}, tcpSocket: {port: 1}}",
        "error",
        "oneof-conflict",
        "probe.grpc",
    ),
    "probe-port": ("template: {}\nprobe: {httpGet: {}}", "error", "bad-port", "probe.httpGet.port"),
    "probe-path": ("template: {}\nprobe: {httpGet: {port: 1, path: x}}", "error", "bad-probe", "probe.httpGet.path"),
    "probe-command": ("template: {}\nprobe: {exec: {}}", "error", "bad-probe", "probe.exec.command"),
    "probe-times": (
        "template: {}\nprobe: {periodSeconds: -1, grpc: {port: 1}}",
        "error",
        "out-of-range",
        "probe.periodSeconds",
    ),
}

SIDECAR = {
    "bad-pool": ("inboundConnectionPool: {}", "error", "bad-pool", "inboundConnectionPool"),
    "selector-labels": ("workloadSelector: {labels: {a: 'b c'}}", "error", "bad-label", "workloadSelector.labels.a"),
    "egress-proxy-short": (
        "outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: a}}",
        "error",
        "bad-egress",
        "outboundTrafficPolicy.egressProxy",
    ),
    "ingress-pool": (
        "ingress: [{port: {number: 80}, connectionPool: {}}]",
        "error",
        "bad-pool",
        "ingress[0].connectionPool",
    ),
    "egress-host-form": ("egress: [{hosts: ['./a b']}]", "error", "bad-egress", "egress[0].hosts[0]"),
    "egress-address": ("egress: [{hosts: ['./1.2.3.4']}]", "error", "bad-egress", "egress[0].hosts[0]"),
    "socket-with-port": (
        "egress: [{port: {number: 1}, bind: 'unix:///s', hosts: ['./*']}]",
        "error",
        "bad-port",
        "egress[0].port.number",
    ),
    "empty": ("workloadSelector: {labels: {a: b}}", "error", "missing-field", ""),
    "host-without-namespace": ("egress: [{hosts: [a.com]}]", "error", "bad-egress", "egress[0].hosts[0]"),
    "host-namespace": ("egress: [{hosts: [A_/a.com]}]", "error", "bad-egress", "egress[0].hosts[0]"),
    "no-hosts": ("egress: [{}]", "error", "missing-field", "egress[0].hosts"),
    "catch-all-not-last": (
        "egress: [{hosts: ['./*']}, {port: {number: 1}, hosts: ['./*']}]",
        "error",
        "bad-listener",
        "egress[0]",
    ),
    "bind-without-port": ("egress: [{bind: 1.2.3.4, hosts: ['./*']}]", "error", "bad-listener", "egress[0].bind"),
    "ingress-without-port": (
        "ingress: [{defaultEndpoint: '127.0.0.1:80'}]",
        "error",
        "missing-field",
        "ingress[0].port",
    ),
    "ingress-port-twice": (
        "ingress: [{port: {number: 80}}, {port: {number: 80}}]",
        "error",
        "duplicate-value",
        "ingress[1].port.number",
    ),
    "ingress-endpoint": (
        "ingress: [{port: {number: 80}, defaultEndpoint: '10.0.0.1:80'}]",
        "error",
        "bad-listener",
        "ingress[0].defaultEndpoint",
    ),
    "ingress-bind": ("ingress: [{port: {number: 80}, bind: x}]", "error", "bad-address", "ingress[0].bind"),
    "egress-proxy-mode": (
        "outboundTrafficPolicy: {egressProxy: {host: a.b, port: {number: 1}}}",
        "error",
        "bad-egress",
        "outboundTrafficPolicy.egressProxy",
    ),
}

MESH_CONFIG = {
    "inbound-retries": (
        "defaultInboundHttpRetryPolicy: {attempts: -1}",
        "error",
        "out-of-range",
        "defaultInboundHttpRetryPolicy.attempts",
    ),
    "locality": (
        "localityLbSetting: {failover: [{from: a, to: a}]}",
        "error",
        "bad-locality",
        "localityLbSetting.failover[0]",
    ),
    "outlier": (
        "defaultTrafficPolicy: {outlierDetection: {interval: 0s}}",
        "error",
        "bad-duration",
        "defaultTrafficPolicy.outlierDetection.interval",
    ),
    "connect-timeout": ("connectTimeout: 0s", "error", "bad-duration", "connectTimeout"),
    "root-namespace": ("rootNamespace: A", "error", "bad-name", "rootNamespace"),
    "port": ("proxyHttpPort: 70000", "error", "bad-port", "proxyHttpPort"),
    "export": ("defaultVirtualServiceExportTo: ['~']", "error", "bad-export", "defaultVirtualServiceExportTo[0]"),
    "retries": (
        "defaultHttpRetryPolicy: {attempts: 1, retryOn: x}",
        "error",
        "bad-retry",
        "defaultHttpRetryPolicy.retryOn",
    ),
    "pool": ("defaultTrafficPolicy: {connectionPool: {}}", "error", "bad-pool", "defaultTrafficPolicy.connectionPool"),
}

LOCAL_WORKLOAD = {
    "locality": ("command: [x]\nlocality: a/b/c/d", "error", "bad-locality", "locality"),
    "probe-scheme": (
        "command: [x]\nprobe: {httpGet: {port: 1, scheme: FTP}}",
        "error",
        "bad-probe",
        "probe.httpGet.scheme",
    ),
    "no-command": ("replicas: 1", "error", "no-command", "command"),
    "replicas": ("command: [x]\nreplicas: -1", "error", "out-of-range", "replicas"),
    "port": ("command: [x]\nports: [{port: 0}]", "error", "bad-port", "ports[0].port"),
    "port-twice": ("command: [x]\nports: [{port: 1}, {port: 1}]", "error", "duplicate-value", "ports[1].port"),
    "port-name": ("command: [x]\nports: [{port: 1, name: A}]", "error", "bad-name", "ports[0].name"),
    "environment": ("command: [x]\nenvironment: {a=b: c}", "error", "bad-name", "environment"),
    "labels": ("command: [x]\nlabels: {a: 'b c'}", "error", "bad-label", "labels.a"),
    "probe": (
        "command: [x]\nprobe: {httpGet: {port: 1}, exec: {command: [x]}}",
        "error",
        "oneof-conflict",
        "probe.exec",
    ),
}

TABLES = {
    "VirtualService": VIRTUAL_SERVICE,
    "DestinationRule": DESTINATION_RULE,
    "Gateway": GATEWAY,
    "ServiceEntry": SERVICE_ENTRY,
    "WorkloadEntry": WORKLOAD_ENTRY,
    "WorkloadGroup": WORKLOAD_GROUP,
    "Sidecar": SIDECAR,
    "MeshConfig": MESH_CONFIG,
    "LocalWorkload": LOCAL_WORKLOAD,
}
BAD = [pytest.param(kind, *case, id=f"{kind}-{name}") for kind, table in TABLES.items() for name, case in table.items()]


@pytest.mark.parametrize(("kind", "spec", "severity", "code", "path"), BAD)
def test_finds(kind, spec, severity, code, path):
    assert (severity, code, path) in findings(kind, spec)


def test_a_gateways_name_is_a_label():
    assert ("error", "bad-name", "") in findings("Gateway", server(f"{HTTP}, hosts: ['*']"), "a.b")


GOOD = {
    "single-zero-weight": ("VirtualService", rule("", "route: [{destination: {host: b}, weight: 0}]")),
    "address-as-host": ("VirtualService", f"hosts: [1.2.3.4, '2001:db8::1']\n{RULE}"),
    "star-for-gateways": ("VirtualService", f"hosts: ['*']\ngateways: [ns/g]\n{RULE}"),
    "siblings-of-wildcard": ("VirtualService", f"hosts: ['*.a.com', a.com]\n{RULE}"),
    "empty-uri-prefix": ("VirtualService", match("uri: {prefix: ''}")),
    "star-regex-in-header": ("VirtualService", match("headers: {x: {regex: '*'}}")),
    "exact-empty-header": ("VirtualService", match("headers: {x: {exact: ''}}")),
    "claims": ("VirtualService", match("headers: {'@request.auth.claims[a][b]': {exact: c}}")),
    "retry-codes": ("VirtualService", rule("retries: {attempts: 2, retryOn: 'gateway-error, 429,reset'}")),
    "retries-off": ("VirtualService", rule("retries: {attempts: 0}")),
    "header-variables": (
        "VirtualService",
        rule("headers: {request: {set: {a: '%REQ(x-a?:path):10%', b: '100%%', Host: c}}}"),
    ),
    "redirect-port": ("VirtualService", rule("", "redirect: {derivePort: FROM_PROTOCOL_DEFAULT}")),
    "redirect-prefix": ("VirtualService", rule("match: [{uri: {prefix: /a}}]", "redirect: {prefixRewrite: /b}")),
    "delegate": (
        "VirtualService",
        "hosts: [a.com]\nhttp: [{match: [{uri: {prefix: /}}], delegate: {name: b, namespace: c}}]",
    ),
    "delegated": ("VirtualService", RULE),
    "rewrite-groups": (
        "VirtualService",
        rule(r"rewrite: {uriRegexRewrite: {match: '^/(a)/(.*)$', rewrite: '/\2/\1'}}"),
    ),
    "sni": ("VirtualService", f"hosts: ['*.a.com']\ntls: [{{match: [{{sniHosts: [b.a.com], port: 443}}], {TO}}}]"),
    "tcp": (
        "VirtualService",
        f"hosts: [a]\ntcp: [{{match: [{{destinationSubnets: [10.0.0.0/8, 1.2.3.4], port: 27017}}], {TO}}}]",
    ),
    "empty-subset-labels": ("DestinationRule", "host: '*.a.com'\nsubsets: [{name: all}]"),
    "empty-outlier": ("DestinationRule", policy("outlierDetection: {}")),
    "locality": (
        "DestinationRule",
        policy(
            "loadBalancer: {localityLbSetting: {distribute: [{from: r1/z1/*, to: {r1/z1/*: 80, r2/z2/*: 20}}, {from: r2/*, to: {r2/*: 100}}]}}"
        ),
    ),
    "maglev": (
        "DestinationRule",
        policy("loadBalancer: {consistentHash: {httpHeaderName: x, maglev: {tableSize: 65537}}}"),
    ),
    "mutual": (
        "DestinationRule",
        policy("tls: {mode: MUTUAL, clientCertificate: /c, privateKey: /k, caCertificates: /a}"),
    ),
    "redirecting-gateway": (
        "Gateway",
        server(f"{HTTP}, hosts: ['*/a.com', ./b.com, 'ns/*.c.com'], tls: {{httpsRedirect: true}}"),
    ),
    "https-gateway": (
        "Gateway",
        server("port: {number: 443, name: a, protocol: https}, hosts: ['*'], tls: {mode: MUTUAL, credentialName: x}"),
    ),
    "external-dns": ("ServiceEntry", entry("resolution: DNS\nlocation: MESH_EXTERNAL")),
    "static": (
        "ServiceEntry",
        entry("resolution: STATIC\nendpoints: [{address: 1.2.3.4, ports: {http: 8080}}, {address: 'unix:///s'}]"),
    ),
    "dynamic": ("ServiceEntry", entry("resolution: DYNAMIC_DNS", "'*.a.com'")),
    "hidden": ("ServiceEntry", entry("exportTo: ['~']")),
    "entry": ("WorkloadEntry", "address: vm.example.com\nports: {http: 8080}\nlocality: r/z\nserviceAccount: sa"),
    "entry-with-network": ("WorkloadEntry", "network: n1"),
    "group": (
        "WorkloadGroup",
        "metadata: {labels: {a: b}}\ntemplate: {serviceAccount: sa}\nprobe: {httpGet: {port: 80}}",
    ),
    "egress": (
        "Sidecar",
        "egress: [{port: {number: 80, protocol: HTTP, name: h}, bind: 127.0.0.1, captureMode: NONE, hosts: ['prod/*.a.com']}, {hosts: ['./*', '~/*', '*/b.com']}]",
    ),
    "ingress": (
        "Sidecar",
        "ingress: [{port: {number: 80, protocol: HTTP, name: h}, defaultEndpoint: '127.0.0.1:8080'}]",
    ),
    "empty-policy": ("Sidecar", "outboundTrafficPolicy: {}"),
    "mesh": (
        "MeshConfig",
        "connectTimeout: 5s\ndefaultServiceExportTo: ['~']\ndefaultConfig: {proxyHeaders: {server: {disabled: true}}}",
    ),
    "workload": (
        "LocalWorkload",
        "command: [python, app.py, $(PORT)]\nreplicas: 3\nlabels: {app: a}\nports: [{name: http, port: 80, protocol: HTTP}]\nenvironment: {A: b}\nprobe: {exec: {command: ['true']}, periodSeconds: 1}",
    ),
}


@pytest.mark.parametrize(("kind", "spec"), GOOD.values(), ids=GOOD)
def test_accepts_without_a_word(kind, spec):
    assert findings(kind, spec) == set()


@pytest.mark.parametrize(("kind", "spec"), GOOD.values(), ids=GOOD)
def test_what_is_dumped_is_the_same_object(kind, spec):
    found = parsed(text_of(kind, spec)).object
    assert parsed(write([dump(found)])).object == found


def test_every_code_is_reached_by_some_bad_input():
    tables = [table for kinds in TABLES.values() for table in kinds.values()]
    reached = {case[2] for case in tables}
    reached |= {case[1] for table in (test_yaml_reader.BROKEN, test_yaml_reader.INSIDE) for case in table.values()}
    reached |= {case[1] for table in (test_parse.TYPES, test_parse.OBJECTS) for case in table.values()}
    reached |= {"unknown-value"}  # test_parse: HINTS
    assert set(CODES) - reached == set()
