"""Variants of a pipeline, their two views, and what is converted without being kept."""

import asyncio

import httpx2

from tests.support.registry import FOREIGN, GRAPH, PIPELINES, made, told


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
