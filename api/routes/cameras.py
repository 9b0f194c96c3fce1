"""Cameras that an operator has named."""

from fastapi import APIRouter
from pydantic import BaseModel

from api.dependencies import Here
from api.reference import problems
from shared.cameras import CameraKind

router = APIRouter(tags=["cameras"])


class CameraView(BaseModel):
    """A camera that pipelines can read. ``source``: what they call it. Its address is nobody's business."""

    name: str
    kind: CameraKind
    source: str


class CameraList(BaseModel):
    """All of them."""

    cameras: list[CameraView]


@router.get("/cameras", responses=problems())
async def list_cameras(here: Here) -> CameraList:
    """Cameras of the settings, by name. Whether one can be reached shows when a pipeline reads it."""
    cameras = here.settings.pipelines.cameras
    return CameraList(
        cameras=[
            CameraView(name=name, kind=camera.kind, source=f"camera:{name}")
            for name, camera in sorted(cameras.items())
        ]
    )
