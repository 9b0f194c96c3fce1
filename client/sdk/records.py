"""Records of a pipeline as a reader of them gets them. No I/O."""

from typing import Any
from urllib.parse import quote

from pydantic import TypeAdapter

from client.sdk.calls import API
from client.sdk.following import Line
from shared.results import Answer


class MetadataRecord(Answer):
    """What a pipeline found in a frame, as DL Streamer writes it. ``number``: over all streams of the job."""

    number: int
    stream: int
    record: dict[str, Any]


class Missed(Answer):
    """Records from ``first`` to ``last`` weren't kept until this reader came for them."""

    first: int
    last: int


class Restarted(Answer):
    """Another attempt began, as one was lost: records with lower numbers are void."""

    number: int


class _Note(Answer):
    type: str
    number: int = 0
    first: int = 0
    last: int = 0


RecordNews = MetadataRecord | Missed | Restarted
"""What a reader of records is told."""

_NEWS: TypeAdapter[MetadataRecord | _Note] = TypeAdapter(MetadataRecord | _Note)


def records_path(job_id: str, stream: int | None) -> str:
    """The server-sent events of a job's records."""
    query = "" if stream is None else f"?stream={stream}"
    return f"{API}/jobs/{quote(job_id, safe='')}/metadata/stream{query}"


class RecordTrack(Line[RecordNews]):
    """Passes every record once and in order, over any number of connections. ``after_seq``: number of the last."""

    def hear(self, text: str | bytes) -> RecordNews | None:
        """See the base."""
        self._failures = 0
        news = _NEWS.validate_json(text)
        match news:
            case MetadataRecord():
                self.after_seq = news.number
                return news
            case _Note(type="missed"):
                self.after_seq = news.last
                return Missed(first=news.first, last=news.last)
            case _Note(type="restarted"):
                self.after_seq = news.number
                return Restarted(number=news.number)
            case _:
                self.ended = news.type in {"end", "gone"}
                return None

    def nothing_more(self) -> None:
        """See the base."""
        self.ended = True
