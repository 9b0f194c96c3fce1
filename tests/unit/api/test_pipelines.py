"""The registry as a client sees it: what ships, what users make of it, and nobody undoing another's change."""

import asyncio

import httpx2
import pytest

from api.services.definitions import MAX_THUMBNAIL
from tests.support.gateway import House, calling
from tests.support.registry import FOREIGN, GRAPH, PICTURE, PIPELINES, YARD, made, told


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


async def test_an_operator_extends_what_may_be_saved() -> None:
    from shared.settings import PipelineSettings, Settings

    house = House(Settings(pipelines=PipelineSettings(allow=["my-own"])))
    body = YARD | {"variants": [{"name": "x", "pipeline_description": "videotestsrc ! my-own ! fakesink"}]}
    async with calling(House()) as client:
        told(await client.post(PIPELINES, json=body), 422)
    async with calling(house) as client:
        assert (await client.post(PIPELINES, json=body)).status_code == 201
