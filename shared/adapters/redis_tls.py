"""What a connection to Redis with TLS is made with."""

from typing import Any

from shared.settings import Settings


def tls_options(url: str, settings: Settings) -> dict[str, Any]:
    """For redis-py and kombu alike; nothing for a URL without TLS. The server is always checked, its name too."""
    if not url.startswith("rediss://"):
        return {}
    redis = settings.redis
    given = {"ssl_ca_certs": redis.ca, "ssl_certfile": redis.cert, "ssl_keyfile": redis.key}
    files = {name: str(path) for name, path in given.items() if path is not None}
    return {"ssl_cert_reqs": "required", "ssl_check_hostname": True, **files}
