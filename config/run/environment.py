"""What the application is told: the person's environment, `.env`, and what we decide for the rest.

Everything here is a pure function of its arguments. The real environment wins over `.env`, and both win over
our own choices.
"""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from config.run import ports
from config.run.errors import UsageError

CREDENTIALS = ("OPENHUMANS_CLIENT_ID", "OPENHUMANS_CLIENT_SECRET", "GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET")
PROVIDER_URLS = ("OPENHUMANS_URL", "GITHUB_URL", "GITHUB_API_URL")
# The path of each provider's callback, as the application registers it.
CALLBACK = "{site}/accounts/{provider}/login/callback/"
SANDBOX_CLIENT_IDS = {"OPENHUMANS_CLIENT_ID": "sandbox-openhumans", "GITHUB_CLIENT_ID": "sandbox-github"}

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_QUOTED = re.compile(r"""(["'])(.*)\1\s*(?:#.*)?""")


def parse_env_file(text: str, name: str = ".env") -> dict[str, str]:
    """`KEY=VALUE` lines; `#` begins a comment; a value may stand in quotes. Raises `UsageError`."""
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise UsageError(f"{name}, line {number}: this is not KEY=VALUE.")
        key, value = match.groups()
        if key in values:
            raise UsageError(f"{name}, line {number}: {key} is set twice.")
        values[key] = _unquoted(value, f"{name}, line {number}: the quotes around {key} do not match.")
    return values


def _unquoted(value: str, complaint: str) -> str:
    if value[:1] not in {'"', "'"}:
        return re.split(r"\s#|^#", value, maxsplit=1)[0].rstrip()
    match = _QUOTED.fullmatch(value)
    if match is None or match[1] in match[2]:
        raise UsageError(complaint)
    return match[2]


def read_environment(environ: Mapping[str, str], env_file: Path) -> dict[str, str]:
    """The environment over the file. An empty value counts as not set, as in a copied example file."""
    values: dict[str, str] = {}
    if env_file.is_file():
        try:
            values = parse_env_file(env_file.read_text(encoding="utf-8"), env_file.name)
        except (OSError, UnicodeDecodeError):
            raise UsageError(f"{env_file} cannot be read as a UTF-8 text file.") from None
    given = {key: value for key, value in values.items() if value}
    return {**given, **{key: value for key, value in environ.items() if value or key not in given}}


def wants_sandbox(env: Mapping[str, str]) -> bool:
    """True without any credential, False with all four. Anything else raises `UsageError`."""
    missing = [name for name in CREDENTIALS if not env.get(name)]
    if not missing:
        return False
    if len(missing) < len(CREDENTIALS):
        raise UsageError(
            f"Not set: {', '.join(missing)}. Set all of {', '.join(CREDENTIALS)} to use the real services, "
            "or none of them to use the stand-ins."
        )
    addresses = [name for name in PROVIDER_URLS if env.get(name)]
    if addresses:
        raise UsageError(
            f"{' and '.join(addresses)} set, but no credentials: set {', '.join(CREDENTIALS)} as well, "
            f"or remove {' and '.join(addresses)} to use the stand-ins."
        )
    return True


def site_url(env: Mapping[str, str], port: int) -> str:
    url = (env.get("SITE_URL") or f"http://{ports.LOOPBACK}:{port}").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query:
        raise UsageError(
            f"SITE_URL wants an address such as https://example.org, without a path, not {url!r}."
        )
    return url


def callback(site: str, provider: str) -> str:
    return CALLBACK.format(site=site, provider=provider)


def repositories(env: Mapping[str, str], default: Path) -> list[Path]:
    """The folders in REPO: separated by spaces, with quotes around one that has spaces in its name."""
    text = env.get("REPO", "").strip()
    if not text:
        return [default]
    if Path(text).is_dir():
        return [Path(text).absolute()]
    try:
        return [Path(part).expanduser().absolute() for part in shlex.split(text)]
    except ValueError:
        raise UsageError("The quotes in REPO do not match.") from None


def sandbox_settings(env: Mapping[str, str], secrets: Mapping[str, str]) -> dict[str, str]:
    """Addresses and credentials of the stand-ins, whose ports stand in `env`."""
    github = f"http://{ports.LOOPBACK}:{env['SANDBOX_GITHUB_PORT']}"
    return {
        "OPENHUMANS_URL": f"http://{ports.LOOPBACK}:{env['SANDBOX_OPENHUMANS_PORT']}",
        "GITHUB_URL": github,
        "GITHUB_API_URL": f"{github}/api",
        **SANDBOX_CLIENT_IDS,
        "OPENHUMANS_CLIENT_SECRET": secrets["SANDBOX_OPENHUMANS_SECRET"],
        "GITHUB_CLIENT_SECRET": secrets["SANDBOX_GITHUB_SECRET"],
        "OPENHUMANS_WEBHOOK_SECRET": secrets["SANDBOX_WEBHOOK_SECRET"],
    }


def application_environment(
    env: Mapping[str, str], ours: Mapping[str, str], *, is_sandbox: bool
) -> dict[str, str]:
    """What web, worker, scheduler and `manage.py` get: what the person set wins over `ours`.

    Except for SANDBOX, which says what is so and is nobody's to choose, and for the addresses of the app
    before this one, which the stand-ins do not know.
    """
    given = {key: value for key, value in env.items() if value}
    base = {"DEBUG": "false", "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONUNBUFFERED": "1"}
    decided = {"SANDBOX": "true", "LEGACY_CALLBACKS": "false"} if is_sandbox else {"SANDBOX": "false"}
    return {**base, **ours, **given, **decided}
