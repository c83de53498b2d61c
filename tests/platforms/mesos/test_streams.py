"""RecordIO and server-sent events: whatever pieces a stream comes in, the same is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pidalio.platforms.mesos.records import Records, Skipped
from pidalio.platforms.mesos.server_sent import Events, ServerSent


def pieces(draw, stream: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    return [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


@given(st.data(), st.lists(st.binary(max_size=40), max_size=8))
def test_records_are_the_same_whatever_the_pieces(data, records):
    parser = Records(20)
    stream = b"".join(b"%d\n%s" % (len(one), one) for one in records)
    found = [one for piece in pieces(data.draw, stream) for one in parser.take(piece)]
    assert found == [one if len(one) <= 20 else Skipped(len(one)) for one in records]
    assert parser.is_between


@pytest.mark.parametrize("stream", [b"{}\n", b"-1\nx", b"12 \n", b"\n", b"9" * 30, b"HTTP/1.1 200 OK\n", b" 3\nabc"])
def test_what_is_no_recordio_ends_the_stream_however_it_comes(stream):
    with pytest.raises(ValueError, match="a record's length"):
        Records(100).take(stream)
    parser = Records(100)
    with pytest.raises(ValueError, match="a record's length"):
        [parser.take(bytes([byte])) for byte in stream]


def test_a_stream_that_ends_in_a_record_is_not_between_two():
    parser = Records(100)
    assert parser.take(b"3\nabc10\n{") == [b"abc"]
    assert not parser.is_between
    assert parser.take(b"123456789") == [b"{123456789"]
    assert parser.is_between
    parser.take(b"1")
    assert not parser.is_between


EVENTS = {
    "one": (b"event: a\ndata: {}\n\n", [ServerSent("a", b"{}")]),
    "no-space": (b"event:a\ndata:{}\n\n", [ServerSent("a", b"{}")]),
    "two-lines": (b"data: x\ndata: y\n\n", [ServerSent("message", b"x\ny")]),
    "returns": (b"event: a\r\ndata: x\r\n\r\nevent: b\rdata: y\r\r", [ServerSent("a", b"x"), ServerSent("b", b"y")]),
    "comment": (b": hello\n\ndata: x\nid: 1\nretry: 5\nunknown: z\n\n", [ServerSent("message", b"x")]),
    "no-data": (b"event: a\n\ndata: x\n\n", [ServerSent("message", b"x")]),
    "mark": (b"\xef\xbb\xbfdata: x\n\n", [ServerSent("message", b"x")]),
    "unfinished": (b"data: x\n\ndata: y\n", [ServerSent("message", b"x")]),
    "too-large": (
        b"event: a\ndata: " + b"x" * 60 + b"\ndata: y\n\nevent: b\ndata: z\n\n",
        [Skipped(81), ServerSent("b", b"z")],
    ),
    "utf-8": ("data: πηδάλιο\n\n".encode(), [ServerSent("message", "πηδάλιο".encode())]),
}


@pytest.mark.parametrize("name", EVENTS)
@given(data=st.data())
def test_events_are_the_same_whatever_the_pieces(name, data):
    stream, wanted = EVENTS[name]
    parser = Events(60)
    assert [one for piece in pieces(data.draw, stream) for one in parser.take(piece)] == wanted


@given(st.data(), st.text(alphabet="ab:\r\n dte", max_size=60))
def test_any_text_is_read_alike_whole_and_in_pieces(data, text):
    stream = text.encode()
    parser = Events(25)
    assert [one for piece in pieces(data.draw, stream) for one in parser.take(piece)] == Events(25).take(stream)
