"""Files of pipelines go out and come in, also those of other systems."""

import httpx2
import yaml

from tests.support.registry import PICTURE, PIPELINES, TEXT, made, told


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
