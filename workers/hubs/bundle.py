"""Bundles: a stored zip made of members of a wheel. The same members give the same bytes, whenever it is made."""

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_bundle(wheel: zipfile.ZipFile, members: Mapping[str, str], target: Path) -> None:
    """Zip ``members`` (name in the zip to member of the wheel), sorted by name, uncompressed.

    Raises KeyError for a member that the wheel doesn't have.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as bundle:
        for name, member in sorted(members.items()):
            source = wheel.getinfo(member)
            info = zipfile.ZipInfo(name, _EPOCH)
            # Fixed: otherwise they'd say on which system the bundle was made.
            info.create_system = 3
            info.external_attr = 0o644 << 16
            info.file_size = source.file_size
            with wheel.open(source) as content, bundle.open(info, "w") as entry:
                shutil.copyfileobj(content, entry)
