"""The trial authority makes what TLS libraries accept, and keeps keys private."""

import asyncio
import ssl
import stat

import pytest
from cryptography import x509

from pidalio.agent.certificates import create_authority, issue
from pidalio.errors import Conflict, UsageError


def context(files, purpose) -> ssl.SSLContext:
    made = ssl.create_default_context(purpose, cafile=files.authority)
    made.load_cert_chain(files.certificate, files.key)
    made.verify_mode = ssl.CERT_REQUIRED
    return made


async def test_mutual_tls_between_what_was_issued(tmp_path):
    server = create_authority(tmp_path, ["localhost", "127.0.0.1"])
    client = issue(tmp_path, "laptop", ["spiffe://mesh/laptop"])
    seen: list = []

    async def answer(reader, writer) -> None:
        seen.append(writer.get_extra_info("peercert")["subjectAltName"])
        writer.write(b"hello")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context(server, ssl.Purpose.CLIENT_AUTH)) as at:
        port = at.sockets[0].getsockname()[1]
        trusting = context(client, ssl.Purpose.SERVER_AUTH)
        for host in ("localhost", "127.0.0.1"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=host)
            assert await reader.read() == b"hello"
            writer.close()
            await writer.wait_closed()
    assert seen == [(("URI", "spiffe://mesh/laptop"),)] * 2


async def test_name_of_another_machine_is_not_trusted(tmp_path):
    server = create_authority(tmp_path, ["elsewhere.example"])
    client = issue(tmp_path, "laptop")

    async def answer(reader, writer) -> None:
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context(server, ssl.Purpose.CLIENT_AUTH)) as at:
        port = at.sockets[0].getsockname()[1]
        trusting = context(client, ssl.Purpose.SERVER_AUTH)
        with pytest.raises(ssl.SSLCertVerificationError, match="localhost"):
            await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname="localhost")


def test_everything_written_is_private(tmp_path):
    folder = tmp_path / "certs"
    create_authority(folder, ["localhost"])
    issue(folder, "laptop")
    assert {file.name for file in folder.iterdir()} == {
        "ca.crt", "ca.key", "server.crt", "server.key", "laptop.crt", "laptop.key"
    }  # fmt: skip
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_certificate_of_a_client_can_sign_nothing(tmp_path):
    create_authority(tmp_path, ["localhost"])
    certificate = x509.load_pem_x509_certificate(issue(tmp_path, "laptop").certificate.read_bytes())
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_authority_is_not_overwritten(tmp_path):
    create_authority(tmp_path, ["localhost"])
    before = (tmp_path / "ca.key").read_bytes()
    with pytest.raises(Conflict, match="holds an authority already"):
        create_authority(tmp_path, ["localhost"])
    assert (tmp_path / "ca.key").read_bytes() == before


@pytest.mark.parametrize("name", ["", "../x", ".hidden", "a b", "ca"])
def test_name_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    create_authority(tmp_path, ["localhost"])
    with pytest.raises(UsageError):
        issue(tmp_path, name)


def test_without_an_authority_the_command_is_named(tmp_path):
    with pytest.raises(UsageError, match="pidalio certs init"):
        issue(tmp_path, "laptop")
