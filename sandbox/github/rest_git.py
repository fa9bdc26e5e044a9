"""The REST endpoints of a repository's git data: commits, trees, blobs."""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request

from sandbox.github.faults import moment
from sandbox.github.gate import Turned, problem
from sandbox.github.gitlog import Change, Commit
from sandbox.github.history import TreeEntry
from sandbox.github.hosted import Repository
from sandbox.github.reading import Reading
from sandbox.github.rest_endpoint import endpoint, named, numbered, page
from sandbox.github.rest_shapes import commit_shape
from sandbox.github.service import current_service

blueprint = Blueprint("rest_git", __name__)

_FILES_AT_MOST = 300
_TREE_AT_MOST = 100_000


@blueprint.get("/repos/<owner>/<name>/commits")
@endpoint()
def commits_by_name(reading: Reading, owner: str, name: str) -> Response:
    return _commits(reading, named(reading, owner, name))


@blueprint.get("/repositories/<int:number>/commits")
@endpoint()
def commits_by_number(reading: Reading, number: int) -> Response:
    return _commits(reading, numbered(reading, number))


@blueprint.get("/repos/<owner>/<name>/commits/<path:revision>")
@endpoint()
def commit(reading: Reading, owner: str, name: str, revision: str) -> Response:
    repository = named(reading, owner, name)
    found = _commit(repository, revision)
    statistics = repository.git.statistics(found.oid)
    shape = commit_shape(reading, repository, found)
    shape["stats"] = {
        "total": statistics.additions + statistics.deletions,
        "additions": statistics.additions,
        "deletions": statistics.deletions,
    }
    shape["files"] = [_file(change) for change in repository.git.changes(found.oid)[:_FILES_AT_MOST]]
    return jsonify(shape)


@blueprint.get("/repos/<owner>/<name>/git/trees/<path:revision>")
@endpoint()
def tree_by_name(reading: Reading, owner: str, name: str, revision: str) -> Response:
    return _tree(reading, named(reading, owner, name), revision)


@blueprint.get("/repositories/<int:number>/git/trees/<path:revision>")
@endpoint()
def tree_by_number(reading: Reading, number: int, revision: str) -> Response:
    return _tree(reading, numbered(reading, number), revision)


@blueprint.get("/repos/<owner>/<name>/git/blobs/<oid>")
@endpoint()
def blob_by_name(reading: Reading, owner: str, name: str, oid: str) -> Response:
    return _blob(reading, named(reading, owner, name), oid)


@blueprint.get("/repositories/<int:number>/git/blobs/<oid>")
@endpoint()
def blob_by_number(reading: Reading, number: int, oid: str) -> Response:
    return _blob(reading, numbered(reading, number), oid)


def _tree(reading: Reading, repository: Repository, revision: str) -> Response:
    oid = repository.git.resolve(f"{revision}^{{tree}}")
    if oid is None:
        raise Turned(problem(404, "Not Found"))
    entries = repository.git.tree(oid, recursive="recursive" in request.args)
    most = int(current_service().faults.number("truncate_tree", _TREE_AT_MOST))
    api = f"{reading.web_url}/repos/{repository.full_name}/git"
    return jsonify(
        {
            "sha": oid,
            "url": f"{api}/trees/{oid}",
            "tree": [_tree_entry(entry, api) for entry in entries[:most]],
            "truncated": len(entries) > most,
        }
    )


def _blob(reading: Reading, repository: Repository, oid: str) -> Response:
    if repository.git.object_type(oid) != "blob":
        raise Turned(problem(404, "Not Found"))
    content = repository.git.blob(oid)
    if "raw" in request.headers.get("Accept", ""):
        return Response(content, mimetype="application/vnd.github.raw+json")
    return jsonify(
        {
            "sha": oid,
            "size": len(content),
            "encoding": "base64",
            "content": base64.encodebytes(content).decode(),
            "url": f"{reading.web_url}/repos/{repository.full_name}/git/blobs/{oid}",
        }
    )


def _commits(reading: Reading, repository: Repository) -> Response:
    git = repository.git
    if git.head is None:
        raise Turned(problem(409, "Git Repository is empty."))
    start = _commit(repository, request.args.get("sha", git.head)).oid
    author = request.args.get("author")
    oids: Sequence[str] = git.select(
        start,
        emails=_emails_of(reading, author) if author else None,
        since=_seconds(_date("since")),
        until=_seconds(_date("until")),
    )
    if "path" in request.args:
        touching = git.touching(start, request.args["path"])
        oids = [oid for oid in oids if oid in touching]
    path = f"/repositories/{repository.id}/commits"
    return page(oids, lambda oid: commit_shape(reading, repository, _commit(repository, oid)), path)


def _emails_of(reading: Reading, author: str) -> frozenset[str]:
    """`author` is a login or an address."""
    account = reading.catalogue.account_by_login(author)
    return frozenset(account.spellings) if account else frozenset([author])


def _commit(repository: Repository, revision: str) -> Commit:
    oid = repository.git.resolve(f"{revision}^{{commit}}")
    found = repository.git.commit(oid) if oid else None
    if found is None:
        message = f"No commit found for SHA: {revision}"
        raise Turned(problem(422 if len(revision) == 40 else 404, message))
    return found


def _date(name: str) -> datetime | None:
    text = request.args.get(name)
    if text is None:
        return None
    try:
        return moment(text.replace(" ", "+"))
    except ValueError as error:
        raise Turned(problem(422, f"{name} is not a date of ISO 8601.")) from error


def _seconds(date: datetime | None) -> float | None:
    return date.timestamp() if date else None


def _file(change: Change) -> dict[str, Any]:
    shape = {
        "sha": change.oid,
        "filename": change.path,
        "status": change.status,
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
    }
    return shape if change.old_path is None else shape | {"previous_filename": change.old_path}


def _tree_entry(entry: TreeEntry, api: str) -> dict[str, Any]:
    kind = {"blob": "blobs", "tree": "trees"}.get(entry.type)
    shape = {"path": entry.path, "mode": f"{entry.mode:06o}", "type": entry.type, "sha": entry.oid}
    if kind:
        shape["url"] = f"{api}/{kind}/{entry.oid}"
    return shape | ({"size": entry.size} if entry.type == "blob" else {})
