"""Which repository a commit's node id names: what no rename changes in the old app's file. Pure.

A node id is opaque to most, but holds the number of the repository (GitHub's `databaseId`) in both forms that
GitHub has given out:

- until 2021 the base64 of `06:Commit1296269:7fd1a60b...`;
- since then `C_` and the URL-safe base64 of a MessagePack array, `[0, 1296269, "7fd1a60b..."]`.

(https://docs.github.com/graphql/guides/migrating-graphql-global-node-ids; the layout is as observed.)
"""

import base64
import binascii
import re

OLD_COMMIT = re.compile(rb"06:Commit(\d{1,19}):([0-9a-f]{40}(?:[0-9a-f]{24})?)")
# MessagePack: an array of three, the number 0, then an unsigned number of one of these sizes in bytes.
START = b"\x93\x00"
SIZES = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
LARGEST_FIXED = 0x7F


def repository_number(node_id: str, oid: str) -> int | None:
    """The number of the repository that a commit was read from; None unless it is this commit's node id."""
    if node_id.startswith("C_"):
        number, rest = _number_and_rest(_decoded(node_id[2:]))
        return number if rest in _texts(oid) else None
    found = OLD_COMMIT.fullmatch(_decoded(node_id))
    return int(found[1]) if found and found[2] == oid.encode() else None


def _number_and_rest(packed: bytes) -> tuple[int | None, bytes]:
    rest = packed.removeprefix(START)
    if rest == packed or not rest:
        return None, b""
    if rest[0] <= LARGEST_FIXED:
        return rest[0], rest[1:]
    end = 1 + SIZES.get(rest[0], 0)
    number = rest[1:end]
    return (int.from_bytes(number, "big"), rest[end:]) if number and len(number) == end - 1 else (None, b"")


def _texts(oid: str) -> tuple[bytes, bytes]:
    """As MessagePack may hold it: GitHub counts the length in two bytes, where one would do."""
    text = oid.encode()
    return b"\xda" + len(text).to_bytes(2, "big") + text, b"\xd9" + len(text).to_bytes(1, "big") + text


def _decoded(text: str) -> bytes:
    """Nothing for what is no base64."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
