"""The registry as a client sees it: what ships, what users make of it, and nobody undoing another's change."""

import asyncio
import base64
from typing import Any

import httpx2
import pytest
import yaml

from api.services.definitions import MAX_THUMBNAIL
from tests.support.gateway import House, calling

PIPELINES = "/api/v1/pipelines"
TEXT = "filesrc location=bikes ! decodebin3 ! gvadetect model=person-ssdlite ! gvawatermark ! fakesink"
GRAPH: dict[str, Any] = {
    "nodes": [
        {"id": "0", "type": "videotestsrc", "data": {}},
        {"id": "1", "type": "queue", "data": {}},
        {"id": "2", "type": "fakesink", "data": {}},
    ],
    "edges": [{"id": "0", "source": "0", "target": "1"}, {"id": "1", "source": "1", "target": "2"}],
}
FOREIGN = {
    **GRAPH,
    "nodes": [{"id": "0", "type": "filesrc", "data": {"location": "/etc/passwd"}}, *GRAPH["nodes"][1:]],
}
YARD: dict[str, Any] = {
    "name": "Yard & Gate",
    "description": "What goes on there",
    "tags": ["Outside"],
    "variants": [{"name": "CPU", "pipeline_description": TEXT}],
}
PICTURE = "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()


def told(answer: httpx2.Response, status: int, code: str = "invalid-spec") -> dict[str, str]:
    """What a problem says, by pointer."""
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:framelane:error:{code}"), answer.text
    return {error["pointer"]: error["message"] for error in answer.json().get("errors", [])}


