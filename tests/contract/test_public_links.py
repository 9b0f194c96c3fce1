"""Links of an S3 server: by another name than ours, and with a key of their own."""

from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from pydantic import SecretStr

from shared.adapters.s3_artifacts import S3ArtifactStore
from shared.errors import StoreUnavailable
from shared.settings import ArtifactSettings
from tests.support.polling import eventually
from tests.support.servers import S3Server

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


@pytest.fixture
def lent(s3_settings: ArtifactSettings) -> ArtifactSettings:
    """Links are signed by somebody who may only read."""
    own = {"link_access_key": S3Server.reader_key, "link_secret_key": SecretStr(S3Server.reader_secret)}
    return s3_settings.model_copy(update=own)


def test_links_are_signed_by_the_key_for_links(lent: ArtifactSettings):
    store = S3ArtifactStore(lent)
    store.ping()
    store.put_bytes("jobs/1/a.html", b"hello", "text/html")
    store.put_bytes("jobs/2/b.html", b"another's", "text/html")
    link = store.link("jobs/1/a.html", 60, "a.html")

    asked = parse_qs(urlsplit(link).query)
    assert asked["X-Amz-Credential"][0].startswith(f"{S3Server.reader_key}/")
    assert S3Server.access_key not in link
    assert int(asked["X-Amz-Expires"][0]) <= 900
    answer = urllib3.request("GET", link)
    assert (answer.status, answer.data) == (200, b"hello")
    assert answer.headers["content-disposition"].startswith("attachment;")

    assert urllib3.request("GET", link.replace("jobs/1/a.html", "jobs/2/b.html")).status == 403
    assert urllib3.request("GET", link.replace("attachment", "inline")).status == 403
    for method in ("PUT", "DELETE", "POST"):
        assert urllib3.request(method, link, body=b"x").status in {400, 403, 405}, method
    assert store.stat("jobs/1/a.html").size == 5
    store.close()


def test_the_key_for_links_can_change_nothing(lent: ArtifactSettings):
    owner = S3ArtifactStore(lent)
    owner.ping()
    owner.put_bytes("jobs/1/a", b"hello", "text/plain")
    stolen = lent.model_copy(update={"access_key": lent.link_access_key, "secret_key": lent.link_secret_key})
    thief = S3ArtifactStore(stolen)
    with pytest.raises(StoreUnavailable, match="AccessDenied"):
        thief.put_bytes("jobs/1/a", b"other", "text/plain")
    with pytest.raises(StoreUnavailable, match="AccessDenied"):
        thief.delete("jobs/1/a")
    with pytest.raises(StoreUnavailable, match="AccessDenied"):
        thief.keys("")
    assert owner.stat("jobs/1/a").size == 5
    for each in (owner, thief):
        each.close()


def test_a_link_is_over_in_time(lent: ArtifactSettings):
    store = S3ArtifactStore(lent)
    store.ping()
    store.put_bytes("a", b"hello", "text/plain")
    link = store.link("a", 1, "a")
    answer = eventually(lambda: None if (got := urllib3.request("GET", link)).status == 200 else got)
    assert answer.status == 403
    store.close()
