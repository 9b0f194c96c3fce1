import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from workers.gst.tail import Tail


def test_a_file_that_is_not_there_yet_has_no_lines(tmp_path: Path):
    tail = Tail(tmp_path / "later", 0)
    assert list(tail.read()) == []
    (tmp_path / "later").write_text("one\ntw")
    assert list(tail.read()) == ["one"]
    assert list(tail.read(last=True)) == [], "half a line is none"


LINES = st.lists(st.text("ab é", max_size=9).map(lambda text: f"<{text}>"), max_size=8)


@given(LINES, st.data())
def test_lines_come_once_and_whole_however_they_are_written(lines: list[str], data: st.DataObject):
    text = "".join(f"{line}\n" for line in lines).encode()
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=8).map(sorted))
    seen: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "appended"
        tail = Tail(path, 0)
        with path.open("ab", buffering=0) as file:
            for start, stop in zip([0, *cuts], [*cuts, len(text)], strict=True):
                file.write(text[start:stop])
                seen += tail.read()
        seen += tail.read(last=True)
    assert seen == lines
