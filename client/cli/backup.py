"""``framelane backup`` and ``framelane restore``: straight from and to the stores, without a gateway."""

import os
from typing import Annotated

import typer

from client.cli.output import err, out, print_json
from client.cli.target import DEFAULT, AsJson, DataDir
from shared.backup import Manifest

Place = Annotated[
    str, typer.Argument(help="A folder, or s3://bucket/prefix on the server of FRAMELANE_ARTIFACTS__ENDPOINT.")
]


def backup(
    place: Place,
    artifacts: Annotated[
        bool,
        typer.Option("--artifacts/--no-artifacts", help="Also files; without: where they are kept otherwise."),
    ] = True,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Copy everything that is kept in the stores of REDIS_URL and FRAMELANE_ARTIFACTS__…; all may go on meanwhile.

    Where REDIS_URL isn't set: of the system in --data-dir, which must not run then.
    """
    from client.local.backup import Backups

    manifest = Backups(os.environ, data_dir).make(place, artifacts=artifacts)
    if as_json:
        print_json(manifest)
        return
    out().print(f"{_told(manifest)}; {manifest.bytes:,} bytes in {len(manifest.parts)} parts")
    _tell_damaged(manifest)


def restore(
    place: Place,
    force: Annotated[bool, typer.Option("--force", help="Replace what is in the store.")] = False,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Bring a backup back, to empty stores while no gateway and no worker runs.

    First all of it is read and checked. What waited or ran when it was made is run when workers come.
    """
    from client.local.backup import Backups

    restored = Backups(os.environ, data_dir).bring_back(place, force=force)
    if as_json:
        print_json({"manifest": restored.manifest.model_dump(mode="json"), "files": restored.files})
        return
    out().print(f"{_told(restored.manifest)}; {restored.files} files weren't there")
    _tell_damaged(restored.manifest)


def _told(manifest: Manifest) -> str:
    jobs = ", ".join(f"{number} {state}" for state, number in sorted(manifest.jobs.items())) or "none"
    files = (
        "no files" if manifest.files is None else f"{manifest.files} files of {manifest.file_bytes or 0:,} bytes"
    )
    when = manifest.began_at.isoformat(timespec="seconds")
    return f"as of {when}: jobs: {jobs}; {manifest.others} other items; {files}"


def _tell_damaged(manifest: Manifest) -> None:
    for key in manifest.damaged:
        err().print(f"not in it, because it isn't what was stored: {key}", style="yellow", soft_wrap=True)
