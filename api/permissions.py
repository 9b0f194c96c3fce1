"""Which role each operation needs: the one list of all of them. What isn't here is refused."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from fastapi import APIRouter, FastAPI
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

from api.callers import Caller, caller
from shared.access import Role
from shared.specs import JobKind

OPEN: Final = None
"""Anybody may: it tells nothing, or who calls shows a signature instead of a name."""

_OPEN = frozenset(
    {
        "live",
        "ready",
        "get_file",
        "head_file",
        "root",
        "swagger_ui",
        "redoc",
        "redoc_script",
        "docs-assets",
        "openapi",
        "swagger_ui_redirect",
    }
)

_BY_ROLE: Mapping[Role, frozenset[str]] = {
    Role.VIEWER: frozenset(
        {
            "status",
            "metrics",
            "stream_metrics",
            "list_jobs",
            "get_job",
            "list_metadata",
            "stream_metadata",
            "stream_events",
            "follow_job",
            "follow_all",
            "list_artifacts",
            "get_artifact",
            "list_session_artifacts",
            "get_session_artifact",
            "list_dead",
            "list_gesture_models",
            "list_classes",
            "list_models",
            "get_model",
            "list_videos",
            "list_images",
            "get_video",
            "get_image",
            "get_video_content",
            "get_video_thumbnail",
            "get_image_content",
            "get_image_thumbnail",
            "list_cameras",
            "list_devices",
            "list_workers",
            "list_pipelines",
            "get_pipeline",
            "export_pipeline",
            "list_templates",
            "get_template",
            "convert_to_graph",
            "convert_to_description",
            "list_benchmarks",
            "compare_benchmarks",
            "get_benchmark",
            "list_suites",
            "describe_uploads",
            "who_am_i",
        }
    ),
    Role.SUBMITTER: frozenset(
        {
            "submit_job",
            "put_job",
            "retry_job",
            "cancel_job",
            "delete_job",
            "predict_gesture",
            "find_hands",
            "find_pose",
            "live_session",
            "create_pipeline",
            "import_pipeline",
            "change_pipeline",
            "delete_pipeline",
            "add_variant",
            "change_variant",
            "delete_variant",
            "convert_to_simple",
            "convert_to_advanced",
            "upload_video",
            "upload_image",
            "delete_video",
            "delete_image",
            "create_upload",
            "create_direct_upload",
            "complete_upload",
            "ask_upload",
            "get_upload",
            "continue_upload",
            "delete_upload",
        }
    ),
    Role.OPERATOR: frozenset(
        {
            "requeue_job",
            "requeue_jobs",
            "delete_benchmark",
            "upload_model",
            "delete_model",
            "get_log_level",
            "set_log_level",
        }
    ),
    Role.ADMIN: frozenset({"create_key", "list_keys", "get_key", "revoke_key", "list_audit", "list_rejected"}),
}

NEEDED: Mapping[str, Role | None] = {
    **dict.fromkeys(_OPEN, OPEN),
    **{name: role for role, names in _BY_ROLE.items() for name in names},
}
"""By the name of an operation, which is its ``operationId``."""

_KINDS: Mapping[JobKind, Role] = {
    **dict.fromkeys(("performance", "density", "optimize", "suite"), Role.OPERATOR),
    **dict.fromkeys(("model_download", "model_convert", "model_upload", "model_delete"), Role.OPERATOR),
}
"""Jobs that need more than a submitter: they take a device for themselves, or change what everybody uses."""


def require(operation: str) -> None:
    """Raises Forbidden unless the caller may do it."""
    needed = NEEDED.get(operation, Role.ADMIN)
    if needed is not None:
        caller().must_be(needed)


def may(who: Caller, operation: str) -> bool:
    """Whether the caller may do it."""
    needed = NEEDED.get(operation, Role.ADMIN)
    return needed is None or (who.role is not None and who.role.may(needed))


def require_kind(kind: JobKind) -> None:
    """Raises Forbidden unless the caller may make such jobs."""
    caller().must_be(_KINDS.get(kind, Role.SUBMITTER))


async def permitted(connection: HTTPConnection) -> None:
    """The dependency of every route."""
    route: BaseRoute | None = connection.scope.get("route")
    require(str(getattr(route, "name", "")))


def check(app: FastAPI) -> None:
    """Raises RuntimeError for a route that nobody has said who may use."""
    forgotten = sorted(set(names(app.routes)) - NEEDED.keys())
    if forgotten:
        raise RuntimeError(f"say in {__name__} who may use {', '.join(forgotten)}")


def names(routes: Iterable[BaseRoute]) -> Iterator[str]:
    """Of all operations, sockets and folders of files, also of routers that were included."""
    for route in routes:
        included: APIRouter | None = getattr(route, "original_router", None)
        if included is None:
            yield str(getattr(route, "name", ""))
        else:
            yield from names(included.routes)
