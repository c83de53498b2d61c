"""ServerTLSSettings: certificates of a gateway's server (reference §1.3)."""

from pidalio.api.findings import Findings
from pidalio.api.gateway import ServerTLSMode, ServerTLSSettings, TLSProtocol

_PASSTHROUGH = (ServerTLSMode.PASSTHROUGH, ServerTLSMode.AUTO_PASSTHROUGH)
CIPHER_SUITES = frozenset(
    {
        "AES128-GCM-SHA256",
        "AES128-SHA",
        "AES256-GCM-SHA384",
        "AES256-SHA",
        "DES-CBC3-SHA",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES256-SHA",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-SHA",
        "ECDHE-RSA-CHACHA20-POLY1305",
    }
)
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
    for index, suite in enumerate(tls.cipher_suites):
        if suite not in CIPHER_SUITES:
            message = f"{suite!r} is no cipher suite that Envoy has, and is left out; those of TLS 1.3 are fixed"
            found.warning("bad-tls", f"{path}.cipherSuites[{index}]", message)
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
    for index, pair in enumerate(tls.tls_certificates):
        if not (pair.server_certificate and pair.private_key):
            here = f"{path}.tlsCertificates[{index}]"
            found.error("bad-tls", here, "serverCertificate and privateKey are both needed")
    verifies = tls.mode in {ServerTLSMode.MUTUAL, ServerTLSMode.OPTIONAL_MUTUAL}
    by_file = given in (["serverCertificate"], ["tlsCertificates"])
    has_ca = tls.ca_certificates or any(pair.ca_certificates for pair in tls.tls_certificates)
    if verifies and by_file and not (has_ca or tls.ca_cert_credential_name):
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
