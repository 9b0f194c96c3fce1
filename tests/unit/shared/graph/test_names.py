"""Names on the wire, paths in the worker."""

import pytest

from shared.errors import InvalidSpec
from shared.graph.names import ModelFiles, Place, places, with_models, with_names, with_outputs
from shared.graph.parser import parse

TEXT = (
    "filesrc location=a.mp4 ! decodebin3 ! gvadetect device=GPU model=yolo threshold=0.5 ! "
    "gvagenai model-path=vlm ! gvametapublish file-path=found.jsonl ! splitmuxsink location=part_%05d.mp4"
)


def test_everything_named_is_found():
    assert places(parse(TEXT)) == [
        Place("/nodes/0/data/location", "0", "location", "media", "a.mp4"),
        Place("/nodes/2/data/model", "2", "model", "model", "yolo"),
        Place("/nodes/3/data/model-path", "3", "model-path", "model", "vlm"),
        Place("/nodes/4/data/file-path", "4", "file-path", "output", "found.jsonl"),
        Place("/nodes/5/data/location", "5", "location", "output", "part_%05d.mp4"),
    ]


def test_models_become_paths_with_what_belongs_to_them():
    models = {"yolo": ModelFiles("/m/yolo.xml", "/m/yolo.json", "/m/labels.txt"), "vlm": ModelFiles("/m/vlm")}
    detect, describe = with_models(parse(TEXT), models).nodes[2:4]
    assert list(detect.data.items()) == [
        ("device", "GPU"),
        ("model", "/m/yolo.xml"),
        ("model-proc", "/m/yolo.json"),
        ("labels-file", "/m/labels.txt"),
        ("threshold", "0.5"),
    ]
    assert describe.data == {"model-path": "/m/vlm"}


def test_every_unknown_name_is_told():
    with pytest.raises(InvalidSpec) as refused:
        with_models(parse('gvadetect model=nope ! gvaclassify model="" ! gvainference'), {})
    assert refused.value.broken == (
        ("/nodes/0/data/model", "there is no model 'nope'"),
        ("/nodes/1/data/model", "name a model"),
    )
    with pytest.raises(InvalidSpec) as refused:
        with_outputs(parse(TEXT), {"found.jsonl": "/s/found.jsonl"})
    assert [pointer for pointer, _ in refused.value.broken] == ["/nodes/5/data/location"]


def test_outputs_become_paths():
    graph = with_outputs(parse(TEXT), {"found.jsonl": "/s/f.jsonl", "part_%05d.mp4": "/s/p_%05d.mp4"})
    assert graph.nodes[4].data["file-path"] == "/s/f.jsonl"
    assert graph.nodes[5].data["location"] == "/s/p_%05d.mp4"
    assert with_outputs(parse('gvametapublish file-path=""'), {}).nodes[0].data == {"file-path": ""}


MODELS = {
    "/models/yolo/FP16/yolo.xml": "yolo-fp16",
    "/models/yolo/FP32/yolo.xml": "yolo-fp32",
    "/models/age/age.xml": "age",
}
MEDIA = {"/videos/a.mp4": "a.mp4"}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/models/yolo/FP16/yolo.xml", "yolo-fp16"),
        ("/elsewhere/yolo/FP32/yolo.xml", "yolo-fp32"),
        ("/elsewhere/age.xml", "age"),
        ("age.xml", "age"),
        ("yolo.xml", "yolo.xml"),
        ("/unknown.xml", "/unknown.xml"),
        ("", ""),
    ],
)
def test_paths_become_names_where_one_fits(path: str, name: str):
    graph = with_names(parse(f'gvadetect model="{path}" device=CPU'), MODELS, MEDIA)
    assert graph.nodes[0].data == {"model": name, "device": "CPU"}


def test_what_belonged_to_a_path_goes_with_it():
    text = (
        "filesrc location=/videos/a.mp4 ! gvadetect model=/x/age.xml model-proc=/x/age.json labels-file=/x/l.txt"
    )
    graph = with_names(parse(text), MODELS, MEDIA)
    assert [node.data for node in graph.nodes] == [{"location": "a.mp4"}, {"model": "age"}]
    kept = with_names(parse("gvadetect model=/x/unknown.xml model-proc=/x/u.json"), MODELS, MEDIA)
    assert kept.nodes[0].data["model-proc"] == "/x/u.json"
    uri = with_names(parse("urisourcebin uri=file:///videos/a.mp4"), MODELS, MEDIA)
    assert uri.nodes[0].data == {"uri": "a.mp4"}
