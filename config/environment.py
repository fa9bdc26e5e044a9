"""Readers of environment variables that refuse loudly: the setting's name and what it wants."""

import base64
import binascii
import os
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

from django.core.exceptions import ImproperlyConfigured
from psycopg.pq import Conninfo
from redis import ConnectionPool

from config.run.environment import read_environment
from config.run.errors import UsageError

TOKEN_KEY_BYTES = 32
# Of seconds that is thirty years; a moment further away than the calendar goes cannot be computed with.
LARGEST = 1e9
# In the words of redis-py; other libraries say CERT_NONE.
CERTIFICATE_CHECKS = {"none", "optional", "required"}
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# Of what dj-database-url makes an option of libpq.
SCHEMA = "currentSchema"


def load_env_file(path: Path) -> None:
    """Read a development `.env`; what the environment already holds wins."""
    try:
        for name, value in read_environment({}, path).items():
            os.environ.setdefault(name, value)
    except UsageError as error:
        raise ImproperlyConfigured(str(error)) from None


def text(name: str, default: str | None = None, *, wants: str = "a value") -> str:
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise ImproperlyConfigured(f"{name} is not set. It wants {wants}.")
    return default


def choice(name: str, default: str, options: tuple[str, ...]) -> str:
    value = text(name, default).lower()
    if value not in options:
        raise ImproperlyConfigured(f"{name} wants one of {', '.join(options)}.")
    return value


def flag(name: str, *, default: bool = False) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} wants true or false.")


def number(name: str, default: float, *, minimum: float = 0, maximum: float = LARGEST) -> float:
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        parsed = float(value)
    except ValueError:
        parsed = float("nan")
    if not minimum <= parsed <= maximum:
        raise ImproperlyConfigured(f"{name} wants a number, {_between(minimum, maximum)}.")
    return parsed


def whole_number(name: str, default: int, *, minimum: int = 0) -> int:
    parsed = number(name, default, minimum=minimum)
    if parsed != int(parsed):
        raise ImproperlyConfigured(f"{name} wants a whole number, {_between(minimum, LARGEST)}.")
    return int(parsed)


def _between(minimum: float, maximum: float) -> str:
    return f"at least {minimum:g} and at most {maximum:,.0f}"


def url(name: str, default: str | None = None, *, schemes: tuple[str, ...] = ("https", "http")) -> str:
    """An absolute URL without a slash at the end; only those of databases may have a query."""
    wants = f"an absolute URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}"
    value = text(name, default, wants=wants)
    try:
        parts = urlsplit(value)
        port = parts.port  # raises ValueError when it is not a port
        is_valid = parts.scheme in schemes and bool(parts.hostname) and port != 0
        is_valid = is_valid and not parts.fragment and not (parts.query and "https" in schemes)
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ImproperlyConfigured(f"{name} is malformed. It wants {wants}.")
    return value.rstrip("/")


def optional_url(name: str) -> str:
    return url(name) if os.environ.get(name, "").strip() else ""


def site_url(name: str) -> str:
    value = url(name)
    if urlsplit(value).path or urlsplit(value).username is not None:
        raise ImproperlyConfigured(
            f"{name} is malformed. It wants an address such as https://example.org, without a path or a name."
        )
    return value


def database_url(name: str) -> str:
    wants = "postgres://user:password@host:5432/name"
    value = url(name, schemes=("postgres", "postgresql"))
    if not urlsplit(value).path.strip("/"):
        raise ImproperlyConfigured(f"{name} names no database. It wants {wants}.")
    options = dict(parse_qsl(urlsplit(value).query))
    unknown = options.keys() - {SCHEMA} - {option.keyword.decode() for option in Conninfo.get_defaults()}
    if unknown:
        raise ImproperlyConfigured(
            f"{name} has options that libpq does not know: {', '.join(sorted(unknown))}."
        )
    if options.get("sslmode", SSL_MODES[0]) not in SSL_MODES:
        raise ImproperlyConfigured(f"{name} wants sslmode to be one of {', '.join(SSL_MODES)}.")
    return value


def redis_url(name: str) -> str:
    value = url(name, schemes=("redis", "rediss"))
    checks = parse_qs(urlsplit(value).query).get("ssl_cert_reqs", [])
    if not CERTIFICATE_CHECKS.issuperset(checks):
        raise ImproperlyConfigured(
            f"{name} wants ssl_cert_reqs to be one of {', '.join(sorted(CERTIFICATE_CHECKS))}."
        )
    if "db" in parse_qs(urlsplit(value).query):
        raise ImproperlyConfigured(f"{name} wants no db: its databases 0, 1 and 2 are used, each for itself.")
    try:
        ConnectionPool.from_url(urlsplit(value)._replace(path="").geturl()).make_connection()
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"{name} has an option that redis-py does not take: {error}.") from None
    return value


def report_address(name: str) -> str:
    """The DSN of a server that speaks Sentry's protocol, or nothing."""
    value = optional_url(name)
    parts = urlsplit(value)
    if value and not (parts.username and parts.path.rpartition("/")[2].isdecimal()):
        raise ImproperlyConfigured(
            f"{name} is malformed. It wants https://key@host/number, as the server there shows it."
        )
    return value


def host_names(name: str) -> list[str]:
    """Separated by commas or spaces, as visitors' browsers name them."""
    names = text(name, "").replace(",", " ").split()
    if any(set(host) & set("/@?#") for host in names):
        raise ImproperlyConfigured(
            f"{name} wants host names such as example.org, without https:// or a path."
        )
    if any("*" in host or not host.strip(".") for host in names):
        raise ImproperlyConfigured(
            f"{name} wants each host name, or .example.org for all below it. With * anybody's name would do."
        )
    return names


def token_keys(name: str) -> tuple[bytes, ...]:
    """Keys for tokens at rest, newest first: 32 bytes each, in URL-safe base64, separated by commas."""
    wants = (
        f"one or more keys of {TOKEN_KEY_BYTES} bytes in URL-safe base64, separated by commas, newest first"
    )
    keys: list[bytes] = []
    for part in text(name, wants=wants).split(","):
        try:
            key = base64.urlsafe_b64decode(part.strip().encode() + b"=" * (-len(part.strip()) % 4))
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != TOKEN_KEY_BYTES:
            raise ImproperlyConfigured(f"{name} is malformed. It wants {wants}.")
        keys.append(key)
    return tuple(keys)


def is_loopback(address: str) -> bool:
    return urlsplit(address).hostname in {"127.0.0.1", "localhost", "::1"}
