"""Mutual TLS: identities come from the certificate, and certificates are read again when their files change."""

import datetime as dt
import ipaddress
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from grpc import aio
from tests.xds.fake_envoy import FakeEnvoy
from tests.xds.world import CLUSTER, World

from pidalio.errors import UsageError
from pidalio.xds import Ads, AdsServer, TlsFiles


class Authority:
    """A CA that lives for one test."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key, [], is_authority=True)

    def issue(self, folder: Path, stem: str, *names: x509.GeneralName) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, stem)])
        cert_path, key_path = folder / f"{stem}.pem", folder / f"{stem}.key"
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        cert_path.write_bytes(pem(self._sign(subject, key, names)))
        return cert_path, key_path

    def _sign(self, subject, key, names, *, is_authority=False):
        start = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256())


def pem(certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


SERVER = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
IDENTITY = "spiffe://cluster.local/ns/default/sa/reviews"


@pytest.fixture
async def secured(tmp_path):
    """A server with certificates in files; yields (server, files, authority, peers seen)."""
    authority = Authority("one")
    cert, key = authority.issue(tmp_path, "server", *SERVER)
    (tmp_path / "ca.pem").write_bytes(pem(authority.certificate))
    files = TlsFiles(cert, key, tmp_path / "ca.pem")
    peers = []

    def resolve(node, peer):
        peers.append(peer)
        return World(clusters={"c": "1"})

    server = AdsServer(Ads(resolve), "127.0.0.1:0", tls=files)
    await server.start()
    yield server, files, authority, peers
    await server.stop()


def client(server, trusted: Authority, identity: tuple[Path, Path] | None) -> FakeEnvoy:
    cert, key = (path.read_bytes() for path in identity) if identity else (None, None)
    credentials = grpc.ssl_channel_credentials(pem(trusted.certificate), key, cert)
    return FakeEnvoy("", channel=aio.secure_channel(server.address, credentials))


async def test_the_identity_is_the_certificates(secured, tmp_path):
    server, _, authority, peers = secured
    proxy = client(server, authority, authority.issue(tmp_path, "proxy", x509.UniformResourceIdentifier(IDENTITY)))
    stream = await proxy.connect()
    await stream.ask(CLUSTER)
    assert await stream.accept() == ("Cluster", "c")
    (peer,) = peers
    assert peer.identities == (IDENTITY, "proxy")
    assert peer.identity == IDENTITY
    await proxy.close()


async def test_a_client_without_certificate_is_not_served(secured):
    server, _, authority, peers = secured
    proxy = client(server, authority, None)
    stream = await proxy.connect()

    async def first_answer():
        await stream.ask(CLUSTER)
        return await stream.next()

    with pytest.raises((aio.AioRpcError, AssertionError)):
        await first_answer()
    assert peers == []
    await proxy.close()


async def test_new_certificates_are_used_for_new_connections_and_broken_ones_are_not(secured, tmp_path):
    server, files, authority, _ = secured
    identity = authority.issue(tmp_path, "proxy")
    old = client(server, authority, identity)
    first = await old.connect()
    await first.ask(CLUSTER)
    await first.accept()

    other = Authority("two")
    other.issue(tmp_path, "server", *SERVER)
    new = client(server, other, identity)
    stream = await new.connect()
    await stream.ask(CLUSTER)
    assert await stream.accept() == ("Cluster", "c")
    assert await first.quiet() == []

    files.key.write_text("half a ke")
    again = client(server, other, identity)
    stream = await again.connect()
    await stream.ask(CLUSTER)
    assert await stream.accept() == ("Cluster", "c")
    for proxy in (old, new, again):
        await proxy.close()


async def test_files_that_cannot_be_used_are_named_at_start(tmp_path):
    missing = TlsFiles(tmp_path / "no.pem", tmp_path / "no.key", tmp_path / "ca.pem")
    with pytest.raises(UsageError, match=r"no\.pem"):
        await AdsServer(Ads(lambda node, peer: World()), "127.0.0.1:0", tls=missing).start()
