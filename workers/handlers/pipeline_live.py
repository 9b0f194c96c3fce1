"""Where live streams of a job are published, and where they can be watched."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.cameras import RtspAddress
from shared.errors import InvalidSpec
from shared.graph.rewrites.outputs import ToStream
from shared.pipeline_settings import PipelineSettings


@dataclass(frozen=True, slots=True)
class LiveServer:
    """The media server of the settings, for one job: each stream has a path of its own."""

    address: RtspAddress
    watched_at: str
    job_id: str

    @classmethod
    def of(cls, settings: PipelineSettings, job_id: str) -> "LiveServer":
        """Raises InvalidSpec where no server is set."""
        text = settings.live_server.get_secret_value()
        if not text:
            says = "this worker knows no server for live streams (FRAMELANE_PIPELINES__LIVE_SERVER)"
            raise InvalidSpec(("/output_mode", says))
        address = RtspAddress.of(text)
        public = RtspAddress.of(settings.live_public).url if settings.live_public else address.url
        return cls(address, public, job_id)

    def output(self, stream: int) -> ToStream:
        """Where a stream is sent."""
        return ToStream(self._path(self.address.url, stream), self.address.user, self.address.password)

    def public(self, stream: int) -> str:
        """Where players find it."""
        return self._path(self.watched_at, stream)

    @property
    def secrets(self) -> Mapping[str, str]:
        """What nobody may be told, and what stands for it."""
        return dict.fromkeys(self.address.secrets, "***")

    def _path(self, base: str, stream: int) -> str:
        return f"{base.rstrip('/')}/{self.job_id}/stream{stream}"
