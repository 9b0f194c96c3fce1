"""Files of Hugging Face repositories."""

import os
import re
import ssl
from pathlib import Path

import httpx2
from huggingface_hub import (
    constants,
    get_hf_file_metadata,  # pyright: ignore[reportUnknownVariableType] - a bare dict
    hf_hub_url,
    set_client_factory,
)
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.file_download import HfFileMetadata
from huggingface_hub.utils import (
    build_hf_headers,  # pyright: ignore[reportUnknownVariableType] - a bare dict
    get_token,
)

from shared.errors import SourceUnavailable
from shared.sources import HubSource, describe
from workers.dialing import awaited
from workers.hubs import HubTools, Meter, Origin
from workers.hubs.transfer import Transfers

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


class HuggingFaceHub:
    """The library names files and knows tokens; the bytes come as those of any address do.

    ``HF_ENDPOINT`` names another hub, ``HF_TOKEN`` who asks, as everywhere with that library.
    """

    def __init__(self, tools: HubTools) -> None:
        self._endpoint = (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")
        self._transfers = Transfers(tools, self._endpoint)
        set_client_factory(_client)

    def fetch(self, source: HubSource, target: Path, meter: Meter) -> Origin:
        """See the port. A branch or tag becomes the commit it names now; of large files the hub tells a sha256."""
        about = awaited(lambda: self._about(source), lambda: meter.transferred(0, None))
        found = source.model_copy(update={"revision": about.commit_hash or source.revision})
        headers = build_hf_headers(token=get_token() or False)
        arrived = self._transfers.fetch(self._url(found), target, meter, describe(found), headers)
        told = about.etag if about.etag and _SHA256.match(about.etag) else None
        return Origin(describe(found), arrived.sum, told, arrived.resumed)

    def _about(self, source: HubSource) -> HfFileMetadata:
        try:
            return get_hf_file_metadata(self._url(source), token=get_token() or False, endpoint=self._endpoint)
        except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
            said = str(error).strip().splitlines()
            raise SourceUnavailable(f"{describe(source)}: {said[0] if said else type(error).__name__}") from error

    def _url(self, source: HubSource) -> str:
        return hf_hub_url(source.hf_repo, source.member, revision=source.revision, endpoint=self._endpoint)


def _client() -> httpx2.Client:
    """It trusts what this machine trusts."""
    return httpx2.Client(verify=ssl.create_default_context(), follow_redirects=True, timeout=None)
