"""Our gva elements in real pipelines with real models and videos, against OpenVINO alone on the same frames."""

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino as ov
import pytest

from tests.support.gst import pipeline_model, play, records, video

pytestmark = pytest.mark.models

F32 = "ie-config=INFERENCE_PRECISION_HINT=f32"


def source(name: str, caps: str = "format=BGR") -> str:
    return f"filesrc location={video(name)} ! decodebin ! videoconvert ! video/x-raw,{caps}"


def detector(more: str = F32) -> str:
    model, proc = pipeline_model("person-ssdlite")
    return f"gvadetect model={model} model-proc={proc} {more}"


def published(path: Path, more: str = "") -> str:
    return f"gvametaconvert {more} ! gvametapublish file-format=json-lines file-path={path}"


def frames(path: Path, width: int, height: int) -> list[np.ndarray[Any, Any]]:
    raw = np.fromfile(path, np.uint8)
    return list(raw.reshape(-1, height, width, 3))


def plain_detections(image: np.ndarray[Any, Any], compiled: Any) -> list[tuple[tuple[int, ...], float]]:
    small = cv2.resize(image, (300, 300))[None, :, :, ::-1]
    results = compiled(np.ascontiguousarray(small))
    boxes, scores = (results[compiled.output(f"detection_{name}:0")][0] for name in ("boxes", "scores"))
    height, width = image.shape[:2]
    found: list[tuple[tuple[int, ...], float]] = []
    for (top, left, bottom, right), score in zip(np.clip(boxes, 0, 1).astype(float), scores, strict=True):
        sides = left * width, top * height, (right - left) * width, (bottom - top) * height
        if score >= 0.5:
            found.append((tuple(int(side + 0.5) for side in sides), float(score)))
    return found


def test_boxes_are_those_of_openvino_alone(tmp_path: Path) -> None:
    ours, raw = tmp_path / "ours.jsonl", tmp_path / "frames"
    play(
        f"{source('bikes')} ! tee name=t ! queue ! {detector()} ! {published(ours, 'add-empty-results=true')}"
        f" ! fakesink t. ! queue ! filesink location={raw}"
    )
    told = records(ours)
    images = frames(raw, 640, 272)
    assert len(told) == len(images) == 250
    model = ov.Core().read_model(pipeline_model("person-ssdlite")[0])
    model.reshape([1, 300, 300, 3])
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    total = 0
    for record, image in zip(told[60:140:2], images[60:140:2], strict=True):
        expected = plain_detections(image, compiled)
        found = [
            ((one["x"], one["y"], one["w"], one["h"]), one["detection"]["confidence"])
            for one in record.get("objects", [])
        ]
        assert [box for box, _ in found] == [box for box, _ in expected]
        assert [sure for _, sure in found] == pytest.approx([sure for _, sure in expected], abs=1e-5)
        total += len(found)
    assert total >= 10
    times = [record["timestamp"] for record in told]
    assert times == sorted(times)
    assert len(set(times)) == len(times)


