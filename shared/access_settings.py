"""Sections of the settings that are about who may call."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, PositiveFloat, PositiveInt, SecretStr

from shared.access_secrets import no_weak_secret

AuthMode = Literal["off", "keys", "jwt", "both"]
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "HS256", "HS384", "HS512"
]

Origin = Annotated[str, Field(pattern=r"^https?://[a-z0-9.\[\]:-]+$", max_length=200)]
"""As browsers send it: scheme, host and, if it isn't the usual one, port; no path."""

StrongSecret = Annotated[SecretStr, AfterValidator(no_weak_secret)]


class AuthSettings(BaseModel):
    """Who may call."""

    mode: Annotated[
        AuthMode,
        Field(
            description="`off`: nobody is asked, and only this machine is served; `keys`: API keys; `jwt`: tokens "
            "of an identity provider (section JWT); `both`"
        ),
    ] = "off"
    admin_key: Annotated[
        StrongSecret,
        Field(
            description="a key of role admin that isn't in the store, to make others with; at least 32 characters"
        ),
    ] = SecretStr("")
    admin_key_file: Annotated[Path | None, Field(description="holds it instead")] = None
    recheck_s: Annotated[
        PositiveFloat, Field(le=60, description="a key that was revoked may still be used for so long")
    ] = 2.0
    open_recheck_s: Annotated[
        PositiveFloat,
        Field(
            le=600,
            description="sockets and event streams are looked at this often: they are closed when their key was "
            "revoked, or its time is over",
        ),
    ] = 5.0
    rate: Annotated[
        PositiveInt | None,
        Field(description="requests a minute of a caller whose key says nothing else; none: no limit"),
    ] = None


class JwtSettings(BaseModel):
    """Tokens of an identity provider. ``iss``, ``aud`` and ``exp`` are required in each."""

    issuer: str = ""
    audience: str = ""
    algorithms: Annotated[list[Algorithm], Field(min_length=1, description="others are refused")] = ["RS256"]
    jwks_url: Annotated[str, Field(pattern=r"^(https?://\S+)?$", description="keys of the provider")] = ""
    secret: Annotated[
        StrongSecret, Field(description="instead of `jwks_url`, for HS algorithms; at least 32 characters")
    ] = SecretStr("")
    role_claim: Annotated[str, Field(description="its value, or one of its values, is a role")] = "role"
    tenant_claim: str = "tenant"
    default_role: Annotated[
        Literal["", "viewer", "submitter"],
        Field(description="of tokens without the claim; empty: they are refused"),
    ] = ""
    leeway_s: Annotated[int, Field(ge=0, le=120, description="clocks may differ so far")] = 30
    refetch_s: Annotated[
        PositiveFloat, Field(description="keys are fetched again this often at most, for a key that isn't known")
    ] = 30.0
    keys_s: Annotated[PositiveFloat, Field(description="and this often in any case")] = 3_600.0


class WebSettings(BaseModel):
    """Browsers and open pages."""

    origins: Annotated[
        list[Origin], Field(description="pages of these may call (CORS, WebSocket), compared letter by letter")
    ] = []
    docs: Annotated[bool, Field(description="serve `/docs`, `/redoc` and `/openapi.json`, to anybody")] = True
    open_metrics: Annotated[bool, Field(description="serve `/metrics` to anybody")] = False
