import os
from pathlib import Path

import pytest

from pidalio.platforms.files.finding import Root, find
from pidalio.platforms.files.watching import is_relevant


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)


def put(*names: str) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def names(*roots: str) -> list[str]:
    return list(find([Root.of(root) for root in roots]).files)


def test_a_folder_gives_its_files_recursively_in_order():
    put("rules/b.yaml", "rules/a.yml", "rules/deep/er/c.json", "rules/readme.md")
    assert names("rules") == ["rules/a.yml", "rules/b.yaml", "rules/deep/er/c.json"]
    assert names("rules/") == names("./rules") == names("rules")
    assert names(".") == names("rules")


def test_hidden_files_backups_and_temporary_files_are_ignored():
    put(
        "r/.git/a.yaml", "r/.a.yaml.swp", "r/a.yaml~", "r/.#a.yaml", "r/#a.yaml#", "r/~a.yaml", "r/a.yaml.tmp", "r/4913"
    )
    assert names("r") == []


def test_a_file_that_is_named_is_read_whatever_its_name():
    put("r/.hidden", "r/a.yaml")
    assert names("r/.hidden", "r/a.yaml") == ["r/.hidden", "r/a.yaml"]


def test_a_file_that_two_paths_lead_to_has_one_name():
    put("r/deep/a.yaml")
    assert names("r", "r/deep", "r/deep/a.yaml") == ["r/deep/a.yaml"]
    assert names(str(Path.cwd() / "r"), "r") == [str(Path.cwd() / "r/deep/a.yaml")]


def test_a_name_can_be_printed_whatever_its_bytes_are():
    put(os.fsdecode(b"r/b\xff.yaml"), "r/new\nline.yaml", "r/größe 大.yaml")
    found = find([Root.of("r")]).files
    assert sorted(found) == [r"r/b\udcff.yaml", "r/größe 大.yaml", r"r/new\nline.yaml"]
    assert all(Path(path).exists() for path in found.values())


def test_a_mounted_config_map_is_its_links():
    put("map/..2024/a.yaml")
    Path("map/..data").symlink_to("..2024")
    Path("map/a.yaml").symlink_to("..data/a.yaml")
    assert names("map") == ["map/a.yaml"]


def test_links_to_folders_are_followed_but_not_in_circles():
    put("r/a.yaml", "other/b.yaml")
    Path("r/other").symlink_to("../other")
    Path("r/up").symlink_to("..")
    assert names("r")[:2] == ["r/a.yaml", "r/other/b.yaml"]
    found = find([Root.of("r")])
    assert {str(Path("other").resolve()), str(Path.cwd())} == found.folders


def test_empty_folders_and_missing_paths_are_told():
    put("r/a.txt")
    found = find([Root.of("r"), Root.of("nothing/at/all")])
    assert found.empty == {"r"}
    assert list(found.files) == ["nothing/at/all"]


@pytest.mark.parametrize(
    ("path", "relevant"),
    [
        ("/r/a.yaml", True),
        ("/r/deep/a.json", True),
        ("/r/deep", True),
        ("/r/..data", True),
        ("/r/..2024/a.yaml", True),
        ("/r/.pidalio/history.db-wal", False),
        ("/r/.a.yaml.swp", False),
        ("/r/access.log", False),
    ],
)
def test_only_what_may_hold_objects_wakes(path, relevant):
    assert is_relevant(path, ["/r"]) is relevant
