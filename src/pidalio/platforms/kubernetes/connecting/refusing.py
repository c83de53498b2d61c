"""Why an API server does not know us (401), as far as it can be told from here, in one line.

A token that is a JWT says itself from when and until when it counts; the server's own clock is in its answer.
Nothing is verified, and nothing of a token is quoted but its times. Pure.
"""

import base64
import datetime as dt
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec
from cryptography import x509

from pidalio.platforms.kubernetes.connecting.secrets import Secret

_SKEW: Final = 60.0


class _Claims(msgspec.Struct, frozen=True):
    exp: float | None = None
    nbf: float | None = None


def why_refused(said: str, secret: Secret, answered: Mapping[str, str], now: float) -> str:
    """Return why `secret` was refused; `answered` are the answer's headers, `now` this machine's clock."""
    claims = _claims(secret.authorization)
    theirs = _date(answered)
    there = now if theirs is None else theirs
    skew = "" if theirs is None else _skew(now - theirs)
    if claims.exp is not None and claims.exp <= there:
        return f"{said}: the token expired {_shown(claims.exp)}: renew it{skew}"
    if claims.nbf is not None and claims.nbf > there:
        why = f"the token counts from {_shown(claims.nbf)} on, and the server's clock says {_shown(there)}"
        return f"{said}: {why}: set the clocks{skew}"
    if secret.authorization:
        return f"{said}: the server does not accept the token or password (401): renew it{skew}"
    if secret.certificate:
        if (end := _end(secret.certificate)) is not None and end <= there:
            return f"{said}: the client certificate expired {_shown(end)}: renew it{skew}"
        return f"{said}: the server does not accept the client certificate (401): renew it{skew}"
    return f"{said}: the server wants to know who we are (401), and no credentials are stated for the user"


def _claims(authorization: str) -> _Claims:
    parts = authorization.removeprefix("Bearer ").split(".")
    if len(parts) != 3:
        return _Claims()
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)), type=_Claims)
    except (ValueError, msgspec.MsgspecError):
        return _Claims()


def _end(certificate: bytes) -> float | None:
    """Return until when a certificate (PEM) counts."""
    try:
        return x509.load_pem_x509_certificate(certificate).not_valid_after_utc.timestamp()
    except ValueError:
        return None


def _date(answered: Mapping[str, str]) -> float | None:
    try:
        return parsedate_to_datetime(answered.get("Date", "")).timestamp()
    except ValueError:
        return None


def _skew(seconds: float) -> str:
    if abs(seconds) < _SKEW:
        return ""
    return f"; this machine's clock is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} the server's"


def _shown(seconds: float) -> str:
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"at {seconds:g}"
