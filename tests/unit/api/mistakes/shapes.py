"""Short ways to write specs in the tables of mistakes."""

TO = "route: [{destination: {host: b}}]"
TWO = "route: [{destination: {host: b, subset: v1}, weight: 9}, {destination: {host: b, subset: v2}, weight: 1}]"
RULE = f"http: [{{{TO}}}]"
HTTP = "port: {number: 80, name: http, protocol: HTTP}"
HTTPS = "port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*']"
PORTS = "ports: [{number: 80, name: http, protocol: HTTP}]"


def rule(extra, action=TO):
    return f"hosts: [a]\nhttp: [{{{action}, {extra}}}]"


def match(condition):
    return rule(f"match: [{{{condition}}}]")


def policy(text):
    return f"host: a\ntrafficPolicy: {{{text}}}"


def server(text):
    return f"selector: {{a: b}}\nservers: [{{{text}}}]"


def entry(text, hosts="a.com", ports=PORTS):
    return f"hosts: [{hosts}]\n{ports}\n{text}"
