"""Every code that a report about an object can carry, with one sentence each: the source of their documentation.

Codes are stable: tools may match them, messages may change.
"""

CODES: dict[str, str] = {
    # Files
    "too-large": "A file has more bytes or values than are read.",
    "too-deep": "A file is nested deeper than is read.",
    "alias-bomb": "The aliases of a YAML file repeat too many values.",
    "not-utf8": "A file is not UTF-8 text.",
    "bad-yaml": "A file is not YAML or JSON; everything after the place is unread.",
    "duplicate-key": "A key is given twice in one map.",
    "unknown-tag": "A YAML tag has no meaning here, or does not fit its value.",
    # Objects
    "not-an-object": "A document is not an object with apiVersion, kind and metadata.",
    "unknown-kind": "The kind does not exist in this API group.",
    "unknown-version": "The API group does not have this version.",
    "missing-name": "An object has no metadata.name.",
    "bad-name": "A name does not follow the rules of its kind (DNS label, at most 63 characters, ...).",
    "bad-label": "A label's key or value has characters that labels cannot have, or is too long.",
    # Fields
    "unknown-field": "A field does not exist; the nearest name is given.",
    "field-twice": "A field is given under both its JSON name and its protobuf name.",
    "wrong-type": "A value has another type than its field.",
    "out-of-range": "A number is outside the range of its field.",
    "unknown-value": "A word is not among those that the field takes.",
    "bad-duration": "A duration is malformed, negative, or not in the unit that the field needs.",
    "bad-percent": "A percentage is neither 0 nor between 0.0001 and 100.",
    "bad-base64": "A bytes field is not base64.",
    "oneof-conflict": "Fields that exclude each other are set together.",
    "missing-field": "A required field is not set.",
    "duplicate-value": "A list that holds distinct values has one twice.",
    # Names and texts
    "bad-host": "A host is neither a DNS name, a wildcard (* or *.name) nor an address where one is allowed.",
    "bad-port": "A port number is not between 1 and 65535.",
    "bad-address": "An address is neither an IP address nor what else the field takes.",
    "bad-regex": "A regular expression is empty, too long, or not accepted by RE2.",
    "bad-match": "A condition on text is empty or can never hold.",
    "bad-header": "A header's name or value cannot be sent or changed.",
    "bad-gateway-name": "A reference to a gateway is not `name`, `namespace/name` or `mesh`.",
    "bad-export": "An exportTo list has an entry that is not `.`, `*` or a namespace, or entries that exclude others.",
    "bad-protocol": "The protocol of a port does not exist.",
    # VirtualService
    "no-routes": "A VirtualService has no http, tls or tcp rule.",
    "duplicate-host": "A host is given twice, or covered by another host of the same object.",
    "mesh-wildcard": "The host * is used without a gateway, or with the gateway `mesh`.",
    "bad-action": "A rule has none, or more than one, of route, redirect, directResponse and delegate.",
    "bad-delegate": "A delegating or delegated VirtualService has fields that delegation does not allow.",
    "jwt-claim-without-gateway": "A rule for sidecars asks for a claim of a token, which only gateways can.",
    "weights-sum-zero": "Several destinations share the traffic, but their weights sum to zero.",
    "bad-rewrite": "A rewrite is empty, contradicts itself or another change of the same rule.",
    "bad-redirect": "A redirect changes nothing, or stands beside what it excludes.",
    "bad-status": "An HTTP or gRPC status does not exist, or cannot be used here.",
    "bad-retry": "A retry policy contradicts itself or names an unknown condition.",
    "bad-fault": "A fault has no effect or asks for something that is not implemented.",
    "bad-mirror": "The mirrors of a rule contradict each other.",
    "bad-cors": "A CORS policy has an unknown method or origin form.",
    "bad-sni": "An SNI host is not covered by the hosts of its VirtualService.",
    "unreachable-rule": "A rule can never be reached: an earlier one matches everything.",
    "body-too-large": "The body of a direct response is larger than can be sent.",
    # DestinationRule
    "empty-policy": "A policy is given without any setting.",
    "bad-hash": "Consistent hashing has none, or more than one, kind of key, or an impossible table.",
    "bad-locality": "Locality settings contradict each other, or a locality is malformed.",
    "bad-tls": "TLS settings contradict their mode.",
    "bad-pool": "Settings of a connection pool contradict each other.",
    "bad-outlier": "Settings of outlier detection contradict each other.",
    # Gateway
    "no-selector": "A gateway without selector applies to every gateway proxy.",
    # ServiceEntry, WorkloadEntry, WorkloadGroup
    "bad-resolution": "Endpoints or addresses do not fit the resolution.",
    "bad-endpoints": "Endpoints contradict other fields of the same object.",
    "bad-probe": "A probe has none, or more than one, way of asking.",
    # Sidecar
    "bad-listener": "A listener of a Sidecar contradicts the others or itself.",
    "bad-egress": "An egress host is not `namespace/host`.",
    # LocalWorkload
    "no-command": "A LocalWorkload has nothing to run.",
}
