"""ServerTLSSettings: certificates of a gateway's server (reference §1.3)."""

from pidalio.api.findings import Findings
from pidalio.api.gateway import ServerTLSMode, ServerTLSSettings, TLSProtocol

_PASSTHROUGH = (ServerTLSMode.PASSTHROUGH, ServerTLSMode.AUTO_PASSTHROUGH)
_ORDER = (TLSProtocol.TLSV1_0, TLSProtocol.TLSV1_1, TLSProtocol.TLSV1_2, TLSProtocol.TLSV1_3)


def check_server_tls(tls: ServerTLSSettings, path: str, found: Findings) -> None:
    """Note certificates and versions that contradict the mode or each other."""
    sources = {
        "serverCertificate": bool(tls.server_certificate or tls.private_key),
        "credentialName": bool(tls.credential_name),
        "credentialNames": bool(tls.credential_names),
        "tlsCertificates": bool(tls.tls_certificates),
    }
    given = [name for name, is_given in sources.items() if is_given]
    if tls.mode is ServerTLSMode.ISTIO_MUTUAL:
        for name in given + (["caCertificates"] if tls.ca_certificates else []):
            found.error("bad-tls", f"{path}.{name}", f"ISTIO_MUTUAL brings its own certificates: remove {name}")
    elif tls.mode in _PASSTHROUGH:
        for name in given:
            found.warning("bad-tls", f"{path}.{name}", f"{tls.mode.name} does not end TLS here: {name} is not used")
    else:
        _check_sources(tls, given, path, found)
    for name, count in (("credentialNames", len(tls.credential_names)), ("tlsCertificates", len(tls.tls_certificates))):
        if count > 2:
            found.error("bad-tls", f"{path}.{name}", "at most two certificates (RSA and ECDSA) can be given")
    _check_versions(tls, path, found)
    if len(set(tls.cipher_suites)) < len(tls.cipher_suites):
        found.error("duplicate-value", f"{path}.cipherSuites", "a cipher suite is given twice: remove one")


def _check_sources(tls: ServerTLSSettings, given: list[str], path: str, found: Findings) -> None:
    if tls.https_redirect and not given:
        return
    if len(given) > 1:
        message = f"{' and '.join(given)} exclude each other: keep one source of certificates"
        found.error("bad-tls", f"{path}.{given[1]}", message)
    elif not given:
        found.error("bad-tls", path, f"{tls.mode.name} needs credentialName, or serverCertificate and privateKey")
    if given == ["serverCertificate"] and not (tls.server_certificate and tls.private_key):
        found.error("bad-tls", path, "serverCertificate and privateKey are both needed")
    verifies = tls.mode in {ServerTLSMode.MUTUAL, ServerTLSMode.OPTIONAL_MUTUAL}
    by_file = given == ["serverCertificate"]
    if verifies and by_file and not (tls.ca_certificates or tls.ca_cert_credential_name):
        found.error("bad-tls", f"{path}.caCertificates", f"{tls.mode.name} needs the callers' CA")
    if tls.ca_crl and (tls.mode is ServerTLSMode.SIMPLE or tls.credential_name):
        found.error("bad-tls", f"{path}.caCrl", "a CRL is for MUTUAL with files")


def _check_versions(tls: ServerTLSSettings, path: str, found: Findings) -> None:
    low, high = tls.min_protocol_version, tls.max_protocol_version
    if low in _ORDER and high in _ORDER and _ORDER.index(low) > _ORDER.index(high):
        found.error("bad-tls", f"{path}.minProtocolVersion", f"{low.name} is above {high.name}")
    if low in _ORDER[:2] and not tls.cipher_suites:
        message = "TLS below 1.2 needs cipherSuites that it can use"
        found.warning("bad-tls", f"{path}.minProtocolVersion", message)