async def made(client: httpx2.AsyncClient, **changes: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """A new pipeline, and the header to change it with."""
    answer = await client.post(PIPELINES, json=YARD | changes)
    assert answer.status_code == 201, answer.text
    return answer.json(), {"If-Match": answer.headers["etag"]}


async def test_what_ships_is_listed_and_shown(client: httpx2.AsyncClient) -> None:
    listed = (await client.get(PIPELINES)).json()["pipelines"]
    assert len(listed) >= 8
    for each in listed:
        assert each["source"] == "PREDEFINED"
        assert all(variant["read_only"] for variant in each["variants"])
        one = await client.get(f"{PIPELINES}/{each['id']}")
        assert one.json() == each
        assert one.headers["etag"].startswith('"')


async def test_models_tell_which_pipelines_name_them(client: httpx2.AsyncClient) -> None:
    pipeline, _ = await made(client)
    used = (await client.get("/api/v1/models/person-ssdlite")).json()["used_by_pipelines"]
    assert {"person-detection", "person-tracking", pipeline["id"]} <= set(used)
    listed = {
        each["name"]: each["used_by_pipelines"] for each in (await client.get("/api/v1/models")).json()["models"]
    }
    assert listed["person-ssdlite"] == used
    assert listed["asl"] == []


async def test_templates_are_apart(client: httpx2.AsyncClient) -> None:
    templates = (await client.get("/api/v1/pipeline-templates")).json()["templates"]
    assert len(templates) >= 3
    for each in templates:
        assert each["source"] == "TEMPLATE"
        assert (await client.get(f"/api/v1/pipeline-templates/{each['id']}")).json() == each
        told(await client.get(f"{PIPELINES}/{each['id']}"), 404, "pipeline-not-found")
    told(await client.get("/api/v1/pipeline-templates/none"), 404, "pipeline-not-found")


async def test_a_pipeline_is_made_found_and_forgotten(client: httpx2.AsyncClient) -> None:
    answer = await client.post(PIPELINES, json=YARD)
    pipeline = answer.json()
    assert (answer.status_code, pipeline["id"], pipeline["source"]) == (201, "yard-gate", "USER_CREATED")
    assert answer.headers["location"].endswith("/api/v1/pipelines/yard-gate")
    (variant,) = pipeline["variants"]
    assert (variant["id"], variant["read_only"]) == ("cpu", False)
    assert [node["type"] for node in variant["pipeline_graph_simple"]["nodes"]] == [
        "source",
        "gvadetect",
        "fakesink",
    ]

    assert (await client.get(f"{PIPELINES}/yard-gate")).json() == pipeline
    tagged = (await client.get(PIPELINES, params={"tag": "Outside"})).json()["pipelines"]
    assert tagged == [pipeline]

    gone = await client.delete(f"{PIPELINES}/yard-gate", headers={"If-Match": answer.headers["etag"]})
    assert gone.status_code == 204
    told(await client.get(f"{PIPELINES}/yard-gate"), 404, "pipeline-not-found")


async def test_every_gateway_knows_it(client: httpx2.AsyncClient, house: House) -> None:
    pipeline, _ = await made(client)
    async with calling(house) as another:
        assert (await another.get(f"{PIPELINES}/{pipeline['id']}")).json() == pipeline


async def test_equal_names_get_ids_of_their_own(client: httpx2.AsyncClient) -> None:
    found = [(await made(client, name=name))[0]["id"] for name in ("Yard", "yard!", "Person Detection", "寿司")]
    assert found[0] == "yard"
    assert found[1].startswith("yard-")
    assert found[2].startswith("person-detection-")
    assert found[3] == "unnamed"
    variants = [{"name": name, "pipeline_graph": GRAPH} for name in ("GPU", "gpu", "GPU(WSL)")]
    pipeline, _ = await made(client, variants=variants)
    ids = [variant["id"] for variant in pipeline["variants"]]
    assert (ids[0], ids[2]) == ("gpu", "gpu-wsl")
    assert ids[1].startswith("gpu-")


async def test_everything_wrong_with_a_pipeline_is_told_at_once(client: httpx2.AsyncClient) -> None:
    variants = [
        {"name": "CPU", "pipeline_graph": FOREIGN},
        {"name": "GPU", "pipeline_description": "filesrc location=/etc/passwd ! gvapython module=x.py ! fakesink"},
        {"name": "NPU", "pipeline_description": "videotestsrc ! ! fakesink"},
    ]
    broken = told(await client.post(PIPELINES, json=YARD | {"variants": variants}), 422)
    assert broken.keys() == {
        "/variants/0/pipeline_graph/nodes/0/data/location",
        "/variants/1/pipeline_description",
        "/variants/2/pipeline_description",
    }
    assert "line 1, column 16" in broken["/variants/2/pipeline_description"]
    broken = told(
        await client.post(PIPELINES, json={"name": " ", "tags": [""], "variants": [{"name": "x"}], "x": 1}), 422
    )
    assert broken.keys() == {"/name", "/description", "/tags/0", "/variants/0", "/x"}


@pytest.mark.parametrize(
    "thumbnail",
    [
        "yard.png",
        "https://example.org/x.png",
        "data:image/svg+xml;base64,AAAA",
        "data:image/png;base64,?",
        PICTURE + "A" * MAX_THUMBNAIL,
    ],
    ids=["a name", "an address", "a drawing with scripts", "rubbish", "too large"],
)
async def test_a_thumbnail_is_a_small_picture(client: httpx2.AsyncClient, thumbnail: str) -> None:
    assert told(await client.post(PIPELINES, json=YARD | {"thumbnail": thumbnail}), 422).keys() == {"/thumbnail"}


async def test_what_is_named_is_changed_and_nothing_else(client: httpx2.AsyncClient) -> None:
    before, match = await made(client, thumbnail=PICTURE)
    url = f"{PIPELINES}/{before['id']}"
    answer = await client.patch(url, json={"tags": ["In"], "thumbnail": None}, headers=match)
    after = answer.json()
    assert answer.status_code == 200
    assert answer.headers["etag"] != match["If-Match"]
    differing = {key for key in before if before[key] != after[key]}
    assert differing == {"tags", "thumbnail", "modified_at", "version"}
    for body in ({}, {"name": None}, {"variants": []}):
        told(await client.patch(url, json=body, headers={"If-Match": "*"}), 422)
    assert (await client.get(url)).json() == after


async def test_no_change_undoes_one_that_was_not_seen(client: httpx2.AsyncClient) -> None:
    pipeline, match = await made(client)
    url = f"{PIPELINES}/{pipeline['id']}"
    asked = [
        lambda headers: client.patch(url, json={"name": "x"}, headers=headers),
        lambda headers: client.delete(url, headers=headers),
        lambda headers: client.patch(f"{url}/variants/cpu", json={"name": "x"}, headers=headers),
        lambda headers: client.delete(f"{url}/variants/cpu", headers=headers),
    ]
    for ask in asked:
        told(await ask({}), 428, "precondition-required")
    assert (await client.patch(url, json={"name": "Other"}, headers=match)).status_code == 200
    for ask in asked:
        told(await ask(match), 412, "pipeline-changed")
    stale = await client.post(f"{url}/variants", json={"name": "GPU", "pipeline_graph": GRAPH}, headers=match)
    told(stale, 412, "pipeline-changed")
    fresh = {"If-Match": f'"x", {(await client.get(url)).headers["etag"]}'}
    assert (await client.patch(url, json={"name": "Third"}, headers=fresh)).status_code == 200


async def test_of_two_changes_at_once_one_is_told_to_look_again(client: httpx2.AsyncClient) -> None:
    pipeline, match = await made(client)
    url = f"{PIPELINES}/{pipeline['id']}"
    answers = await asyncio.gather(*(client.patch(url, json={"name": str(n)}, headers=match) for n in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7


async def test_a_pipeline_made_anew_is_another(client: httpx2.AsyncClient) -> None:
    pipeline, match = await made(client)
    url = f"{PIPELINES}/{pipeline['id']}"
    await client.delete(url, headers=match)
    again, _ = await made(client)
    assert again["id"] == pipeline["id"]
    told(await client.delete(url, headers=match), 412, "pipeline-changed")


async def test_what_ships_stays_as_it_is(client: httpx2.AsyncClient) -> None:
    url = f"{PIPELINES}/person-detection"
    before = (await client.get(url)).json()
    match = {"If-Match": "*"}
    for answer in (
        await client.patch(url, json={"name": "x"}, headers=match),
        await client.delete(url, headers=match),
        await client.delete(url),
        await client.post(f"{url}/variants", json={"name": "x", "pipeline_graph": GRAPH}),
        await client.patch(f"{url}/variants/cpu", json={"name": "x"}, headers=match),
        await client.delete(f"{url}/variants/cpu", headers=match),
    ):
        told(answer, 409, "pipeline-read-only")
    assert (await client.get(url)).json() == before


async def test_a_variant_is_added_changed_and_removed(client: httpx2.AsyncClient) -> None:
    pipeline, _ = await made(client)
    url = f"{PIPELINES}/{pipeline['id']}/variants"
    body = {"name": "GPU (new)", "pipeline_graph": GRAPH, "pipeline_graph_simple": {"nodes": [], "edges": []}}
    added = await client.post(url, json=body)
    variant = added.json()
    assert (added.status_code, variant["id"]) == (201, "gpu-new")
    assert [node["type"] for node in variant["pipeline_graph_simple"]["nodes"]] == ["videotestsrc", "fakesink"]

    match = {"If-Match": added.headers["etag"]}
    changed = await client.patch(f"{url}/gpu-new", json={"name": "GPU"}, headers=match)
    assert changed.json() | {"modified_at": ""} == variant | {"name": "GPU", "modified_at": ""}
    match = {"If-Match": changed.headers["etag"]}
    gone = await client.delete(f"{url}/gpu-new", headers=match)
    assert (gone.status_code, gone.content) == (204, b"")
    told(
        await client.delete(f"{url}/gpu-new", headers={"If-Match": gone.headers["etag"]}),
        404,
        "pipeline-not-found",
    )
    last = told(await client.delete(f"{url}/cpu", headers={"If-Match": "*"}), 422)
    assert "last variant" in last[""]


async def test_variants_added_at_once_are_all_kept(client: httpx2.AsyncClient) -> None:
    pipeline, _ = await made(client)
    url = f"{PIPELINES}/{pipeline['id']}"
    bodies = [{"name": f"V{n}", "pipeline_graph": GRAPH} for n in range(6)]
    answers = await asyncio.gather(*(client.post(f"{url}/variants", json=body) for body in bodies))
    assert [answer.status_code for answer in answers] == [201] * 6
    assert {each["id"] for each in (await client.get(url)).json()["variants"]} == {
        "cpu",
        *(f"v{n}" for n in range(6)),
    }


async def test_each_view_is_made_from_the_other(client: httpx2.AsyncClient) -> None:
    pipeline, _ = await made(client)
    url = f"{PIPELINES}/{pipeline['id']}/variants/cpu"
    any_version = {"If-Match": "*"}
    (variant,) = pipeline["variants"]

    simple = variant["pipeline_graph_simple"]
    simple["nodes"][0]["data"]["source"] = "carphone"
    simple["nodes"][1]["data"] |= {"threshold": "0.7"}
    after = (await client.patch(url, json={"pipeline_graph_simple": simple}, headers=any_version)).json()
    assert after["pipeline_graph_simple"] == simple
    assert after["pipeline_graph"]["nodes"][0]["data"] == {"location": "carphone"}
    assert after["pipeline_graph"]["nodes"][2]["data"] == {"model": "person-ssdlite", "threshold": "0.7"}
    assert after["pipeline_graph"]["nodes"][3] == variant["pipeline_graph"]["nodes"][3], "what isn't shown stays"

    after = (await client.patch(url, json={"pipeline_graph": GRAPH}, headers=any_version)).json()
    assert after["pipeline_graph"] == GRAPH
    assert after["pipeline_graph_simple"]["edges"] == [{"id": "0", "source": "0", "target": "2"}]

    both = {"pipeline_graph": GRAPH, "pipeline_graph_simple": simple}
    told(await client.patch(url, json=both, headers=any_version), 422)
    told(await client.patch(url, json={}, headers=any_version), 422)
    broken = told(await client.patch(url, json={"pipeline_graph": FOREIGN}, headers=any_version), 422)
    assert broken.keys() == {"/pipeline_graph/nodes/0/data/location"}
    edited = {"nodes": [{"id": "7", "type": "tee"}], "edges": []}
    broken = told(await client.patch(url, json={"pipeline_graph_simple": edited}, headers=any_version), 422)
    assert "/pipeline_graph_simple/nodes/0" in broken
    assert (await client.get(f"{PIPELINES}/{pipeline['id']}")).json()["variants"][0] == after


async def test_views_are_converted_without_being_kept(client: httpx2.AsyncClient) -> None:
    url = f"{PIPELINES}/person-detection/variants/cpu"
    before = (await client.get(f"{PIPELINES}/person-detection")).json()
    variant = before["variants"][0]
    answer = await client.post(f"{url}/convert-to-simple", json=variant["pipeline_graph"])
    assert answer.json() == variant["pipeline_graph_simple"]
    simple = variant["pipeline_graph_simple"]
    simple["nodes"][1]["data"]["threshold"] = "0.9"
    advanced = (await client.post(f"{url}/convert-to-advanced", json=simple)).json()
    assert advanced["nodes"][2]["data"]["threshold"] == "0.9"
    simple["nodes"][1]["type"] = "gvaclassify"
    assert told(await client.post(f"{url}/convert-to-advanced", json=simple), 422).keys() == {"/nodes/1/type"}
    lost = {"nodes": [], "edges": [{"id": "0", "source": "a", "target": "b"}]}
    broken = told(await client.post(f"{url}/convert-to-simple", json=lost), 422)
    assert broken.keys() == {"/edges/0/source", "/edges/0/target"}
    told(await client.post(f"{url}x/convert-to-simple", json=GRAPH), 404, "pipeline-not-found")
    told(await client.post(f"{url}x/convert-to-advanced", json=GRAPH), 404, "pipeline-not-found")


async def test_texts_and_graphs_are_converted_and_what_would_be_refused_is_told(
    client: httpx2.AsyncClient,
) -> None:
    text = "filesrc location=/etc/passwd ! queue ! my-own ! fakesink"
    answer = await client.post("/api/v1/convert/to-graph", json={"pipeline_description": text})
    found = answer.json()
    assert answer.status_code == 200
    assert [node["type"] for node in found["pipeline_graph"]["nodes"]] == [
        "filesrc",
        "queue",
        "my-own",
        "fakesink",
    ]
    assert [node["type"] for node in found["pipeline_graph_simple"]["nodes"]] == ["source", "fakesink"]
    pointers = [warning["pointer"] for warning in found["warnings"]]
    assert pointers == ["/pipeline_graph/nodes/0/data/location", "/pipeline_graph/nodes/2/type"]

    back = await client.post("/api/v1/convert/to-description", json={"pipeline_graph": found["pipeline_graph"]})
    assert back.json() == {"pipeline_description": text, "warnings": found["warnings"]}

    said = told(
        await client.post("/api/v1/convert/to-graph", json={"pipeline_description": "a ! ! b"}),
        422,
        "pipeline-unreadable",
    )
    assert "line 1, column 5" in said["/pipeline_description"]
    odd = {"nodes": [{"id": "0", "type": "no such"}], "edges": []}
    said = told(await client.post("/api/v1/convert/to-description", json={"pipeline_graph": odd}), 422)
    assert said.keys() == {"/pipeline_graph/nodes/0/type"}


async def test_bodies_are_what_they_say(client: httpx2.AsyncClient) -> None:
    told(await client.post(PIPELINES, content=b"{}"), 415, "unsupported-media-type")
    json_header, yaml_header = {"content-type": "application/json"}, {"content-type": "text/yaml"}
    told(await client.post(PIPELINES, content=b"{", headers=json_header), 400, "malformed-json")
    told(
        await client.post(f"{PIPELINES}/import", content=b"{}", headers=json_header), 415, "unsupported-media-type"
    )
    for rubbish in (b"a: [", b"\xff", b"[" * 100_000, b"{2000-99-99: 1}"):
        told(await client.post(f"{PIPELINES}/import", content=rubbish, headers=yaml_header), 400, "malformed-yaml")
    told(await client.post(f"{PIPELINES}/import", content=b"- 1", headers=yaml_header), 422)
    huge = b"#" * 600_000
    told(await client.post(f"{PIPELINES}/import", content=huge, headers=yaml_header), 413, "body-too-large")


async def test_a_file_goes_out_and_comes_in_the_same(client: httpx2.AsyncClient) -> None:
    before, _ = await made(client, thumbnail=PICTURE, description="two\nlines: é # not a comment")
    answer = await client.get(f"{PIPELINES}/{before['id']}/export")
    assert answer.headers["content-type"].startswith("application/yaml")
    assert yaml.safe_load(answer.text)["variants"] == [{"name": "CPU", "pipeline_description": TEXT}]
    imported = await client.post(
        f"{PIPELINES}/import", content=answer.content, headers={"content-type": "application/yaml"}
    )
    after = imported.json()
    assert (imported.status_code, after["notes"]) == (201, [])
    assert after["id"] != before["id"]
    for key in ("name", "description", "tags", "thumbnail"):
        assert after[key] == before[key]
    assert after["variants"][0]["pipeline_graph"] == before["variants"][0]["pipeline_graph"]


FILE_OF_ANOTHER_SYSTEM = """
name: Yard
definition: Made elsewhere
tags: [Smart Cities]
thumbnail: thumbnails/yard.png
benchmark: {stable: true}
variants:
  - name: CPU
    pipeline_description: >-
      filesrc location=/videos/input/bikes.mp4 ! decodebin3 !
      gvadetect model=/models/output/yolo/FP16/yolo11n.xml model-proc=/models/output/yolo11n.json device=CPU !
      gvametapublish file-path=/tmp/records.jsonl ! fakesink name=default_output_sink
"""


async def test_paths_of_another_system_become_names(client: httpx2.AsyncClient) -> None:
    answer = await client.post(
        f"{PIPELINES}/import", content=FILE_OF_ANOTHER_SYSTEM, headers={"content-type": "application/x-yaml"}
    )
    assert answer.status_code == 201, answer.text
    data = [node["data"] for node in answer.json()["variants"][0]["pipeline_graph"]["nodes"]]
    assert data[0] == {"location": "bikes"}
    assert data[2] == {"model": "yolo11n", "device": "CPU"}
    assert data[3] == {"file-path": "records.jsonl"}
    notes = answer.json()["notes"]
    assert any("yolo11n.xml" in note for note in notes)
    assert any("benchmark" in note for note in notes)
    assert any("thumbnail" in note for note in notes)


async def test_an_imported_file_must_keep_the_rules_too(client: httpx2.AsyncClient) -> None:
    text = FILE_OF_ANOTHER_SYSTEM.replace("decodebin3", "gvapython module=/x.py")
    answer = await client.post(f"{PIPELINES}/import", content=text, headers={"content-type": "application/yaml"})
    said = told(answer, 422)
    assert "element 2, gvapython" in said["/variants/0/pipeline_description"]
    document = {"name": 7, "definition": "", "variants": [{"name": "x"}]}
    answer = await client.post(
        f"{PIPELINES}/import", content=yaml.safe_dump(document), headers={"content-type": "application/yaml"}
    )
    assert told(answer, 422).keys() == {"/name", "/definition", "/variants/0/pipeline_description"}


async def test_an_operator_extends_what_may_be_saved() -> None:
    from shared.settings import PipelineSettings, Settings

    house = House(Settings(pipelines=PipelineSettings(allow=["my-own"])))
    body = YARD | {"variants": [{"name": "x", "pipeline_description": "videotestsrc ! my-own ! fakesink"}]}
    async with calling(House()) as client:
        told(await client.post(PIPELINES, json=body), 422)
    async with calling(house) as client:
        assert (await client.post(PIPELINES, json=body)).status_code == 201
