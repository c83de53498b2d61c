"""A trial certificate authority, so that a second machine joins with mutual TLS in a few commands.

It issues what xDS and the API need: one certificate for the control plane, one for each agent.
Not a service: keys lie in files of mode 0600, nothing is renewed. Whoever has an authority of their own uses that.
"""

import datetime as dt
import ipaddress
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pidalio.errors import Conflict, UsageError

AUTHORITY, SERVER = "ca", "server"
_BACKDATED = dt.timedelta(minutes=5)  # clocks differ


class CertificateFiles(msgspec.Struct, frozen=True):
    """Paths of a certificate, its key, and the authority that signed it: what `--tls-cert --tls-key --tls-ca` take."""

    certificate: Path
    key: Path
    authority: Path


def create_authority(
    folder: Path, names: Iterable[str], *, days: int = 365, now: dt.datetime | None = None
) -> CertificateFiles:
    """Make an authority in `folder` and a server certificate for `names` (DNS names and IP addresses).

    Raise `Conflict` when the folder holds an authority already: every certificate it issued would become worthless.
    """
    if (folder / f"{AUTHORITY}.key").exists():
        raise Conflict(f"{folder} holds an authority already: remove it first if no certificate of it is in use")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key, name = ec.generate_private_key(ec.SECP256R1()), _name("pidalio trial authority")
    builder = _builder(name, name, key, days, now)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    _write(folder, AUTHORITY, builder.sign(key, hashes.SHA256()), key)
    return issue(folder, SERVER, names, days=days, now=now)


def issue(
    folder: Path, name: str, names: Iterable[str] = (), *, days: int = 365, now: dt.datetime | None = None
) -> CertificateFiles:
    """Issue a certificate from the authority in `folder`, as `<name>.crt` and `<name>.key`.

    It serves on both sides of a connection; its subject alternative names are `names`, or `name` itself when there
    are none, and an agent's identity is the first of them. Raise `UsageError` for a name that is none, or without an
    authority.
    """
    if (
        not name
        or not all(char.isalnum() or char in "-_." for char in name)
        or name.startswith(".")
        or name == AUTHORITY
    ):
        raise UsageError(f"{name!r} cannot name a certificate: use letters, digits, '-', '_' and '.'")
    authority, authority_key = _read_authority(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    alternatives = x509.SubjectAlternativeName([_alternative(each) for each in (tuple(names) or (name,))])
    builder = _builder(authority.subject, _name(name), key, days, now)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs=False), critical=True)
    builder = builder.add_extension(alternatives, critical=False)
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = builder.add_extension(purposes, critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    builder = builder.add_extension(issuer, critical=False)
    return _write(folder, name, builder.sign(authority_key, hashes.SHA256()), key)


def _read_authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate((folder / f"{AUTHORITY}.crt").read_bytes())
        key = serialization.load_pem_private_key((folder / f"{AUTHORITY}.key").read_bytes(), password=None)
    except FileNotFoundError as error:
        raise UsageError(f"{folder} holds no authority: make one with `pidalio certs init {folder}`") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise UsageError(f"{folder / AUTHORITY}.key was not made by `pidalio certs init`")
    return certificate, key


def _builder(
    issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: int, now: dt.datetime | None
) -> x509.CertificateBuilder:
    begin = (now or dt.datetime.now(dt.UTC)) - _BACKDATED
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    if name.startswith("spiffe://"):
        return x509.UniformResourceIdentifier(name)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> CertificateFiles:
    files = CertificateFiles(folder / f"{name}.crt", folder / f"{name}.key", folder / f"{AUTHORITY}.crt")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write_private(files.key, pem)
    _write_private(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))
    return files


def _write_private(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
