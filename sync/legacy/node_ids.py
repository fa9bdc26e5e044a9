"""Which repository a node id of GitHub names: what no rename changes in the old app's file. Pure.

A node id is opaque to most, but holds the number of the repository in both forms that GitHub has given out:

- until 2021 the base64 of `010:Repository1296269` and of `06:Commit1296269:7fd1a60b...`;
- since then a prefix and the URL-safe base64 of a MessagePack array, `R_` of `[0, 1296269]` and `C_` of
  `[0, 1296269, "7fd1a60b..."]`.

(https://docs.github.com/graphql/guides/migrating-graphql-global-node-ids; the layout is as observed.)
"""

import base64
import binascii
import re

OLD_FORM = re.compile(rb"\d+:(?:Repository(\d{1,19})|Commit(\d{1,19}):[0-9a-f]{40}(?:[0-9a-f]{24})?)")
# MessagePack: an array of two or three, the number 0, then an unsigned number of one of these sizes in bytes.
ARRAYS = {"R": b"\x92\x00", "C": b"\x93\x00"}
SIZES = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
LARGEST_FIXED = 0x7F


def repository_number(node_id: str) -> int | None:
    """The number of the repository that a repository's or a commit's node id tells; None if it tells none."""
    prefix, separator, encoded = node_id.partition("_")
    if separator and prefix in ARRAYS:
        return _of_new_form(ARRAYS[prefix], _decoded(encoded))
    found = OLD_FORM.fullmatch(_decoded(node_id))
    return int(found[1] or found[2]) if found else None


def _of_new_form(array: bytes, packed: bytes) -> int | None:
    start, rest = packed[: len(array)], packed[len(array) :]
    if start != array or not rest:
        return None
    if rest[0] <= LARGEST_FIXED:
        return rest[0]
    size = SIZES.get(rest[0])
    number = rest[1 : 1 + size] if size else b""
    return int.from_bytes(number, "big") if size and len(number) == size else None


def _decoded(text: str) -> bytes:
    """Nothing for what is no base64."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
