"""Lines are cut at their ends, however the bytes arrive."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.bus.framing import ANY_END, LineFramer, Splitter

TEXT = st.binary(max_size=20).map(lambda data: data.replace(b"\r", b"").replace(b"\n", b""))
CUTS = st.lists(st.integers(1, 7), min_size=1, max_size=30)


def fed_in_pieces(splitter: Splitter, data: bytes, sizes: list[int]) -> list[bytes]:
    replies: list[bytes] = []
    while data:
        size = sizes[len(data) % len(sizes)]
        replies += splitter.feed(data[:size])
        data = data[size:]
    return replies


@given(st.lists(TEXT), CUTS, st.sampled_from([b"\n", b"\r", b"\r\n"]))
def test_what_is_encoded_is_cut_back_whatever_the_pieces(
    lines: list[bytes], sizes: list[int], end: bytes
) -> None:
    framer = LineFramer(write_end=end, read_end=end)
    stream = b"".join(map(framer.encode, lines))
    assert fed_in_pieces(framer.splitter(), stream, sizes) == lines


@given(st.lists(TEXT.filter(bool)), CUTS, st.sampled_from([b"\n", b"\r", b"\r\n"]))
def test_any_end_is_taken_where_any_may_come(
    lines: list[bytes], sizes: list[int], end: bytes
) -> None:
    splitter = LineFramer(read_end=ANY_END).splitter()
    assert fed_in_pieces(splitter, b"".join(line + end for line in lines), sizes) == lines


def test_a_splitter_tells_whether_it_holds_a_piece() -> None:
    splitter = LineFramer(read_end=ANY_END).splitter()
    assert splitter.feed(b"1.0\r") == [b"1.0"]
    assert splitter.feed(b"\n") == []
    assert splitter.idle  # type: ignore[attr-defined]
    splitter.feed(b"2.")
    assert not splitter.idle  # type: ignore[attr-defined]
