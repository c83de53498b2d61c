"""Logs are quoted at their end and bounded while they are written."""

from pidalio.agent.logs import bound, last_lines, size_of


def test_end_is_quoted_in_one_line(tmp_path):
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n\n" for number in range(100)))
    assert last_lines(log, 2) == "line 98 | line 99"


def test_long_lines_are_cut_and_absent_files_are_empty(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"x" * 50000 + b"\xff\n")
    assert len(last_lines(log)) == 300
    assert last_lines(tmp_path / "absent") == ""


def test_what_an_earlier_run_wrote_is_not_quoted(tmp_path):
    log = tmp_path / "log"
    assert size_of(log) == 0
    log.write_text("of the run before\n")
    begins = size_of(log)
    assert last_lines(log, since=begins) == ""
    with log.open("a") as writer:
        writer.write("of this run\n")
    assert last_lines(log, since=begins) == "of this run"
    log.write_text("cut\n")
    assert last_lines(log, since=begins) == "cut"


def test_bound_keeps_what_was_written_and_what_comes(tmp_path):
    log = tmp_path / "log"
    with log.open("a") as writer:
        writer.write("old\n" * 100)
        writer.flush()
        bound(log, limit_bytes=1000)
        assert log.stat().st_size == 400
        bound(log, limit_bytes=100)
        writer.write("new\n")
    assert log.read_text() == "new\n"
    assert (tmp_path / "log.1").read_text() == "old\n" * 100
