"""Links of an S3 server that clients reach by another name than we do."""

import pytest
import urllib3

from shared.adapters.s3_artifacts import S3ArtifactStore
from shared.settings import ArtifactSettings

pytestmark = pytest.mark.service


def test_links_lead_to_the_name_that_clients_know(s3_settings: ArtifactSettings):
    port = s3_settings.endpoint.rpartition(":")[2]
    public = f"http://localhost:{port}"
    store = S3ArtifactStore(s3_settings.model_copy(update={"public_url": public}))
    store.ping()
    store.put_bytes("jobs/1/a.txt", b"hello", "text/plain")

    link = store.link("jobs/1/a.txt", 60, "a.txt")
    assert link.startswith(f"{public}/")
    assert urllib3.request("GET", link).data == b"hello"

    form = store.upload_form("jobs/1/b.txt", 3, 60)
    assert form is not None
    assert form.url.startswith(f"{public}/")
    fields = {**form.fields, "file": ("b.txt", b"abc", "text/plain")}
    assert urllib3.request("POST", form.url, fields=fields).status in {200, 201, 204}
    assert store.stat("jobs/1/b.txt").size == 3
    store.close()
