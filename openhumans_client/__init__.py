"""A client of Open Humans: signing in, and the project API with a member's token. Knows nothing of Django."""

from openhumans_client.client import Download, OpenHumansClient
from openhumans_client.deadline import Deadline
from openhumans_client.errors import (
    InvalidClient,
    InvalidGrant,
    InvalidMetadata,
    NotFound,
    OpenHumansError,
    RateLimited,
    TooHeavy,
    Unauthorized,
    Unavailable,
    UnexpectedResponse,
)
from openhumans_client.oauth import OpenHumansOAuth
from openhumans_client.protocol import decode_deauthorization, verify_signature
from openhumans_client.types import Deauthorization, File, Member, Project, StartedUpload, TokenGrant

__all__ = [
    "Deadline",
    "Deauthorization",
    "Download",
    "File",
    "InvalidClient",
    "InvalidGrant",
    "InvalidMetadata",
    "Member",
    "NotFound",
    "OpenHumansClient",
    "OpenHumansError",
    "OpenHumansOAuth",
    "Project",
    "RateLimited",
    "StartedUpload",
    "TokenGrant",
    "TooHeavy",
    "Unauthorized",
    "Unavailable",
    "UnexpectedResponse",
    "decode_deauthorization",
    "verify_signature",
]
