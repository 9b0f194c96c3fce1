"""Which objects of a frame are those of the frames before. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from workers.gst.elements.frame import Region
from workers.networks.shapes import Box

_OVERLAP = 0.2
_SMOOTHING = 0.5


class _Speed(NamedTuple):
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0


@dataclass(slots=True)
class _Track:
    object_id: int
    region: Region
    speed: _Speed
    missed: int = 0

    def ahead(self) -> Box:
        """Where it should be one frame on, if it keeps its speed."""
        box, speed = self.region.box, self.speed
        half_w, half_h = speed.width / 2, speed.height / 2
        return Box(
            box.x_min + speed.x - half_w,
            box.y_min + speed.y - half_h,
            box.x_max + speed.x + half_w,
            box.y_max + speed.y + half_h,
        )

    def move(self, box: Box, frames: int) -> None:
        """Seen there, ``frames`` after the last time."""
        old = self.region.box
        now = _Speed(
            (box.x_min + box.x_max - old.x_min - old.x_max) / 2 / frames,
            (box.y_min + box.y_max - old.y_min - old.y_max) / 2 / frames,
            (box.x_max - box.x_min - old.x_max + old.x_min) / frames,
            (box.y_max - box.y_min - old.y_max + old.y_min) / frames,
        )
        self.speed = _Speed(
            *(_SMOOTHING * new + (1 - _SMOOTHING) * was for new, was in zip(now, self.speed, strict=True))
        )


class Tracker:
    """Matches by overlap with where objects should be, and by their label.

    ``predict``: in frames that nobody looked at, objects go on where they should be, with confidence 1 and for up
    to ``patience`` frames (short-term, imageless). Otherwise (zero-term) such frames have no objects.
    """

    def __init__(self, *, predict: bool, patience: int = 30) -> None:
        self._predict = predict
        self._patience = patience
        self._tracks: list[_Track] = []
        self._next = 1

    def update(self, regions: Sequence[Region], *, looked: bool = True) -> tuple[Region, ...]:
        """The regions of the next frame with their object ids, from 1 on. ``looked``: somebody looked for them."""
        found = list(regions)
        if not found:
            return self._without_detections(looked)
        ahead = [track.ahead() for track in self._tracks]
        pairs = _matched(self._tracks, ahead, found)
        for track in self._tracks:
            track.missed += 1
        for number, region in enumerate(found):
            found[number] = self._seen(self._tracks[pairs[number]] if number in pairs else None, region)
        self._tracks = [track for track in self._tracks if track.missed <= self._patience]
        return tuple(found)

    def _seen(self, track: _Track | None, region: Region) -> Region:
        if track is None:
            track = _Track(self._next, region, _Speed())
            self._next += 1
            self._tracks.append(track)
        else:
            track.move(region.box, max(track.missed, 1))
        track.missed = 0
        track.region = replace(region, object_id=track.object_id)
        return track.region

    def _without_detections(self, looked: bool) -> tuple[Region, ...]:
        for track in self._tracks:
            track.missed += 1
        self._tracks = [track for track in self._tracks if track.missed <= self._patience]
        if looked or not self._predict:
            return ()
        for track in self._tracks:
            track.region = replace(track.region, box=track.ahead().clipped(), confidence=1.0, tensors=())
        self._tracks = [track for track in self._tracks if track.region.box.area > 0]
        return tuple(track.region for track in self._tracks)


def _matched(tracks: Sequence[_Track], ahead: Sequence[Box], regions: Sequence[Region]) -> dict[int, int]:
    """Indices of tracks by those of regions; the greatest overlaps first."""
    overlaps = np.array(
        [
            [box.overlap(region.box) if track.region.label == region.label else 0.0 for region in regions]
            for track, box in zip(tracks, ahead, strict=True)
        ]
    ).reshape(len(tracks), len(regions))
    pairs: dict[int, int] = {}
    while overlaps.size and overlaps.max() >= _OVERLAP:
        track, region = (int(one) for one in np.unravel_index(overlaps.argmax(), overlaps.shape))
        pairs[region] = track
        overlaps[track, :] = 0.0
        overlaps[:, region] = 0.0
    return pairs
