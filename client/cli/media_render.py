"""Media as tables and lines."""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from client.cli.tables import plain_table
from client.sdk.answers import MediumView
from shared.results import InstalledMedium


def media_table(media: Iterable[MediumView]) -> Table:
    """One line per medium."""
    table = plain_table("name", "kind", "in the library", "what", "licence")
    for each in media:
        installed = each.installed
        version = Text(installed.version, style="green") if installed else Text("no", style="dim")
        table.add_row(each.name, each.kind, version, _what(installed) if installed else "", each.licence)
    return table


def medium_line(medium: InstalledMedium) -> str:
    """One medium."""
    return f"{medium.name} {medium.version}: {_what(medium)}"


def _what(medium: InstalledMedium) -> str:
    size = f"{medium.width}x{medium.height}"
    match medium.kind:
        case "video":
            return f"{size} {medium.codec}, {medium.frames} frames, {medium.duration_s:.1f} s"
        case "photo":
            return f"{size} {medium.codec}"
        case "image_set":
            return f"{medium.frames} images, {size} {medium.codec}"
