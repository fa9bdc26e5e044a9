"""How one stand-in was started."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """Without a client id any client is accepted; without redirect URIs any loopback one is."""

    folder: Path
    client_id: str | None = None
    client_secret: str = field(default="sandbox-secret", repr=False)
    redirect_uris: tuple[str, ...] = ()
    webhook_url: str | None = None
    webhook_secret: str = field(default="", repr=False)
