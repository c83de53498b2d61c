"""`certs`: what a second machine needs."""

from pathlib import Path

from click.testing import CliRunner
from cryptography import x509

from pidalio.cli import main


def names(path: Path) -> list[str]:
    found = x509.load_pem_x509_certificate(path.read_bytes())
    extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [str(one.value) for one in extension.value]


def test_init_makes_everything_for_two_machines(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    result = CliRunner().invoke(main, ["certs", "init", str(folder), "--name", "192.0.2.1"])
    assert result.exit_code == 0, result.output
    assert {one.name for one in folder.iterdir()} == {
        "ca.crt",
        "ca.key",
        "server.crt",
        "server.key",
        "agent.crt",
        "agent.key",
    }
    assert {"192.0.2.1", "localhost", "127.0.0.1", "::1"} <= set(names(folder / "server.crt"))
    assert names(folder / "agent.crt") == ["agent"]
    assert "next: pidalio serve" in result.output


def test_a_second_init_is_refused(tmp_path: Path) -> None:
    CliRunner().invoke(main, ["certs", "init", str(tmp_path)])
    result = CliRunner().invoke(main, ["certs", "init", str(tmp_path)])
    assert result.exit_code == 1
    assert "holds an authority already" in result.stderr


def test_issue_names_the_holder(tmp_path: Path) -> None:
    CliRunner().invoke(main, ["certs", "init", str(tmp_path)])
    result = CliRunner().invoke(main, ["certs", "issue", str(tmp_path), "reviews-v1"])
    assert result.exit_code == 0
    assert names(tmp_path / "reviews-v1.crt") == ["reviews-v1"]


def test_issue_without_an_authority_says_how_to_make_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["certs", "issue", str(tmp_path), "x"])
    assert result.exit_code == 2
    assert "pidalio certs init" in result.stderr
