"""Who takes part: how each is installed, started and asked. A new one needs an entry here, pins and a server."""

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import python_of
from benchmarks.peers.questions import POINTS, ListOfHands, OpenInference, Points
from benchmarks.stack import SEED

SERVERS = Path(__file__).parent / "servers"
BATCH = 64

_REQUIREMENTS = Path(__file__).parent / "requirements"
_WINDOW_S = "0.002"


@dataclass(frozen=True, slots=True)
class Setting:
    """``workers``: processes that run the network. ``batch``: requests in one call of it at most."""

    workers: int = 1
    batch: int = 1

    @classmethod
    def of(cls, mark: str) -> "Setting":
        """From ``2b``: two workers, batching. Raises ValueError."""
        return cls(int(mark.removesuffix("b") or 1), BATCH if mark.endswith("b") else 1)

    def __str__(self) -> str:
        many = f"{self.workers} worker{'s' if self.workers > 1 else ''}"
        return f"{many}, batching" if self.batch > 1 else many


@dataclass(frozen=True, slots=True)
class Place:
    """Of one start: the interpreter, a port that is free, and a folder of its own."""

    python: Path
    port: int
    folder: Path
    setting: Setting


Command = Callable[[Place], Sequence[str]]
Environ = Callable[[Place], Mapping[str, str]]


@dataclass(frozen=True)
class Product:
    """``pinned`` False: it runs in our environment. ``settings``: measured unless others are named."""

    name: str
    title: str
    settings: Sequence[str]
    command: Command
    path: str = "/predict"
    question: Points = POINTS
    environ: Environ = lambda _place: {}
    pinned: bool = True
    durable: bool = False

    def python(self) -> Path:
        """Its interpreter; installs what it needs. Raises NotInstalled."""
        return python_of(_REQUIREMENTS / f"{self.name}.txt", torch=True) if self.pinned else Path(sys.executable)


@dataclass(frozen=True)
class Contender:
    """A product, set up in one way."""

    product: Product
    setting: Setting

    @property
    def name(self) -> str:
        """For the table."""
        if self.product.pinned:
            return f"{self.product.title} ({self.setting})"
        many = self.setting.workers
        return f"{self.product.title} ({many} gateways)" if many > 1 else self.product.title


def _framelane(place: Place) -> list[str]:
    shutil.copytree(SEED, place.folder / "data")
    command = [str(place.python.with_name("framelane")), "up", "--lanes", "cpu,io"]
    more = ["--gateway-workers", str(place.setting.workers)] if place.setting.workers > 1 else []
    return [*command, "--port", str(place.port), "--data-dir", str(place.folder / "data"), *more]


def _fastapi(place: Place) -> list[str]:
    where = ["--host", "127.0.0.1", "--port", str(place.port), "--workers", str(place.setting.workers)]
    quiet = ["--no-access-log", "--log-level", "warning"]
    return [str(place.python), "-m", "uvicorn", "fastapi_server:app", *where, *quiet]


def _bentoml(place: Place) -> list[str]:
    where = ["--host", "127.0.0.1", "--port", str(place.port)]
    return [str(place.python), "-m", "bentoml", "serve", "bentoml_server:Gesture", *where]


def _mlserver(place: Place) -> list[str]:
    return [str(place.python.with_name("mlserver")), "start", str(place.folder)]


def _mlserver_settings(place: Place) -> dict[str, str]:
    """No model-settings.json: then the model is what the environment says."""
    workers, batch = place.setting.workers, place.setting.batch
    names = {
        "HOST": "127.0.0.1",
        "HTTP_PORT": str(place.port),
        "GRPC_PORT": str(place.port + 1),
        "METRICS_PORT": str(place.port + 2),
        "PARALLEL_WORKERS": str(workers if workers > 1 else 0),  # 0: in the process that answers
        "DEBUG": "false",
        "MODEL_NAME": "asl",
        "MODEL_IMPLEMENTATION": "mlserver_server.Gesture",
        "MODEL_MAX_BATCH_SIZE": str(batch if batch > 1 else 0),
        "MODEL_MAX_BATCH_TIME": _WINDOW_S if batch > 1 else "0",
    }
    return {f"MLSERVER_{name}": value for name, value in names.items()}


def _script(name: str) -> Command:
    return lambda place: [str(place.python), f"{name}_server.py"]


PRODUCTS = {
    each.name: each
    for each in (
        Product(
            "framelane",
            "Framelane",
            ["1"],
            _framelane,
            path="/api/v1/gestures/asl/predict?top_k=1",
            pinned=False,
            durable=True,
        ),
        Product("fastapi", "bare FastAPI", ["1", "2"], _fastapi),
        Product("litserve", "LitServe", ["1b", "2b"], _script("litserve")),
        Product(
            "mlserver",
            "MLServer",
            ["1", "1b", "2b"],
            _mlserver,
            "/v2/models/asl/infer",
            OpenInference(),
            _mlserver_settings,
        ),
        Product(
            "bentoml",
            "BentoML",
            ["1b", "2b"],
            _bentoml,
            question=ListOfHands(),
            environ=lambda place: {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(place.folder)},
        ),
        Product(
            "ray",
            "Ray Serve",
            ["1b", "2b"],
            _script("ray"),
            environ=lambda _place: {"RAY_USAGE_STATS_ENABLED": "0"},
        ),
    )
}


def contenders(words: Sequence[str]) -> list[Contender]:
    """Those named ``product`` (its usual settings) or ``product:setting``, in this order; all if none is named.

    Raises KeyError, ValueError.
    """
    found: list[Contender] = []
    for word in words or PRODUCTS:
        name, _, mark = word.partition(":")
        product = PRODUCTS[name]
        found += [Contender(product, Setting.of(each)) for each in ([mark] if mark else product.settings)]
    return found
