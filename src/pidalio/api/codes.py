"""Every code that a report about an object can carry, with one sentence each: the source of their documentation.

Codes are stable: tools may match them, messages may change.
"""

from pidalio.model import Code

CODES: dict[str, Code] = {
    # Files
    "too-large": Code(
        "A file has more bytes or values than are read.",
        "Split it; a limit says how large is too large.",
    ),
    "too-deep": Code(
        "A file is nested deeper than is read.",
        "No kind is that deep: look for a bracket that is never closed.",
    ),
    "alias-bomb": Code(
        "The aliases of a YAML file repeat too many values.",
        "Write the values out, or repeat fewer of them.",
    ),
    "not-utf8": Code(
        "A file is not UTF-8 text.",
        "Save it as UTF-8.",
    ),
    "bad-yaml": Code(
        "A file is not YAML or JSON; everything after the place is unread.",
        "Mend what the message says at that line; tabs, quotes and colons in plain text are the usual causes.",
    ),
    "duplicate-key": Code(
        "A key is given twice in one map.",
        "Keep one, or merge the two.",
    ),
    "unknown-tag": Code(
        "A YAML tag has no meaning here, or does not fit its value.",
        "Remove the tag, or quote the value if it begins with `!`.",
    ),
    # Objects
    "not-an-object": Code(
        "A document is not an object with apiVersion, kind and metadata.",
        "Begin each document with apiVersion, kind and metadata.",
    ),
    "unknown-kind": Code(
        "The kind does not exist in this API group.",
        "Write the kind as in [Kinds](kinds.md); the nearest name is in the message.",
    ),
    "unknown-version": Code(
        "The API group does not have this version.",
        "Write the version that the message names.",
    ),
    "missing-name": Code(
        "An object has no metadata.name.",
        "Add `metadata: {name: …}`.",
    ),
    "bad-name": Code(
        "A name does not follow the rules of its kind (DNS label, at most 63 characters, ...).",
        "Use lower-case letters, digits and `-`, at most 63 characters.",
    ),
    "bad-label": Code(
        "A label's key or value has characters that labels cannot have, or is too long.",
        "Use letters, digits, `-`, `_` and `.`, at most 63 characters, the first and last alphanumeric.",
    ),
    "unknown-annotation": Code(
        "An annotation that begins with `pidalio.dev/` is none that anything reads.",
        "Write it as in the guides; the nearest name is in the message.",
    ),
    "misplaced-annotation": Code(
        "An annotation of ours stands on a kind of object on which it means nothing.",
        "Move it to an object of a kind that the message names.",
    ),
    # Fields
    "unknown-field": Code(
        "A field does not exist; the nearest name is given.",
        "Write the field as in [Kinds](kinds.md), in the place where it belongs.",
    ),
    "field-twice": Code(
        "A field is given under both its JSON name and its protobuf name.",
        "Keep one spelling.",
    ),
    "wrong-type": Code(
        "A value has another type than its field.",
        "Write the type that the message names; numbers and truth values that are meant as text go in quotes.",
    ),
    "out-of-range": Code(
        "A number is outside the range of its field.",
        "Choose a number within the range that the message names.",
    ),
    "unknown-value": Code(
        "A word is not among those that the field takes.",
        "Choose one of the words that the message names.",
    ),
    "bad-duration": Code(
        "A duration is malformed, negative, or not in the unit that the field needs.",
        "Write a number with a unit, such as `1.5s` or `250ms`; where nothing is to be limited, leave the field out.",
    ),
    "bad-percent": Code(
        "A percentage is neither 0 nor between 0.0001 and 100.",
        "Write 0, or a number from 0.0001 to 100.",
    ),
    "bad-base64": Code(
        "A bytes field is not base64.",
        "Encode the bytes, or use the field for plain text.",
    ),
    "oneof-conflict": Code(
        "Fields that exclude each other are set together.",
        "Keep one of them.",
    ),
    "missing-field": Code(
        "A required field is not set.",
        "Set it.",
    ),
    "duplicate-value": Code(
        "A list that holds distinct values has one twice.",
        "Remove one, or rename it.",
    ),
    # Names and texts
    "bad-host": Code(
        "A host is neither a DNS name, a wildcard (* or *.name) nor an address where one is allowed.",
        "Write a DNS name, in full where the message asks for it; a wildcard is `*` or the whole first label.",
    ),
    "bad-port": Code(
        "A port number is not between 1 and 65535.",
        "Choose a number from 1 to 65535.",
    ),
    "bad-address": Code(
        "An address is neither an IP address nor what else the field takes.",
        "Write an IP address, or what else the message allows.",
    ),
    "bad-regex": Code(
        "A regular expression is empty, too long, or not accepted by RE2.",
        "Write it in RE2's syntax, which has no look-around and no back-references, with at most 1,024 characters.",
    ),
    "bad-match": Code(
        "A condition on text is empty or can never hold.",
        "Give the condition a value, or leave it out.",
    ),
    "bad-header": Code(
        "A header's name or value cannot be sent or changed.",
        "Write a name without `:` and spaces; a `%` that begins no variable is written `%%`.",
    ),
    "bad-gateway-name": Code(
        "A reference to a gateway is not `name`, `namespace/name` or `mesh`.",
        "Write `name` for a gateway of the own namespace, `namespace/name` for another.",
    ),
    "bad-export": Code(
        "An exportTo list has an entry that is not `.`, `*` or a namespace, or entries that exclude others.",
        "Write `.`, `*` alone, or namespaces, each once.",
    ),
    "bad-protocol": Code(
        "The protocol of a port does not exist.",
        "Write HTTP, HTTP2, GRPC, HTTPS, TLS, TCP or another that the message names.",
    ),
    # VirtualService
    "no-routes": Code(
        "A VirtualService has no http, tls or tcp rule.",
        "Add a rule.",
    ),
    "duplicate-host": Code(
        "A host is given twice, or covered by another host of the same object.",
        "Keep one, or split the object in two.",
    ),
    "mesh-wildcard": Code(
        "The host * is used without a gateway, or with the gateway `mesh`.",
        "Name the hosts, or name gateways without `mesh`.",
    ),
    "bad-action": Code(
        "A rule has none, or more than one, of route, redirect, directResponse and delegate.",
        "Keep exactly one.",
    ),
    "bad-delegate": Code(
        "A delegating or delegated VirtualService has fields that delegation does not allow.",
        "Move the field to the object that delegates; a delegate has rules for http and nothing else.",
    ),
    "jwt-claim-without-gateway": Code(
        "A rule for sidecars asks for a claim of a token, which only gateways can.",
        "Name the gateways whose requests are meant, without `mesh`.",
    ),
    "weights-sum-zero": Code(
        "Several destinations share the traffic, but their weights sum to zero.",
        "Give each destination its weight; only their ratio matters.",
    ),
    "bad-rewrite": Code(
        "A rewrite is empty, contradicts itself or another change of the same rule.",
        "Rewrite the path once and the host once.",
    ),
    "bad-redirect": Code(
        "A redirect changes nothing, or stands beside what it excludes.",
        "Give uri, authority, scheme or port, and remove what the message names.",
    ),
    "bad-status": Code(
        "An HTTP or gRPC status does not exist, or cannot be used here.",
        "Choose a status that the message allows.",
    ),
    "bad-retry": Code(
        "A retry policy contradicts itself or names an unknown condition.",
        "Set attempts above 0, and conditions from the list in the message.",
    ),
    "bad-fault": Code(
        "A fault has no effect or asks for something that is not implemented.",
        "Give a delay or an abort, with its percentage.",
    ),
    "bad-mirror": Code(
        "The mirrors of a rule contradict each other.",
        "Use `mirrors` alone.",
    ),
    "bad-sticky": Code(
        "Sticky weights stand where there is nothing to share, or cannot tell users or rules apart.",
        "Give the rule two or more distinct destinations and a name of its own, or remove `sticky`.",
    ),
    "bad-cors": Code(
        "A CORS policy has an unknown method or origin form.",
        "Write methods in upper case, origins with exact, prefix or regex, and plain names of headers.",
    ),
    "bad-sni": Code(
        "An SNI host is not covered by the hosts of its VirtualService.",
        "Add the host to `hosts`, or narrow the SNI host.",
    ),
    "unreachable-rule": Code(
        "A rule can never be reached: an earlier one matches everything.",
        "Put the rule before the one that matches everything.",
    ),
    "body-too-large": Code(
        "The body of a direct response is larger than can be sent.",
        "Serve it from a service.",
    ),
    # DestinationRule
    "empty-policy": Code(
        "A policy is given without any setting.",
        "Fill it, or remove it.",
    ),
    "bad-hash": Code(
        "Consistent hashing has none, or more than one, kind of key, or an impossible table.",
        "Name one key; the size of a Maglev table is a prime.",
    ),
    "bad-log-format": Code(
        "The format of access logs does not fit their encoding.",
        "With `accessLogEncoding: JSON` write a JSON object of names and commands, else a line of text.",
    ),
    "bad-locality": Code(
        "Locality settings contradict each other, or a locality is malformed.",
        "Follow the message; localities are `region/zone/subzone`.",
    ),
    "bad-tls": Code(
        "TLS settings contradict their mode.",
        "Give what the mode needs and nothing else.",
    ),
    "bad-pool": Code(
        "Settings of a connection pool contradict each other.",
        "Give both of what belongs together, and one of what excludes each other.",
    ),
    "bad-outlier": Code(
        "Settings of outlier detection contradict each other.",
        "Set splitExternalLocalOriginErrors as well, or remove the count.",
    ),
    # Gateway
    "no-selector": Code(
        "A gateway without selector applies to every gateway proxy.",
        "Name labels, such as `selector: {istio: ingressgateway}`.",
    ),
    # ServiceEntry, WorkloadEntry, WorkloadGroup
    "bad-resolution": Code(
        "Endpoints or addresses do not fit the resolution.",
        "Choose the resolution that fits what you know: addresses (STATIC), names (DNS), nothing (NONE).",
    ),
    "bad-endpoints": Code(
        "Endpoints contradict other fields of the same object.",
        "Keep one of them; ports of endpoints go by the entry's port names.",
    ),
    "bad-probe": Code(
        "A probe has none, or more than one, way of asking.",
        "Give exactly one of httpGet, tcpSocket, exec and grpc.",
    ),
    # Sidecar
    "bad-listener": Code(
        "A listener of a Sidecar contradicts the others or itself.",
        "Follow the message; the listener without port comes last.",
    ),
    "bad-egress": Code(
        "An egress host is not `namespace/host`.",
        "Write `./*`, `namespace/*` or `namespace/host`.",
    ),
    # HealthCheck
    "bad-health-check": Code(
        "A check cannot be carried out, or its answers cannot be told apart.",
        "Follow the message: a path begins with `/`, and no status is both expected and retriable.",
    ),
    "slow-health-check": Code(
        "A check's timeout is longer than routes wait for a new cluster, which is warm when each instance was asked.",
        "Choose a timeout of less than 5 s.",
    ),
    # LocalWorkload
    "no-command": Code(
        "A LocalWorkload has nothing to run.",
        "Name the program and its arguments.",
    ),
}
