"""Numeric ids and node ids in GitHub's present format, the same after every start because they are hashes.

A node id is a prefix and the base64 of a MessagePack array: `[0, id]`, or `[0, repository id, name]`.
"""

import base64
import binascii
import hashlib
from typing import NamedTuple


class NodeId(NamedTuple):
    prefix: str
    database_id: int
    rest: str = ""

    def __str__(self) -> str:
        number = b"\xce" + self.database_id.to_bytes(4, "big")
        if self.rest:
            rest = self.rest.encode()
            packed = b"\x93\x00" + number + b"\xda" + len(rest).to_bytes(2, "big") + rest
        else:
            packed = b"\x92\x00" + number
        return f"{self.prefix}_{base64.urlsafe_b64encode(packed).decode().rstrip('=')}"


def parse_node_id(text: str) -> NodeId | None:
    """None for what was never an id of ours."""
    prefix, _, encoded = text.partition("_")
    try:
        packed = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        node_id = NodeId(prefix, int.from_bytes(packed[3:7], "big"), packed[10:].decode())
    except (binascii.Error, ValueError):
        return None
    return node_id if str(node_id) == text else None


def numeric_id(*parts: str) -> int:
    """A positive number of 31 bits, so that it fits GraphQL's Int."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") >> 1 or 1
