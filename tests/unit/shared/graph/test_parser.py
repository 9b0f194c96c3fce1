"""What the reader says of texts it can't read, and the oddities of the ones it can."""

import time
from contextlib import suppress

import pytest

from shared.graph.faults import MOST_FAULTS, PipelineUnreadable
from shared.graph.model import MAX_EDGES, MAX_NODES
from shared.graph.parser import MAX_TEXT, parse


def faults(text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(PipelineUnreadable) as refused:
        parse(text)
    assert [message for _, message in refused.value.broken] == [str(fault) for fault in refused.value.faults]
    return [(fault.line, fault.column, fault.expected) for fault in refused.value.faults]


STATION = "an element, a reference such as t. or a bin"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, 1, "an element")]),
        ("  # nothing\n", [(2, 1, "an element")]),
        ("! fakesink", [(1, 1, STATION)]),
        ("fakesrc !", [(1, 10, STATION)]),
        ("fakesrc ! ! fakesink", [(1, 11, STATION)]),
        ("fakesrc ! )", [(1, 11, STATION)]),
        ("fakesrc ! fakesink )", [(1, 20, STATION)]),
        ("fakesrc ! = fakesink", [(1, 11, STATION)]),
        ("fakesrc : fakesink", [(1, 9, STATION)]),
        ("fakesrc ! width=3", [(1, 11, STATION)]),
        ("fakesrc & fakesink ; fakesink", [(1, 9, STATION), (1, 20, STATION)]),
        ("fakesrc\n  ! ? ! fakesink", [(2, 5, STATION)]),
        ("a:b ! fakesink", [(1, 1, "the name of an element: letters, digits, - and _")]),
        ("fakesrc ! t.", [(1, 11, "the name of an element: none is called t")]),
        ("tee name=t t.", [(1, 14, "! after a reference that starts a chain")]),
        ("a ! t. ! b tee name=t", [(1, 8, "a new chain: nothing follows a reference at the end of one")]),
        ("tee name=t tee name=t", [(1, 21, "a name that no other element has: t is taken")]),
        ("filesrc location=", [(1, 18, 'a value; location="" is an empty one')]),
        ("filesrc location= ! b", [(1, 19, 'a value; location="" is an empty one')]),
        ('filesrc location="a ! b', [(1, 18, "a closing quote")]),
        ("filesrc location='a ! b", [(1, 18, "a closing quote")]),
        (
            'a x="1\n2\\\\"',
            [(1, 5, "a value without a backslash at the end of several lines, or a preset on one line")],
        ),
        ('filesrc location="a"b', [(1, 21, "a blank after the closing quote")]),
        ("a ! video/x-raw", [(1, 16, "! after caps")]),
        ("video/x-raw,width=3 ! a", [(1, 1, "an element: caps stand between two links")]),
        ("a ! video/x-raw, ! b", [(1, 17, "a field such as width=640")]),
        ("a ! video/x-raw,width ! b", [(1, 17, "a field such as width=640")]),
        ("a ! video/x-raw,width= ! b", [(1, 17, "a field such as width=640")]),
        ("a ! video/x-raw,f={A,B ! b", [(1, 24, "a closing }")]),
        ("a ! video/x-raw,f=A} ! b", [(1, 20, "no } here")]),
        ('a ! video/x-raw,f="A ! b', [(1, 19, 'a closing "')]),
        ("a ! video/x-raw,f=a\\b ! b", [(1, 20, "no backslash outside of quotes")]),
        ("a ! video/x-raw;width=3 ! b", [(1, 17, "a media type such as video/x-raw")]),
        (
            "file:///etc/passwd ! b",
            [(1, 1, "an element: write an address as a property, as in urisourcebin uri=…")],
        ),
        ("a ! /dev/video0", [(1, 5, "an element: write an address as a property, as in urisourcebin uri=…")]),
        ("( a ! b", [(1, 8, "a ) for the bin of line 1, column 1")]),
        ("a ! ( )", [(1, 7, "an element in the bin")]),
        ("( message-forward=true a )", [(1, 3, "an element: a bin's own properties can't be kept")]),
        ("pipeline.( a )", [(1, 1, "a plain bin: ( … )")]),
        (
            "( tee name=t t. ! a ) ! ( t. ! b )",
            [(1, 35, "an element where the bin begins or ends, not a reference")],
        ),
        ("a .src b", [(1, 8, "! after a pad")]),
        ("a .src,src2 ! b", [(1, 7, "one pad: write a link for each")]),
        ("tee name=t a ! .sink t.", [(1, 16, "a reference with its pad: name.sink")]),
        ("fakesrc \0", [(1, 9, "text: no NUL, no half of a character")]),
        ("fakesrc \udc00", [(1, 9, "text: no NUL, no half of a character")]),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, expected: list[tuple[int, int, str]]):
    assert faults(text) == expected


