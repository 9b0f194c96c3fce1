"""What elements tell each other about a frame. Immutable: branches of a tee share it."""

from dataclasses import dataclass, replace

from workers.networks.shapes import Box, Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """An object in the frame. ``confidence`` is None for regions that no model found."""

    box: Box
    label: str = ""
    label_id: int | None = None
    confidence: float | None = None
    object_id: int | None = None
    model: str = ""
    parent: int | None = None
    tensors: tuple[Tensor, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Everything known of a frame. ``messages``: JSON texts, in the order they were made.

    ``looked``: a detector has looked at it, so that no regions means no objects.
    """

    regions: tuple[Region, ...] = ()
    tensors: tuple[Tensor, ...] = ()
    messages: tuple[str, ...] = ()
    looked: bool = False

    def with_regions(self, more: tuple[Region, ...]) -> "Frame":
        """And these regions."""
        return replace(self, regions=self.regions + more)


EMPTY = Frame()
