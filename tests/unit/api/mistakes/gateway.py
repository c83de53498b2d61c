"""What a Gateway must fulfil (reference §1.3): each row one mistake and where it is told."""

from tests.unit.api.mistakes.shapes import HTTP, server

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
    "selector-labels": (
        f"selector: {{a: 'b c'}}\nservers: [{{{HTTP}, hosts: ['*']}}]",
        "error",
        "bad-label",
        "selector.a",
    ),
    "certificate-pair": (
        server(
            "port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, tlsCertificates: [{serverCertificate: /c}]}"
        ),
        "error",
        "bad-tls",
        "servers[0].tls.tlsCertificates[0]",
    ),
    "mutual-pairs-without-ca": (
        server(
            "port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*'], "
            "tls: {mode: MUTUAL, tlsCertificates: [{serverCertificate: /c, privateKey: /k}]}"
        ),
        "error",
        "bad-tls",
        "servers[0].tls.caCertificates",
    ),
    "cipher-unknown": (
        server(
            "port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: x, cipherSuites: [ROT13]}"
        ),
        "warning",
        "bad-tls",
        "servers[0].tls.cipherSuites[0]",
    ),
    "tls-without-settings": (
        server("port: {number: 443, name: a, protocol: TLS}, hosts: ['*']"),
        "error",
        "bad-tls",
        "servers[0].tls",
    ),
}
