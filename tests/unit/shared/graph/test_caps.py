"""Caps as structures and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.graph.caps import CapsError, Structure, is_inline, read, read_one
from tests.support.graphs import field_values, media, names


@given(media, st.dictionaries(names, field_values, max_size=4))
def test_a_structure_comes_back(kind: str, fields: dict[str, str]):
    structure = Structure(kind, fields)
    assert read_one(str(structure)) == structure


@given(
    st.lists(st.builds(Structure, media, st.dictionaries(names, field_values, max_size=2)), min_size=1, max_size=3)
)
def test_alternatives_come_back_and_end_at_a_link(structures: list[Structure]):
    text = ";".join(map(str, structures))
    found, end = read(text + " ! a")
    assert found == structures
    assert end == len(text) + 1


@pytest.mark.parametrize(
    ("text", "kind", "fields"),
    [
        ("video/x-raw", "video/x-raw", {}),
        ("video/x-raw ( memory:VAMemory ) , a = 1", "video/x-raw(memory:VAMemory)", {"a": "1"}),
        (r"video/x-raw\(memory:VAMemory\),w=\(int\)3", "video/x-raw(memory:VAMemory)", {"w": "(int)3"}),
        ("video/x-raw,f={ A ,\n  B }", "video/x-raw", {"f": "{ A , B }"}),
        ('a/b,s="x, y ; z ! \\" {"', "a/b", {"s": '"x, y ; z ! \\" {"'}),
        ("a/b,w=1,w=2", "a/b", {"w": "2"}),
        ("a/b, # why\n w=1", "a/b", {"w": "1"}),
        ("image/svg+xml", "image/svg+xml", {}),
    ],
)
def test_manners_of_writing(text: str, kind: str, fields: dict[str, str]):
    assert read_one(text) == Structure(kind, fields)


@given(st.text('a/b,;={}[]()<>"\\! \n#', max_size=30))
def test_anything_is_read_or_refused(text: str):
    try:
        structures, end = read(text)
    except CapsError as error:
        at = error.at
    else:
        assert end == len(text) or text[end] == "!"
        assert all(read_one(str(each)) == each for each in structures)
        return
    assert 0 <= at <= len(text)


def test_what_old_versions_misread_is_not_inline():
    assert is_inline('video/x-raw,format="NV12"')
    assert not any(is_inline(f'a/b,x="{mark}"') for mark in "!;\\")
