"""Pipelines as YAML files: nothing is lost on the way out and in, and every file that ships keeps the rules."""

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.services import shelf
from api.services.definitions import PipelinePlan, VariantPlan
from api.services.graphs import Graphs
from api.services.pipeline_files import Files, written
from api.services.shelf import made
from api.services.slugs import LONGEST, slug, unused
from shared.catalogue import load_catalogue
from shared.errors import InvalidSpec
from shared.graph.elements import shipped
from shared.graph.emitter import emit
from shared.graph.names import places
from shared.graph.parser import parse
from shared.media import load_media
from shared.pipelines import Pipeline
from shared.settings import PipelineSettings
from tests.support.graphs import corpus, texts

GRAPHS = Graphs(PipelineSettings())
FILES = Files(GRAPHS, {"models/yolo/yolo.xml": "yolo"}, {"bikes.mp4": "bikes"})
AT = datetime(2026, 1, 1, tzinfo=UTC)

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda text: bool(text.strip())
)


def pipeline_of(plan: PipelinePlan) -> Pipeline:
    return made(plan, slug(plan.name), "USER_CREATED", AT, GRAPHS)


def shape(pipeline: Pipeline) -> object:
    """What a file holds."""
    return (
        pipeline.name,
        pipeline.description,
        pipeline.tags,
        pipeline.thumbnail,
        [(variant.name, variant.pipeline_graph) for variant in pipeline.variants],
    )


@settings(max_examples=60)
@given(
    words,
    words,
    st.lists(words, max_size=3),
    st.sampled_from([None, "data:image/png;base64,AAAA"]),
    st.lists(st.tuples(words, texts() | st.sampled_from(sorted(corpus().values()))), min_size=1, max_size=3),
)
def test_what_was_written_is_read_again(
    name: str, description: str, tags: list[str], thumbnail: str | None, variants: list[tuple[str, str]]
) -> None:
    # Written once already: a name that only a reference needs is invented then.
    plans = [VariantPlan(each, parse(emit(parse(text))), "") for each, text in variants]
    before = pipeline_of(PipelinePlan(name, description, tags, thumbnail, plans))

    plan, told = Files(GRAPHS, {}, {}).read(written(before))

    if not any("/" in place.value for each in plans for place in places(each.graph)):
        assert told == []
        assert shape(pipeline_of(plan)) == shape(before)
    assert [each.name for each in plan.variants] == [each for each, _ in variants]


@given(st.text(max_size=100), st.lists(st.sampled_from(["a", "yard", "x" * 64, "a-b"]), max_size=5))
def test_ids_are_made_from_names(name: str, taken: list[str]) -> None:
    found = unused(slug(name), taken)
    assert found not in taken
    assert len(found) <= LONGEST
    assert slug(found) == found


def test_known_paths_become_names_and_their_companions_go() -> None:
    text = "filesrc location=/any/bikes.mp4 ! gvadetect model=/x/yolo/yolo.xml model-proc=/x/yolo.json ! fakesink"
    graph, told = FILES.named(parse(text))
    assert emit(graph) == "filesrc location=bikes ! gvadetect model=yolo ! fakesink"
    assert told == []


FOLDERS = [("pipelines", "PREDEFINED", 8), ("templates", "TEMPLATE", 3)]


@pytest.mark.parametrize(("folder", "source", "least"), FOLDERS)
def test_what_ships_keeps_the_rules(folder: str, source: str, least: int) -> None:
    found = shelf.shipped(shelf.LIBRARY / folder, source, GRAPHS, Files(GRAPHS, {}, {}))  # type: ignore[arg-type]
    assert len(found) >= least
    for pipeline in found.values():
        assert [each for each in ("cpu", "gpu") if each not in {variant.id for variant in pipeline.variants}] == []
        for variant in pipeline.variants:
            assert GRAPHS.broken(variant.pipeline_graph) == [], (pipeline.id, variant.id)
            assert sum(node.name == "default_output_sink" for node in variant.pipeline_graph.nodes) == 1
    assert sum("npu" in {variant.id for variant in each.variants} for each in found.values()) >= least


def test_what_ships_names_media_and_most_models_of_the_catalogue() -> None:
    found = shelf.shipped(shelf.LIBRARY / "pipelines", "PREDEFINED", GRAPHS, Files(GRAPHS, {}, {}))
    models, media = load_catalogue().by_name, load_media().by_name
    able = set[str]()
    for pipeline in found.values():
        named = [place for variant in pipeline.variants for place in places(variant.pipeline_graph)]
        assert {place.value for place in named if place.named == "media"} <= media.keys()
        if {place.value for place in named if place.named == "model"} <= models.keys():
            able.add(pipeline.id)
        else:
            assert "catalogue" in pipeline.description
    assert len(able) >= 7


def test_variants_name_the_devices_they_are_called_after() -> None:
    elements = shipped().by_type
    for folder, source, _ in FOLDERS:
        for pipeline in shelf.shipped(shelf.LIBRARY / folder, source, GRAPHS, Files(GRAPHS, {}, {})).values():  # type: ignore[arg-type]
            for variant in pipeline.variants:
                devices = {
                    node.data["device"]
                    for node in variant.pipeline_graph.nodes
                    if not node.is_caps and "model" in elements[node.type].names.values()
                }
                assert devices <= set(variant.name.split("_")), (pipeline.id, variant.id)


def test_what_ships_has_small_thumbnails() -> None:
    for folder, source, _ in FOLDERS:
        for pipeline in shelf.shipped(shelf.LIBRARY / folder, source, GRAPHS, Files(GRAPHS, {}, {})).values():  # type: ignore[arg-type]
            head, _, data = (pipeline.thumbnail or "").partition(",")
            assert head == "data:image/webp;base64", pipeline.id
            picture = base64.b64decode(data)
            assert picture[:4] + picture[8:12] == b"RIFFWEBP"
            assert len(picture) <= 10_000


def test_a_picture_beside_a_file_is_its_thumbnail(tmp_path: Path) -> None:
    (tmp_path / "yard.png").write_bytes(b"\x89PNG")
    (tmp_path / "yard.yaml").write_text(
        "name: Yard\ndefinition: d\nthumbnail: yard.png\n"
        "variants: [{name: CPU, pipeline_description: videotestsrc ! fakesink}]\n"
    )
    (found,) = shelf.shipped(tmp_path, "PREDEFINED", GRAPHS, FILES).values()
    assert found.thumbnail == "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()


@pytest.mark.parametrize("thumbnail", ["data:text/html;base64,AAAA", "data:image/png;base64,?"])
def test_a_thumbnail_in_a_file_must_be_a_picture_too(thumbnail: str) -> None:
    text = written(pipeline_of(PipelinePlan("n", "d", [], thumbnail, [VariantPlan("v", parse("a"), "")])))
    with pytest.raises(InvalidSpec) as caught:
        FILES.read(text)
    assert [pointer for pointer, _ in caught.value.broken] == ["/thumbnail"]
