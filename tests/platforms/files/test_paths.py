import os
import subprocess
import sys
from pathlib import Path

import pytest

from pidalio.model import Report, Severity
from pidalio.platforms.files import load_paths, read_paths
from pidalio.platforms.files.reading import FILE_BYTES, read_file, unreadable

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}]}\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)


def test_files_folders_and_standard_input_are_read_once():
    Path("r").mkdir()
    Path("r/a.yaml").write_text("a: 1")
    Path("one").write_text("b: 2")
    read = read_paths(["r", "one", "-"], lambda limit: b"c: 3")
    assert read.units == (("r/a.yaml", b"a: 1"), ("one", b"b: 2"), ("<stdin>", b"c: 3"))
    assert read.reports == ()


def test_standard_input_of_a_process_is_read():
    code = "from pidalio.platforms.files import read_paths; print(read_paths(['-']).units)"
    done = subprocess.run([sys.executable, "-c", code], input=b"x: 1", capture_output=True, check=True, timeout=60)
    assert done.stdout == b"(('<stdin>', b'x: 1'),)\n"


def test_what_is_not_read_is_one_line_each():
    Path("empty").mkdir()
    Path("huge.yaml").touch()
    os.truncate("huge.yaml", 50_000_000)
    os.mkfifo("pipe")
    read = read_paths(["empty", "huge.yaml", "missing.yaml", "pipe"])
    assert read.units == ()
    assert [report.line() for report in read.reports] == [
        "empty:1: no-files: empty holds no .yaml, .yml or .json file",
        f"huge.yaml:1: too-large: 50000000 bytes; the limit is {FILE_BYTES}: split the file",
        "missing.yaml:1: no-such-file: missing.yaml does not exist: check the path",
        "pipe:1: unreadable: pipe is not a regular file",
    ]


def test_standard_input_that_never_ends_is_cut():
    (loaded,) = (load_stdin(lambda limit: b" " * limit),)
    assert [report.code for report in loaded.reports] == ["too-large"]


def load_stdin(stdin):
    from pidalio.api.load import load

    ((name, content),) = read_paths(["-"], stdin).units
    return load(content, name)


def test_a_file_that_may_not_be_read_is_told():
    report = unreadable("a.yaml", PermissionError(13, "Permission denied"))
    assert report.line() == "a.yaml:1: unreadable: a.yaml cannot be read: Permission denied"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file; run as another user")
def test_a_file_without_permission_is_told():
    Path("a.yaml").touch(mode=0)
    assert isinstance(read_file("a.yaml", "a.yaml"), Report)


def test_loaded_paths_are_what_the_catalog_takes():
    Path("a.yaml").write_text(SERVICE)
    Path("b.yaml").write_bytes(b"\xff\xfe\x00")
    loaded = load_paths(["a.yaml", "b.yaml", "c.yaml"], "shop")
    assert [parsed.ref.namespace for parsed in loaded["a.yaml"].parsed] == ["shop"]
    assert [report.code for report in loaded["b.yaml"].reports] == ["not-utf8"]
    assert [report.severity for report in loaded["c.yaml"].reports] == [Severity.ERROR]
