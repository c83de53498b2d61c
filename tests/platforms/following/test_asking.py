"""What settings of platforms over HTTP say: secrets in files."""

import pytest

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.asking import read_secret


def test_a_secret_is_what_its_file_holds_without_space_around_it(tmp_path):
    file = tmp_path / "token"
    file.write_text(" s3cret\n\n")
    assert read_secret(str(file)) == "s3cret"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"one\ntwo\n", "more than one line of text", id="two lines"),
        pytest.param(b"one\x00", "more than one line of text", id="a control character"),
        pytest.param(b"\xff\xfe", "it is not text", id="not UTF-8"),
        pytest.param(None, "No such file", id="no file"),
    ],
)
def test_what_is_no_secret_is_told_by_its_file(tmp_path, data, said):
    file = tmp_path / "token"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(PlatformUnavailable, match=f"token: the secret .*{said}"):
        read_secret(str(file))
