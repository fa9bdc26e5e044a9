"""What is asked of single files: their text, and the commit that last changed their path."""

from __future__ import annotations

from collections.abc import Sequence

from github_client.git_objects import FileRequest
from github_client.queries.query import RATE, Query

_FILE_TEXT = """
fragment FileText on Blob { oid byteSize isTruncated }
"""


def files(requests: Sequence[FileRequest]) -> Query:
    """Files as f0, f1, ...: r repository, o content, h head, p path, t whether the text is wanted."""
    variables: dict[str, object] = {}
    for n, request in enumerate(requests):
        variables |= {
            f"r{n}": request.repository_id,
            f"o{n}": request.oid,
            f"h{n}": request.head_oid,
            f"p{n}": request.path,
            f"t{n}": request.with_text,
        }
    count = range(len(requests))
    declared = ", ".join(
        f"$r{n}: ID!, $o{n}: GitObjectID!, $h{n}: GitObjectID!, $p{n}: String!, $t{n}: Boolean!"
        for n in count
    )
    fields = "\n  ".join(
        f"f{n}: node(id: $r{n}) {{ __typename ... on Repository {{ "
        f"file: object(oid: $o{n}) {{ __typename ... on Blob {{ ...FileText text @include(if: $t{n}) }} }} "
        f"head: object(oid: $h{n}) {{ __typename ... on Commit {{ "
        f"history(first: 1, path: $p{n}) {{ nodes {{ oid committedDate }} }} }} }} }} }}"
        for n in count
    )
    document = f"""
query Files({declared}) {{
  {fields}
  {RATE}
}}
{_FILE_TEXT}"""
    return Query("Files", document, variables, connections=len(requests))
