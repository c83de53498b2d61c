"""Access logs as lines for people."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pidalio.cli import main
from pidalio.cli.logs import Tails, line_of

ENTRY = {
    "start_time": "2026-11-22T22:09:28.304Z",
    "method": "GET",
    "authority": "reviews:9080",
    "path": "/reviews/7",
    "response_code": 200,
    "response_flags": "-",
    "duration": 3,
    "upstream_cluster": "outbound|9080|v1|reviews.default.svc.cluster.local",
    "upstream_host": "127.1.2.3:9080",
    "upstream_workload": "reviews-v1-0",
    "rule": {"config": "/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews", "path": "http[0]"},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / ".pidalio" / "logs" / "access"
    made.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return made


def write(folder: Path, proxy: str, *entries: dict) -> None:
    with (folder / f"{proxy}.json").open("a") as file:
        for entry in entries:
            file.write(json.dumps(entry) + "\n")


def test_a_line_says_request_answer_way_and_rule() -> None:
    assert line_of("front-0.default", ENTRY) == (
        "22:09:28.304 front-0.default  GET reviews:9080/reviews/7  200 3ms → reviews-v1-0 "
        "(outbound|9080|v1|reviews.default.svc.cluster.local)  [virtual-service default/reviews http[0]]"
    )


def test_an_answer_of_the_proxy_itself() -> None:
    entry = {key: ENTRY[key] for key in ("start_time", "method", "authority", "path", "duration")}
    line = line_of("front-0.default", entry | {"response_code": 503, "response_flags": "NC"})
    assert line == "22:09:28.304 front-0.default  GET reviews:9080/reviews/7  503 NC 3ms"


def test_the_latest_of_all_proxies_in_order_of_time(folder: Path) -> None:
    write(folder, "a-0.default", *(ENTRY | {"start_time": f"2026-11-22T22:00:0{n}.000Z"} for n in (1, 3)))
    write(folder, "b-0.default", *(ENTRY | {"start_time": f"2026-11-22T22:00:0{n}.000Z"} for n in (2, 4)))
    lines = CliRunner().invoke(main, ["logs", "-l", "3"]).stdout.splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "22:00:02.000 b-0.default",
        "22:00:03.000 a-0.default",
        "22:00:04.000 b-0.default",
    ]


@pytest.mark.parametrize("name", ["a-0", "a-0.default"])
def test_one_proxy(folder: Path, name: str) -> None:
    write(folder, "a-0.default", ENTRY)
    write(folder, "b-0.default", ENTRY)
    result = CliRunner().invoke(main, ["logs", name, "-o", "json"])
    (line,) = result.stdout.splitlines()
    assert json.loads(line) == {"proxy": "a-0.default", **ENTRY}


def test_none_is_not_found(folder: Path) -> None:
    result = CliRunner().invoke(main, ["logs", "nobody"])
    assert result.exit_code == 1
    assert "pidalio up" in result.stderr


def test_what_comes_is_read_once_and_whole(folder: Path) -> None:
    write(folder, "a-0.default", ENTRY)
    tails = Tails(folder, None)
    assert len(tails.read(last=True)) == 1
    assert tails.read() == []
    with (folder / "a-0.default.json").open("a") as file:
        file.write(json.dumps(ENTRY)[:20])
        file.flush()
        assert tails.read() == []
        file.write(json.dumps(ENTRY)[20:] + "\n")
    assert tails.read() == [("a-0.default", ENTRY)]
    write(folder, "new-0.default", ENTRY)
    assert tails.read() == [("new-0.default", ENTRY)]


def test_a_log_that_was_cut_is_read_from_its_beginning(folder: Path) -> None:
    write(folder, "a-0.default", ENTRY, ENTRY)
    tails = Tails(folder, None)
    tails.read(last=True)
    with (folder / "a-0.default.json").open("r+") as file:
        file.truncate(0)
    write(folder, "a-0.default", ENTRY | {"path": "/new"})
    assert [entry["path"] for _, entry in tails.read()] == ["/new"]


def test_only_the_end_of_a_long_log_is_read_at_first(folder: Path) -> None:
    write(folder, "a-0.default", *(ENTRY | {"path": "/" + "x" * 2000} for _ in range(1000)))
    assert 400 < len(Tails(folder, None).read(last=True)) < 600
