"""The programs of the service and how each is called, as in any Django and Dramatiq deployment."""

import sys
from collections.abc import Mapping
from pathlib import Path

from config.run import ports
from config.run.environment import callback
from config.run.folders import CHECKOUT
from config.run.processes import Child

NOT_FOR_STAND_INS = {
    "SECRET_KEY",
    "TOKEN_KEYS",
    "DATABASE_URL",
    "REDIS_URL",
    "OPENHUMANS_CLIENT_SECRET",
    "GITHUB_CLIENT_SECRET",
}
ON_LOOPBACK = f"{ports.LOOPBACK},localhost"


def program(name: str) -> list[str]:
    """A program of our environment, by our Python: its first line is too long for some kernels."""
    return [sys.executable, str(Path(sys.executable).parent / name)]


def application(env: Mapping[str, str], logs: Path, port: int) -> list[Child]:
    gunicorn = ["config.wsgi:application", "--bind", f"{ports.LOOPBACK}:{port}", "--workers", "2"]
    gunicorn += ["--threads", "4", "--timeout", "30", "--graceful-timeout", "10", "--no-control-socket"]
    dramatiq = ["sync.actors", "--processes", "2", "--threads", "8"]
    return [
        Child("web", program("gunicorn") + gunicorn, env, logs / "web.log", CHECKOUT),
        Child("worker", program("dramatiq") + dramatiq, env, logs / "worker.log", CHECKOUT),
        Child("scheduler", [*program("periodiq"), "sync.actors"], env, logs / "scheduler.log", CHECKOUT),
    ]


def manage(command: list[str], env: Mapping[str, str], logs: Path) -> Child:
    script = [sys.executable, str(CHECKOUT / "manage.py"), *command]
    return Child(command[0], script, env, logs / f"{command[0]}.log", CHECKOUT)


def stand_ins(env: Mapping[str, str], logs: Path, files: Path, repositories: list[Path]) -> list[Child]:
    """GitHub and Open Humans, registered with the credentials and callbacks that the application has."""
    github = ["github", "--port", env["SANDBOX_GITHUB_PORT"]]
    for repository in repositories:
        github += ["--repo", str(repository)]
    for option, setting in (("--login", "SANDBOX_LOGIN"), ("--email", "SANDBOX_EMAIL")):
        if env.get(setting):
            github += [option, env[setting]]
    openhumans = ["openhumans", "--port", env["SANDBOX_OPENHUMANS_PORT"], "--data", str(files)]
    return [
        _stand_in("github", github, env, logs),
        _stand_in("openhumans", openhumans, env, logs),
    ]


def _stand_in(name: str, arguments: list[str], env: Mapping[str, str], logs: Path) -> Child:
    client = f"{name.upper()}_CLIENT"
    command = [sys.executable, "-m", "sandbox", *arguments, "--client-id", env[f"{client}_ID"]]
    command += ["--redirect-uri", callback(env["SITE_URL"], name)]
    # Secrets in the environment, for every user can list arguments; and of the application's only these two.
    own = {key: value for key, value in env.items() if key not in NOT_FOR_STAND_INS}
    own["SANDBOX_CLIENT_SECRET"] = env[f"{client}_SECRET"]
    own["SANDBOX_WEBHOOK_SECRET"] = env.get("OPENHUMANS_WEBHOOK_SECRET", "")
    return Child(f"{name} stand-in", command, own, logs / f"sandbox-{name}.log", CHECKOUT, stop_seconds=5)


def without_proxy(env: Mapping[str, str]) -> dict[str, str]:
    """The stand-ins are on this machine, where a proxy cannot reach them."""
    spared = ",".join(filter(None, (env.get("NO_PROXY") or env.get("no_proxy"), ON_LOOPBACK)))
    return {**env, "NO_PROXY": spared, "no_proxy": spared}
