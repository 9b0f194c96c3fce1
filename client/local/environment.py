"""Settings out of an environment that needn't be this process's, and which variable a wrong one came from."""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsError

from shared.errors import FramelaneError
from shared.settings import Environment, Settings

_PREFIX = "FRAMELANE"


class CannotStart(FramelaneError):
    """What was asked for can't be started; nothing was."""

    code = "cannot-start"


class _Environ(Environment):
    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._environ.items()}


def settings_of(environ: Mapping[str, str]) -> Settings:
    """The settings that a process with this environment has. Raises CannotStart, naming the variables."""

    class Given(Settings):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_sources: object, **_more: object
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (_Environ(settings_cls, environ),)

    try:
        return Given()
    except ValidationError as error:
        # The values stay out of it: one may be a secret.
        wrong = [f"{_variable(each['loc'], environ)}: {each['msg']}" for each in error.errors()]
        raise CannotStart("; ".join(wrong)) from error
    except SettingsError as error:
        sections = [name for name in Settings.model_fields if f'"{name}"' in str(error)]
        names = ", ".join(_variable([name], environ) for name in sections)
        msg = (
            f"{names or error}: a whole section is a JSON object; one field of it is {_PREFIX}_<SECTION>__<FIELD>"
        )
        raise CannotStart(msg) from error


def _variable(where: Sequence[int | str], environ: Mapping[str, str]) -> str:
    """The variable of a field: of itself, else the one of its section, as it stands in the environment."""
    path = [str(each).upper() for each in where]
    if path[0] == "REDIS_URL":
        return path[0]
    names = [f"{_PREFIX}_{'__'.join(path[:length])}" for length in range(len(path), 0, -1)]
    given = {name.upper(): name for name in environ}
    return next((given[name] for name in names if name in given), names[0])