def test_all_faults_are_told_at_once():
    text = "filesrc location= ! decodebin3\n  ! ! gvadetect ! video/x-raw,width !\n  fakesink name=t fakesink name=t  u. ! a"
    assert faults(text) == [
        (1, 19, 'a value; location="" is an empty one'),
        (2, 5, STATION),
        (2, 31, "a field such as width=640"),
        (3, 33, "a name that no other element has: t is taken"),
        (3, 36, "the name of an element: none is called u"),
    ]


def test_not_more_faults_than_anyone_reads():
    assert len(faults("! " * 100)) == MOST_FAULTS


def test_what_was_found_is_quoted():
    with pytest.raises(PipelineUnreadable, match=r"line 1, column 11: found \?\?, expected an element"):
        parse("fakesrc ! ??")
    with pytest.raises(PipelineUnreadable, match=r"found the end"):
        parse("fakesrc !")
    with pytest.raises(PipelineUnreadable, match=f"found {'&' * 40}…"):
        parse("&" * 100)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" + " " * MAX_TEXT, f"at most {MAX_TEXT:,} characters"),
        ("a " * (MAX_NODES + 1), f"at most {MAX_NODES:,} elements"),
        ("tee name=t " + "t. ! t. " * (MAX_EDGES + 1), f"at most {MAX_EDGES:,} links"),
        ("( " * 100, "at most 20 bins inside each other"),
    ],
)
def test_there_are_limits(text: str, expected: str):
    assert faults(text)[-1][2] == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a x=plain", "plain"),
        ("a x = spaced", "spaced"),
        ('a x=""', ""),
        ('a x="two words"', "two words"),
        ("a x='two words'", "two words"),
        (r"a x=two\ words", "two words"),
        (r'a x="a \"quoted\" word"', 'a "quoted" word'),
        (r'a x="back\\slash"', "back\\slash"),
        (r'a x="C:\\" y="z"', "C:\\"),
        (r"a x=C:\\ y=z", "C:\\"),
        ("a x=a!b", "a!b"),
        ('a x="a ! b"', "a ! b"),
        ("a x=1,2=3", "1,2=3"),
        (r'a x={"a":"b\n"}', r'{"a":"b\n"}'),
        (r"""a x='{"a": "b\"c\n"}'""", r'{"a": "b\"c\n"}'),
        ("a x=a#b", "a#b"),
        ("a x=a # b", "a"),
        ("a x=1 x=2", "2"),
        ("a x=a\\\n y=b", "a"),
        ("a x=é\u00a0ü", "é\u00a0ü"),
    ],
)
def test_values_are_read_as_they_are_meant(text: str, value: str):
    assert parse(text).nodes[0].data["x"] == value


def test_pads_stand_on_the_edges():
    (edge,) = parse("a name=x .src_0 ! video/x-raw ! .sink_%u b").edges[:1]
    assert (edge.source_pad, edge.target_pad) == ("src_0", None)
    edges = parse("a name=x b name=y x.src ! y.sink").edges
    assert [(edge.source, edge.source_pad, edge.target, edge.target_pad) for edge in edges] == [
        ("0", "src", "1", "sink")
    ]


def test_a_bin_is_entered_at_its_first_and_left_at_its_last_element():
    graph = parse("a ! ( b ! c  d ! e ) ! f")
    types = [node.type for node in graph.nodes]
    assert [(types[int(edge.source)], types[int(edge.target)]) for edge in graph.edges] == [
        ("a", "b"),
        ("b", "c"),
        ("d", "e"),
        ("e", "f"),
    ]


HOSTILE = [
    "a ", "! ", "a ! ", "(", "a ! (b) ! ", "( a ", "t. ! ", "a name=t ", "a.b ! ", "! x/y ", "a ! x/y,", 'a ! x/y,b="',
    "a ! x/y,(", "a ! x/y,w=1 ! ", "a ! x/y,f=<[({", '"', "'", 'a="\\', 'a b="', "a b=\\", "\\", "\\\n", "#", "#\n",
    "=", "a =", "http://", "/", ".a ", "a . ", "é", "a:b%c ", "@preset=a ", "a\\ ", ",", ";", "{", "a;b,", "x/y(",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("start", ["", "a ! ", "a ! x/y,", 'a b="'])
def test_no_text_takes_long(start: str, piece: str):
    text = (start + piece * MAX_TEXT)[:MAX_TEXT]
    begun = time.process_time()
    with suppress(PipelineUnreadable):
        parse(text)
    assert time.process_time() - begun < 5, "a generous bound: what matters is that it isn't minutes"