def test_the_json_has_the_fields_of_dl_streamer(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    play(f"{source('carphone_pristine')} ! {detector()} ! {published(path, 'source=here')} ! fakesink")
    record = records(path)[0]
    assert set(record) == {"objects", "resolution", "source", "timestamp"}
    assert record["resolution"] == {"height": 144, "width": 176}
    first = record["objects"][0]
    assert set(first) == {"detection", "h", "region_id", "roi_type", "w", "x", "y"}
    assert set(first["detection"]) == {"bounding_box", "confidence", "label", "label_id"}
    assert set(first["detection"]["bounding_box"]) == {"x_min", "x_max", "y_min", "y_max"}
    assert first["roi_type"] == first["detection"]["label"] == "person"


def test_batches_requests_and_sharing_change_nothing(tmp_path: Path) -> None:
    """Two branches of one thread share an engine with one request and a batch that no branch fills alone."""
    one, two, three = (tmp_path / f"{name}.jsonl" for name in ("one", "two", "three"))
    model, proc = pipeline_model("text_direction")
    shared = "nireq=1 batch-size=3 model-instance-id=m"

    def branch(more: str, path: Path) -> str:
        infer = f"gvainference model={model} model-proc={proc} {F32} {more}"
        return f"{infer} ! {published(path, 'add-tensor-data=true')} ! fakesink async=false"

    play(
        f"{source('carphone_pristine')} ! identity eos-after=41 ! tee name=t ! queue ! {branch('', one)}"
        f" t. ! {branch(shared, two)} t. ! {branch(shared, three)}"
    )
    assert len(records(one)) >= 40
    assert records(two) == records(three)
    for alone, batched in zip(records(one), records(two), strict=True):
        assert alone["timestamp"] == batched["timestamp"]
        assert alone["tensors"][0]["data"] == pytest.approx(batched["tensors"][0]["data"], abs=1e-5)


def test_tracks_go_on_between_the_frames_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    tracked = f"{detector(f'{F32} inference-interval=4')} ! queue ! gvatrack"
    play(f"{source('carphone_pristine', 'format=NV12')} ! {tracked} ! {published(path)} ! fakesink")
    told = records(path)
    assert len(told) >= 115
    first = [record["objects"][0] for record in told]
    assert {one["id"] for one in first} == {1}
    sure = [one["detection"]["confidence"] for one in first]
    assert sum(one == 1.0 for one in sure) >= 80
    assert sum(one != 1.0 for one in sure) >= 25


def test_text_in_a_given_region_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    picture = np.full((200, 640, 3), 255, np.uint8)
    cv2.putText(picture, "FRAME 2041", (60, 120), cv2.FONT_HERSHEY_SIMPLEX, 2.5, (0, 0, 0), 5)
    cv2.imwrite(str(tmp_path / "text.png"), picture)
    recognizer, reads = pipeline_model("text_recognizer")
    direction, turns = pipeline_model("text_direction")
    play(
        f"filesrc location={tmp_path}/text.png ! pngdec ! videoconvert ! gvaattachroi roi=40,40,560,150"
        f" ! gvaclassify model={recognizer} model-proc={reads} ! queue"
        f" ! gvaclassify model={direction} model-proc={turns} ! {published(path)} ! fakesink"
    )
    (record,) = records(path)
    (found,) = record["objects"]
    assert (found["x"], found["y"], found["w"], found["h"]) == (40, 40, 520, 110)
    assert re.sub(r"\W", "", found["text"]["label"]) == "FRAME2041"
    assert found["text"]["confidence"] > 0.8
    assert found["direction"]["label"] == "0"
    assert found["direction"]["model"] == {"name": direction.stem}


@pytest.mark.parametrize("layout", ["BGR", "BGRx", "RGB", "I420", "NV12"])
def test_boxes_are_drawn_where_they_are_and_nowhere_else(tmp_path: Path, layout: str) -> None:
    plain, drawn = tmp_path / "plain", tmp_path / "drawn"
    caps = f"format={layout},width=320,height=240"
    back = "videoconvert ! video/x-raw,format=BGR"
    play(
        f"videotestsrc num-buffers=2 pattern=black ! video/x-raw,{caps} ! tee name=t ! queue ! {back}"
        f" ! filesink location={plain} t. ! queue ! gvaattachroi roi=40,60,200,180 ! gvawatermark ! {back}"
        f" ! filesink location={drawn}"
    )
    before, after = frames(plain, 320, 240)[1], frames(drawn, 320, 240)[1]
    changed = np.argwhere(np.abs(before.astype(int) - after).max(axis=2) > 40)
    assert changed.min(axis=0) == pytest.approx([60, 40], abs=1)
    assert changed.max(axis=0) == pytest.approx([179, 199], abs=1)
    assert len(changed) < 2500


def test_the_counter_prints_as_dl_streamer_does() -> None:
    said = play(
        f"{source('carphone_pristine')} ! gvafpscounter starting-frame=10 ! identity sleep-time=2000 ! fakesink"
    )
    overall = re.search(
        r"^FpsCounter\(overall \d+\.\d\dsec\): total=(\d+\.\d\d) fps, number-streams=1, "
        r"per-stream=\1 fps, detections=0$",
        said,
        re.MULTILINE,
    )
    assert overall, said
    assert float(overall[1]) > 20


def test_a_json_file_is_one_array(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    publish = f"gvametapublish file-path={path}"
    roi = "gvaattachroi roi=1,1,20,20 ! gvametaconvert"
    play(f"videotestsrc num-buffers=3 ! {roi} ! {publish} ! fakesink")
    assert [one["objects"][0]["w"] for one in json.loads(path.read_text())] == [19, 19, 19]


def test_raw_tensors_of_a_frame_are_published(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    model, proc = pipeline_model("text_direction")
    play(
        f"videotestsrc num-buffers=1 ! gvainference model={model} model-proc={proc}"
        f" ! {published(path, 'add-tensor-data=true')} ! fakesink"
    )
    (tensor,) = records(path)[0]["tensors"]
    assert tensor["dims"] == [1, 2]
    assert tensor["precision"] == "FP32"
    assert sum(tensor["data"]) == pytest.approx(1, abs=1e-2)


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        ("gvadetect name=d", "model isn't set"),
        ("gvadetect name=d model=/nowhere.xml", "no model: /nowhere.xml"),
        ("gvatrack name=d tracking-type=magic", "tracking-type is one of"),
        ("gvaattachroi name=d roi=1,2", "roi is x_top_left"),
        ("gvametapublish name=d method=mqtt", "mqtt"),
    ],
)
def test_what_is_wrong_is_said_on_the_bus(element: str, reason: str) -> None:
    said = play(f"videotestsrc num-buffers=1 ! {element} ! fakesink", fails=True)
    assert said.startswith("d: ")
    assert reason in said


def test_a_cache_of_models_changes_nothing(tmp_path: Path) -> None:
    model, proc = pipeline_model("text_direction")
    paths = [tmp_path / f"{name}.jsonl" for name in ("without", "first", "second")]
    config = F32
    for path in paths:
        play(
            f"videotestsrc num-buffers=3 ! gvainference model={model} model-proc={proc} {config}"
            f" ! {published(path, 'add-tensor-data=true')} ! fakesink"
        )
        config = f"{F32},CACHE_DIR={tmp_path}/cache"
    assert list((tmp_path / "cache").glob("*.xml"))
    told = [[record["tensors"][0]["data"] for record in records(path)] for path in paths]
    assert told[0] == pytest.approx(np.array(told[1]), abs=1e-5)
    assert told[1] == told[2]
    assert len(told[0]) == 3
