"""Errors only the gateway has; the rest of the tree is in ``shared/errors.py``."""

from shared.errors import FramelaneError


class MalformedDocument(FramelaneError):
    """The document isn't JSON."""

    code = "malformed-json"


class ModelNotFound(FramelaneError):
    """There is no such model."""

    code = "model-not-found"


class ModelInUse(FramelaneError):
    """The model is used."""

    code = "model-in-use"


class MediumNotFound(FramelaneError):
    """There is no such medium."""

    code = "medium-not-found"


class MediumInUse(FramelaneError):
    """The medium is used."""

    code = "medium-in-use"


class NothingDetected(FramelaneError):
    """The photo shows nothing the model looks for."""

    code = "nothing-detected"


class MalformedYaml(FramelaneError):
    """The document isn't YAML."""

    code = "malformed-yaml"


class PreconditionRequired(FramelaneError):
    """Say what you have seen of it before you change it."""

    code = "precondition-required"
