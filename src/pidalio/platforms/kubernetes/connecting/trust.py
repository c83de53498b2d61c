"""TLS towards an API server: whom we trust, by which name, and the certificate that we show.

Invariant: a private key that came as text is on disk only while it is loaded, readable by nobody else.
"""

import base64
import ssl
import tempfile
from pathlib import Path
from typing import Any

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.kubernetes.connecting.secrets import Secret
from pidalio.platforms.kubernetes.connecting.target import Target


class _Named(ssl.SSLContext):
    """A context that asks for a certificate of another name than the address."""

    name = ""

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """Wrap as asyncio asks for it, with the stated name."""
        if self.name:
            kwargs["server_hostname"] = self.name
        return super().wrap_bio(*args, **kwargs)


def context(target: Target, secret: Secret) -> ssl.SSLContext | None:
    """Return how to speak TLS with `target`, None without; raise `PlatformUnavailable`, one line."""
    cluster = target.cluster
    if not cluster.server.startswith("https://"):
        return None
    made = _Named(ssl.PROTOCOL_TLS_CLIENT)
    made.name = cluster.tls_server_name
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if cluster.insecure_skip_tls_verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    else:
        _trust(made, target)
    if secret.certificate:
        _show(made, secret, target)
    return made


def stamp(target: Target) -> object:
    """Return what is another value when the file of the CA was replaced."""
    path = target.cluster.certificate_authority
    try:
        found = Path(path).stat() if path else None
    except OSError:
        return path
    return found and (found.st_mtime_ns, found.st_ino, found.st_size)


def _trust(made: ssl.SSLContext, target: Target) -> None:
    path, data = target.cluster.certificate_authority, target.cluster.certificate_authority_data
    field = "certificate-authority-data" if data else f"certificate-authority {path}"
    try:
        if data:
            made.load_verify_locations(cadata=base64.b64decode(data, validate=True).decode())
        elif path:
            made.load_verify_locations(cafile=path)
        else:
            made.load_default_certs()
    except ssl.SSLError as error:
        why = f"{target.said}: {field} holds no certificate in PEM: {error.reason or error}"
        raise PlatformUnavailable(why, is_lasting=True) from error
    except ValueError as error:
        raise PlatformUnavailable(f"{target.said}: {field} is not base64 of PEM", is_lasting=True) from error
    except OSError as error:
        why = f"{target.said}: {field} cannot be read: {error.strerror}"
        raise PlatformUnavailable(why, is_lasting=True) from error


def _show(made: ssl.SSLContext, secret: Secret, target: Target) -> None:
    with tempfile.TemporaryDirectory(prefix="pidalio-") as folder:  # made for its owner alone
        certificate, key = Path(folder, "certificate"), Path(folder, "key")
        certificate.write_bytes(secret.certificate)
        key.write_bytes(secret.key)
        try:
            made.load_cert_chain(certificate, key, password=_no_password)
        except (ssl.SSLError, OSError, ValueError) as error:
            why = f"{target.said}: client certificate and key do not load: {error}"
            raise PlatformUnavailable(why, is_lasting=True) from error


def _no_password() -> str:
    raise ValueError("the key is encrypted: state one without a password")
