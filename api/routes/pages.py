"""Interactive documentation that needs no internet: every asset is served by us."""

from functools import cache
from importlib.resources import files

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

ASSETS = "/docs-assets"
# The pages carry their own small script; nothing may come from elsewhere.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'"
)
_HEADERS = {"Content-Security-Policy": _POLICY}

_FOLDER = files("fastapi_offline") / "static"
_FOREIGN_LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"
_NO_LOGO = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"

router = APIRouter(include_in_schema=False)


@router.get("/")
async def root() -> RedirectResponse:
    """To the documentation."""
    return RedirectResponse("docs")


@router.get("/docs")
async def swagger_ui() -> HTMLResponse:
    """Swagger UI."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Framelane",
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS}/favicon.png",
    )
    page.headers.update(_HEADERS)
    return page


@router.get("/redoc")
async def redoc() -> HTMLResponse:
    """ReDoc."""
    page = get_redoc_html(
        openapi_url="/openapi.json",
        title="Framelane",
        redoc_js_url=f"{ASSETS}/redoc.standalone.js",
        redoc_favicon_url=f"{ASSETS}/favicon.png",
        with_google_fonts=False,
    )
    page.headers.update(_HEADERS)
    return page


@router.get(f"{ASSETS}/redoc.standalone.js")
async def redoc_script() -> Response:
    """ReDoc without the one picture that it fetches from elsewhere."""
    return Response(_redoc_script(), media_type="text/javascript", headers={"Cache-Control": "max-age=86400"})


@cache
def _redoc_script() -> bytes:
    script = (_FOLDER / "redoc.standalone.js").read_bytes()
    return script.replace(_FOREIGN_LOGO.encode(), _NO_LOGO.encode())


def mount_assets(app: FastAPI) -> None:
    """Serve the scripts and styles of both pages."""
    app.mount(ASSETS, StaticFiles(directory=str(_FOLDER)), name="docs-assets")
