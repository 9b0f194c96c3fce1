"""What networks see in pictures, as jobs answer it, beside what the same files say when they are run plainly."""

import base64
import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino as ov
import pytest

from shared.catalogue import Catalogue, CatalogueEntry, load_catalogue
from shared.errors import InputUnreadable, ModelNotInstalled, ModelUnusable
from shared.jobs import OUTCOME, Completed
from shared.media import content_key
from shared.predictions import (
    ClassificationPrediction,
    DetectionPrediction,
    PosePrediction,
    RawPrediction,
    TextPrediction,
)
from shared.results import InstalledFile, InstalledMedium
from tests.support.gst import video
from tests.support.models import SHARED_DATA, install_into, model_folder, obtainable, photo
from tests.support.pictures import data, frame_of, page, png
from tests.support.workplace import Workplace
from workers.runtimes.contract import HandFinder, Host
from workers.runtimes.openvino_networks import load

pytestmark = pytest.mark.models

NETWORKS = [entry for entry in obtainable() if entry.architecture == "network"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """All networks that come from packages are installed."""
    catalogue = load_catalogue()
    place = Workplace(tmp_path_factory.mktemp("networks"), with_raw(catalogue))
    install_into(place.artifacts, place.beacon, [entry.name for entry in NETWORKS])
    yield place
    place.handler.close()


def with_raw(catalogue: Catalogue) -> Catalogue:
    """And pose_detector as a network nobody told us how to read."""
    raw = {"model_proc": None, "labels": [], "category": "embedding"}
    return Catalogue(
        [entry.model_copy(update=raw) if entry.name == "pose_detector" else entry for entry in catalogue.root]
    )


@pytest.fixture(scope="module")
def person() -> np.ndarray:
    """A person in a car, BGR, 144 x 176."""
    return frame_of(str(video("carphone_pristine")), 10)


async def ask(place: Workplace, model: str, image: np.ndarray, **options: Any) -> Any:
    result = await place.run({"model": model, "inputs": [data(png(image))], "options": options})
    assert OUTCOME.validate_json(Completed(result=result).model_dump_json()).result == result
    assert (result.runtime, result.device) == ("openvino", "CPU")
    [prediction] = result.predictions
    return prediction


def plainly(entry: CatalogueEntry, image: np.ndarray) -> list[np.ndarray]:
    """What OpenVINO says of ``image``, [1, …], without any code of ours."""
    core = ov.Core()
    model = core.read_model(model_folder(entry.name) / entry.files[0].name)
    model.reshape(image.shape)
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [compiled([image])[output] for output in compiled.outputs]


async def test_the_person_detector_finds_the_person_where_the_network_does(
    place: Workplace, person: np.ndarray
) -> None:
    seen = await ask(place, "person-ssdlite", person)
    assert isinstance(seen, DetectionPrediction)
    assert (seen.width, seen.height) == (176, 144)
    [one] = seen.objects
    assert (one.label, one.label_id) == ("person", 1)
    rgb = cv2.cvtColor(cv2.resize(person, (300, 300)), cv2.COLOR_BGR2RGB)
    boxes, _, scores, _ = plainly(load_catalogue().by_name["person-ssdlite"], rgb[None])
    top, left, bottom, right = boxes[0][0]
    there = one.box_normalised
    assert (there.x_min, there.y_min, there.x_max, there.y_max) == pytest.approx(
        np.clip((left, top, right, bottom), 0, 1), abs=1e-4
    )
    assert one.confidence == pytest.approx(scores[0][0], abs=1e-4)
    assert one.box.x == round(left * 176)
    assert one.box.x + one.box.width <= 176
    assert one.box.y + one.box.height <= 144


@pytest.mark.parametrize("model", ["face_detector", "face_detector_full_range", "centerface"])
async def test_a_face_is_found_with_its_points(place: Workplace, person: np.ndarray, model: str) -> None:
    seen = await ask(place, model, person)
    assert isinstance(seen, DetectionPrediction)
    [face] = seen.objects
    assert face.label == "face"
    names = [point.name for point in face.keypoints]
    assert names == load_catalogue().by_name[model].points
    box = face.box_normalised
    for point in face.keypoints:
        assert box.x_min - 0.05 < point.x < box.x_max + 0.05
        assert box.y_min - 0.05 < point.y < box.y_max + 0.05
        assert (point.pixel_x, point.pixel_y) == pytest.approx((point.x * 176, point.y * 144), abs=0.01)
    eye, mouth = face.keypoints[names.index("right eye")], face.keypoints[3]
    assert eye.y < mouth.y, "the face stands upright"


async def test_detectors_of_different_makers_agree(place: Workplace, person: np.ndarray) -> None:
    first = (await ask(place, "face_detector", person)).objects[0].keypoints
    second = (await ask(place, "centerface", person)).objects[0].keypoints
    for one, other in ((first[0], second[0]), (first[1], second[1]), (first[2], second[2])):
        assert (one.x, one.y) == pytest.approx((other.x, other.y), abs=0.04)


async def test_text_is_found_and_read(place: Workplace) -> None:
    seen = await ask(place, "text_detector", page("FRAMELANE 2026", "runs on every device", turn=4), annotate=True)
    assert isinstance(seen, TextPrediction)
    assert [line.text.replace(" ", "") for line in seen.lines] == ["FRAMELANE2026", "runsoneverydevice"]
    assert seen.text == "\n".join(line.text for line in seen.lines)
    first = seen.lines[0]
    assert first.confidence > 0.8
    assert first.detection > 0.5
    (left, top), (right, above), *_ = first.polygon
    assert left < right
    assert above < top, "turned against the clock"
    assert first.box.x == pytest.approx(left, abs=1)
    assert first.box.x + first.box.width == pytest.approx(max(x for x, _ in first.polygon), abs=1)


async def test_a_long_line_is_read_as_it_is(place: Workplace) -> None:
    line = page("ONE LONG LINE OF MORE THAN FORTY CHARACTERS 0123456789", height=200, width=1400)[60:150]
    seen = await ask(place, "text_recognizer", line)
    assert isinstance(seen, TextPrediction)
    assert seen.text.replace(" ", "").upper() == "ONELONGLINEOFMORETHANFORTYCHARACTERS0123456789"
    assert await ask(place, "text_recognizer", line, min_confidence=1.0) == seen.model_copy(
        update={"text": "", "lines": []}
    )


async def test_a_line_that_stands_on_its_head_is_told(place: Workplace) -> None:
    line = page("UPSIDE DOWN", height=200, width=420)[60:150]
    for image, expected in ((line, "0"), (np.ascontiguousarray(line[::-1, ::-1]), "180")):
        seen = await ask(place, "text_direction", image, top_k=2)
        assert isinstance(seen, ClassificationPrediction)
        assert seen.label == expected
        assert sum(score.confidence for score in seen.top) == pytest.approx(1, abs=1e-4)
        assert [(each.name, each.label) for each in seen.attributes] == [("direction", expected)]
    unsure = await ask(place, "text_direction", line, min_confidence=1.0)
    assert (unsure.label, unsure.confidence, unsure.top) == (None, None, [])


@pytest.fixture(scope="module")
def caller() -> np.ndarray:
    """A man to his hips, with a hand at his ear."""
    found = sorted(SHARED_DATA.glob("hands/*.jpg"))
    if not found:
        pytest.skip(f"there are no photos of people in {SHARED_DATA}")
    return cv2.imread(str(found[0]))


async def test_the_points_of_a_person_cut_out(place: Workplace, caller: np.ndarray) -> None:
    seen = await ask(place, "pose_landmarks", caller)
    assert isinstance(seen, PosePrediction)
    [pose] = seen.poses
    points = {point.name: point for point in pose.keypoints}
    assert len(pose.keypoints) == len(points) == 33
    nose = (await ask(place, "centerface", caller)).objects[0].keypoints[2]
    assert (points["nose"].x, points["nose"].y) == pytest.approx((nose.x, nose.y), abs=0.06)
    assert points["nose"].visibility > 0.9 > points["left ankle"].visibility
    assert points["nose"].z is not None
    assert pose.confidence > 0.5
    assert (await ask(place, "pose_landmarks", np.full((200, 200, 3), 127, np.uint8))).poses == []


async def test_the_points_of_a_hand_are_those_of_the_landmarker(place: Workplace, hand_finder: HandFinder) -> None:
    image = cv2.imread(str(photo("nocurl")))
    [found] = hand_finder.find(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    [pose] = (await ask(place, "hand_landmarks", image)).poses
    points = np.array([(point.x, point.y) for point in pose.keypoints])
    assert np.abs(points - found.points[:, :2]).mean() < 0.05
    assert {point.visibility for point in pose.keypoints} == {None}
    [palm] = (await ask(place, "palm_detector", image)).objects
    assert (palm.label, palm.keypoints[0].name, pose.keypoints[0].name) == ("palm", "wrist", "wrist")
    assert (palm.keypoints[0].x, palm.keypoints[0].y) == pytest.approx(found.points[0, :2].tolist(), abs=0.1)


async def test_mirrored_pictures_are_answered_as_their_flipped_copies(
    place: Workplace, person: np.ndarray
) -> None:
    mirrored = await ask(place, "face_detector", person, mirror=True)
    assert mirrored == await ask(place, "face_detector", cv2.flip(person, 1))
    [there], [here] = mirrored.objects, (await ask(place, "face_detector", person)).objects
    assert there.box_normalised.x_min == pytest.approx(1 - here.box_normalised.x_max, abs=0.05)


async def test_thresholds_and_numbers_mean_what_they_say(place: Workplace, person: np.ndarray) -> None:
    everything = await ask(place, "person-ssdlite", person, min_confidence=0.0)
    assert len(everything.objects) > 1
    sure = [one.confidence for one in everything.objects]
    assert sure == sorted(sure, reverse=True)
    few = await ask(place, "person-ssdlite", person, min_confidence=0.0, top_k=2)
    assert few.objects == everything.objects[:2]
    least = sure[1]
    some = await ask(place, "person-ssdlite", person, min_confidence=least - 1e-7)
    assert len(some.objects) == 2
    assert (await ask(place, "person-ssdlite", person, min_confidence=1.0)).objects == []


async def test_outputs_nobody_can_read_come_as_they_are(place: Workplace, person: np.ndarray) -> None:
    spec = {"model": "pose_detector", "inputs": [data(png(person))]}
    context = await place.context(spec)
    [seen] = place.handler.run(context).predictions
    assert isinstance(seen, RawPrediction)
    large, small = seen.outputs
    assert (large.shape, large.data, large.artifact) == ([1, 2254, 12], None, "raw-0-Identity.npy")
    assert (small.shape, small.dtype, small.artifact) == ([1, 2254, 1], "float32", None)
    [kept] = context.artifacts
    assert kept.name == large.artifact
    entry = load_catalogue().by_name["pose_detector"]
    expected = plainly(entry, cv2.resize(person, (224, 224))[None].astype(np.float32))[1]
    told = np.frombuffer(base64.b64decode(small.data), "<f4").reshape(small.shape)
    assert np.abs(told - expected).max() < 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("model", ["person-ssdlite", "face_detector", "text_detector", "text_direction"])
async def test_drawings(place: Workplace, person: np.ndarray, model: str) -> None:
    image = page("DRAWN") if model == "text_detector" else person
    context = await place.context({"model": model, "inputs": [data(png(image))], "options": {"annotate": True}})
    result = place.handler.run(context)
    [artifact] = context.artifacts
    assert (artifact.name, artifact.media_type) == ("annotated-0.jpg", "image/jpeg")
    [key] = [key for key in place.artifacts.keys("jobs/") if context.job.id in key]
    drawn = cv2.imdecode(np.frombuffer(b"".join(place.artifacts.read(key)), np.uint8), cv2.IMREAD_COLOR)
    changed = np.abs(drawn.astype(int) - image).max(axis=2) > 60
    assert 0.001 < changed.mean() < 0.4
    assert result.timings.annotate_ms > 0


def shelve(place: Workplace, name: str, kind: str, content: bytes, frames: int = 1) -> None:
    """Into the library."""
    sha256 = hashlib.sha256(content).hexdigest()
    place.artifacts.put_bytes(content_key(sha256), content, "application/octet-stream")
    file = InstalledFile(
        name=f"{name}.{'tar' if kind == 'image_set' else 'png'}", size=len(content), sha256=sha256
    )
    numbers = {"width": 176, "height": 144, "fps": 0, "frames": frames, "duration_s": 0}
    texts = {"container": "", "codec": "png", "licence": "MIT", "installed_at": ""}
    place.beacon.add_medium(
        InstalledMedium(name=name, version=sha256[:16], kind=kind, file=file, **numbers, **texts)  # type: ignore[arg-type]
    )


async def test_images_of_the_library_are_looked_at(place: Workplace, person: np.ndarray) -> None:
    views = [person, cv2.flip(person, 1), np.zeros((9, 9, 3), np.uint8)]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for number, image in enumerate(views, 1):
            member = tarfile.TarInfo(f"{number:06}.png")
            member.size = len(png(image))
            tar.addfile(member, io.BytesIO(png(image)))
    shelve(place, "walk", "image_set", archive.getvalue(), frames=3)
    shelve(place, "driver", "photo", png(person))
    shelve(place, "bikes", "video", b"a film")
    inputs = [{"media": "driver"}, {"media": "walk"}, data(png(person))]
    context = await place.context({"model": "face_detector", "inputs": inputs, "options": {"annotate": True}})
    seen = place.handler.run(context).predictions
    assert [artifact.name for artifact in context.artifacts] == [f"annotated-{number}.jpg" for number in range(5)]
    assert seen[0] == seen[1] == seen[4]
    assert [len(one.objects) for one in seen] == [1, 1, 1, 0, 1]  # type: ignore[union-attr]
    assert seen[2] == await ask(place, "face_detector", views[1])
    with pytest.raises(InputUnreadable, match="bikes is a video"):
        await place.run({"model": "face_detector", "inputs": [{"media": "bikes"}]})


async def test_the_contracts_of_the_catalogue_are_the_files_own() -> None:
    for entry in NETWORKS:
        model = ov.Core().read_model(model_folder(entry.name) / entry.files[0].name)
        for told, found in ((entry.inputs, model.inputs), (entry.outputs, model.outputs)):
            assert len(told) == len(found), entry.name
            for ours, theirs in zip(told, found, strict=True):
                assert ours.name in theirs.get_names(), (entry.name, theirs.get_names())
                shape = [one.get_length() if one.is_static else -1 for one in theirs.partial_shape]
                assert ours.shape == shape, (entry.name, ours.name)
                assert ours.dtype == theirs.element_type.get_type_name(), (entry.name, ours.name)


async def test_a_recipe_that_does_not_fit_fails_the_job_with_the_reason(place: Workplace, tmp_path: Path) -> None:
    entry = load_catalogue().by_name["face_detector"]
    proc = {**entry.model_proc, "output_postproc": [{"converter": "mediapipe_boxes", "strides": [8]}]}
    odd = Catalogue([entry.model_copy(update={"model_proc": proc})])
    other = Workplace(tmp_path, odd)
    install_into(other.artifacts, other.beacon, ["face_detector"])
    with pytest.raises(ModelUnusable, match=r"input 0: face_detector: 896 rows of boxes, but 512 anchors"):
        await ask(other, "face_detector", np.zeros((8, 8, 3), np.uint8))
    (tmp_path / entry.files[0].name).write_bytes(b"no model")
    with pytest.raises(ModelUnusable, match="OpenVINO can't run face_detector on CPU"):
        load(entry, tmp_path, Host())


async def test_what_is_refused(place: Workplace) -> None:
    inputs = [data(png(page("A"))), data(b"no picture")]
    with pytest.raises(InputUnreadable, match="input 1 can't be decoded"):
        await place.run({"model": "face_detector", "inputs": inputs})
    with pytest.raises(ModelNotInstalled, match="yolo11n"):
        await place.run({"model": "yolo11n", "inputs": [data(png(page("A")))]})
    with pytest.raises(InputUnreadable, match="face_detector takes image, not sequence"):
        await place.run({"model": "face_detector", "inputs": [{"sequence": [{}]}]})


async def test_so_many_networks_stay_as_the_operator_says(tmp_path: Path, person: np.ndarray) -> None:
    place = Workplace(tmp_path, networks=2)
    install_into(place.artifacts, place.beacon, ["face_detector", "palm_detector", "hand_landmarks"])
    place.handler.warm(list(place.beacon.models().values()))
    assert place.handler.loaded() == [], "nobody asked for one yet"
    for model in ("face_detector", "palm_detector", "face_detector", "hand_landmarks"):
        await ask(place, model, person)
    assert place.handler.loaded() == ["face_detector", "hand_landmarks"]
    place.handler.warm(list(place.beacon.models().values()))
    assert place.handler.loaded() == ["face_detector", "hand_landmarks"]
    place.handler.close()
    assert place.handler.loaded() == []
