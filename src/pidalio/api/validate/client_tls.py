"""ClientTLSSettings: what each mode needs and excludes (reference §1.2)."""

from pidalio.api.findings import Findings
from pidalio.api.traffic_policy import ClientTLSMode, ClientTLSSettings


def check_client_tls(tls: ClientTLSSettings, path: str, found: Findings) -> None:
    """Note settings that contradict the mode."""
    mode = tls.mode
    files = {
        "clientCertificate": tls.client_certificate,
        "privateKey": tls.private_key,
        "caCertificates": tls.ca_certificates,
        "caCrl": tls.ca_crl,
    }
    given = [name for name, value in files.items() if value]
    if mode is ClientTLSMode.ISTIO_MUTUAL:
        _refuse(given + (["credentialName"] if tls.credential_name else []), "ISTIO_MUTUAL brings its own", path, found)
        _refuse(["sni"] if tls.sni and "*" in tls.sni else [], "a server name is no wildcard", path, found)
    if mode is ClientTLSMode.SIMPLE:
        wrong = [name for name in given if name in {"clientCertificate", "privateKey"}]
        _refuse(wrong, "SIMPLE presents no certificate: use MUTUAL", path, found)
    if tls.credential_name:
        _refuse(given, "credentialName holds all certificates", path, found)
    elif mode is ClientTLSMode.MUTUAL:
        for name in ("clientCertificate", "privateKey"):
            if not files[name]:
                found.error("bad-tls", f"{path}.{name}", "MUTUAL needs a certificate and its key, or credentialName")
    if tls.insecure_skip_verify:
        wrong = ["caCertificates"] if tls.ca_certificates else []
        wrong += ["subjectAltNames"] if tls.subject_alt_names else []
        _refuse(wrong, "insecureSkipVerify verifies nothing", path, found)


def _refuse(names: list[str], reason: str, path: str, found: Findings) -> None:
    for name in names:
        found.error("bad-tls", f"{path}.{name}", f"{reason}: remove {name}")
