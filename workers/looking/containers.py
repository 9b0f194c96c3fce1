"""What kind of file it is, by its first bytes: whatever its name says."""

from pathlib import Path

HEAD_BYTES = 4_096
_TS_PACKET = 188
_EBML = b"\x1aE\xdf\xa3"
_SEGMENT = b"\x18S\x80g"
_START_CODES = (b"\0\0\0\1", b"\0\0\1")
_H265_PARAMETERS = frozenset({32, 33, 34, 35})
_H264_PARAMETERS = frozenset({7, 9})


def container_of(path: Path) -> str:
    """As in the settings' list; empty for anything else."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head[4:8] == b"ftyp":
        return "mov" if head[8:12] == b"qt  " else "mp4"
    if head[4:8] in {b"moov", b"mdat", b"wide", b"free"}:  # QuickTime from before ftyp
        return "mov"
    if head.startswith(_EBML):
        return "webm" if b"webm" in head[:64] else "matroska"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi"
    if _is_transport_stream(head):
        return "mpegts"
    return "raw" if _raw_codec(head) else ""


def is_cut_off(path: Path) -> bool:
    """Whether a Matroska file says of itself that it is longer. One that was recorded live doesn't say."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    length, at = _ebml_size(head, len(_EBML))
    segment = at + length
    if head[segment : segment + 4] != _SEGMENT:
        return False
    length, at = _ebml_size(head, segment + 4)
    return length + at > path.stat().st_size


def _ebml_size(head: bytes, at: int) -> tuple[int, int]:
    """The size that stands there, 0 for one that isn't known, and where what it is of begins."""
    width = 9 - head[at].bit_length()
    value = int.from_bytes(head[at : at + width]) & (1 << 7 * width) - 1
    return (0 if value == (1 << 7 * width) - 1 else value), at + width


def suffix_of(container: str, codec: str) -> str:
    """What such files are called."""
    if container == "raw":
        return ".265" if codec == "h265" else ".264"
    return {"matroska": ".mkv", "mpegts": ".ts"}.get(container, f".{container}")


def _is_transport_stream(head: bytes) -> bool:
    packets = head[::_TS_PACKET]
    return len(packets) > 1 and set(packets) == {ord("G")}


def _raw_codec(head: bytes) -> str:
    """Of a stream of NAL units that begins with its parameters."""
    for code in _START_CODES:
        if head.startswith(code) and len(head) > len(code):
            unit = head[len(code)]
            if unit & 0x1F in _H264_PARAMETERS and unit & 0x80 == 0:
                return "h264"
            if unit >> 1 & 0x3F in _H265_PARAMETERS:
                return "h265"
    return ""
