"""Why a file can't become a medium: a class for each reason, below MediumRefused of ``shared/errors.py``.

Each says in its detail what was found, and what is taken instead.
"""

from collections.abc import Mapping

from shared.errors import MediumRefused


class MissingFilename(MediumRefused):
    """The file has no name."""

    code = "missing-filename"


class UnsupportedExtension(MediumRefused):
    """Files with this ending aren't taken."""

    code = "unsupported-extension"


class UnsupportedContainer(MediumRefused):
    """Videos in this container aren't taken."""

    code = "unsupported-container"


class UnsupportedCodec(MediumRefused):
    """Videos in this codec aren't taken."""

    code = "unsupported-codec"


class InvalidVideo(MediumRefused):
    """The file is no video that can be read to its end."""

    code = "invalid-video"


class FileExists(MediumRefused):
    """There is a medium of this name."""

    code = "file-exists"


class InvalidImage(MediumRefused):
    """The file is no photo that can be read to its end."""

    code = "invalid-image"


class UnsupportedArchiveFormat(MediumRefused):
    """Archives of this kind aren't taken."""

    code = "unsupported-archive-format"


class InvalidArchiveName(MediumRefused):
    """The archive's name can't be the name of an image set."""

    code = "invalid-archive-name"


class ArchiveTooLarge(MediumRefused):
    """The archive is too large."""

    code = "archive-too-large"


class ArchiveCorrupted(MediumRefused):
    """The archive can't be read to its end."""

    code = "archive-corrupted"


class ArchiveContainsSubdirectories(MediumRefused):
    """The archive has folders in it."""

    code = "archive-contains-subdirectories"


class ArchiveContainsNoImages(MediumRefused):
    """The archive has no images in it."""

    code = "archive-contains-no-images"


class ArchiveMixedImageExtensions(MediumRefused):
    """The archive's images are of several kinds."""

    code = "archive-mixed-image-extensions"


class ArchiveDisallowedImageExtension(MediumRefused):
    """The archive has files in it that aren't images."""

    code = "archive-disallowed-image-extension"


class ArchiveMixedImageResolutions(MediumRefused):
    """The archive's images are of several sizes."""

    code = "archive-mixed-image-resolutions"


class ArchiveUncompressedTooLarge(MediumRefused):
    """The archive is too large when it is unpacked."""

    code = "archive-uncompressed-too-large"


class ImageSetAlreadyExists(MediumRefused):
    """There is an image set of this name."""

    code = "image-set-already-exists"


class UnsafeArchivePath(MediumRefused):
    """The archive has an entry that is no plain file inside it."""

    code = "unsafe-archive-path"


BY_CODE: Mapping[str, type[MediumRefused]] = {each.code: each for each in MediumRefused.__subclasses__()}
"""Every reason by its code."""
