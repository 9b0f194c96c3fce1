"""A gateway's log at its most talkative: no secret of ours, no signature and no token is in it."""

import base64
import secrets
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from pydantic import SecretStr

from shared.access import new_token
from shared.adapters.links import LinkSigner
from shared.settings import Settings
from tests.support.gateway import SPEC
from tests.support.gateway_process import gateway_process

pytestmark = pytest.mark.service


def test_nothing_secret_is_logged(settings: Settings, tmp_path: Path):
    admin, link_key = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    signing = base64.b64encode(secrets.token_bytes(32)).decode()
    (_, wrong), (_, in_query) = new_token(), new_token()
    environment = {
        "FRAMELANE_LOG__LEVEL": "DEBUG",
        "FRAMELANE_LOG__FORMAT": "json",
        "FRAMELANE_AUTH__MODE": "keys",
        "FRAMELANE_AUTH__ADMIN_KEY": admin,
        "FRAMELANE_ARTIFACTS__LINK_KEY": link_key,
        "FRAMELANE_CALLBACKS__SECRET": f"whsec_{signing}",
    }
    link = LinkSigner(SecretStr(link_key)).link("jobs/1/0/a.txt", 300, "a.txt")
    signature = parse_qs(urlsplit(link).query)["signature"][0]
    with gateway_process(settings, tmp_path, environment=environment) as serving:
        known = {"Authorization": f"Bearer {admin}"}
        with httpx2.Client(base_url=serving.url) as client:
            said = [
                client.post("/api/v1/jobs", json=SPEC, headers=known),
                client.post("/api/v1/jobs", content=b"{", headers=known | {"Content-Type": "application/json"}),
                client.post("/api/v1/jobs", json={**SPEC, "callback_url": f"http://u:{wrong}@x/"}, headers=known),
                client.get("/api/v1/jobs", headers={"Authorization": f"Bearer {wrong}"}),
                client.get("/api/v1/jobs", headers={"Authorization": f"Basic {wrong}"}),
                client.get(f"/api/v1/jobs?token={in_query}"),
                client.delete(f"/api/v1/models/none?key={in_query}", headers=known),
                client.get(link),
                client.get(link.replace("a.txt?", "b.txt?")),
                client.get(f"{link}%00"),
            ]
            made = client.post("/api/v1/keys", json={"name": "x", "role": "viewer"}, headers=known)
            audit = client.get("/api/v1/audit", headers=known)
        assert made.status_code == 201, made.text
        assert [each.status_code for each in said[3:6]] == [401, 401, 401]
    log = serving.log.read_text()
    assert "listening" in log or "Uvicorn running" in log
    hidden = (admin, link_key, signing, wrong, in_query, signature, made.json()["token"])
    for text in (log, audit.text, *(each.text for each in said)):
        assert [each for each in hidden if each in text] == []
