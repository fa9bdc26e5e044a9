"""The REST endpoints of a person: identity, addresses, repositories, limits."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from sandbox.github.gate import Turned, problem
from sandbox.github.limits import CORE, GRAPHQL
from sandbox.github.reading import Reading
from sandbox.github.rest_endpoint import endpoint, named, numbered, page, with_partial_results
from sandbox.github.rest_shapes import own_user_shape, repository_shape
from sandbox.github.service import current_service

blueprint = Blueprint("rest", __name__)

_SORT_KEYS = {
    "created": "created_at",
    "updated": "updated_at",
    "pushed": "pushed_at",
    "full_name": "full_name",
}


@blueprint.get("/user")
@endpoint()
def user(reading: Reading) -> Response:
    return jsonify(own_user_shape(reading))


@blueprint.get("/user/emails")
@endpoint(accepted_scopes="user, user:email")
def emails(reading: Reading) -> Response:
    if not reading.scopes & {"user", "user:email"}:
        raise Turned(problem(404, "Not Found"))
    addresses = [
        {
            "email": email,
            "primary": position == 0,
            "verified": True,
            "visibility": "private" if not position else None,
        }
        for position, email in enumerate(reading.account.emails)
    ]
    return page(addresses, lambda each: each, "/user/emails")


@blueprint.get("/user/repos")
@endpoint(accepted_scopes="repo")
def repositories(reading: Reading) -> Response:
    arguments = request.args
    if "type" in arguments and ("visibility" in arguments or "affiliation" in arguments):
        message = "If you specify visibility or affiliation, you cannot specify type."
        raise Turned(problem(422, message))
    affiliations = arguments.get("affiliation", "owner,collaborator,organization_member").upper().split(",")
    if arguments.get("type") in {"owner", "member"}:
        affiliations = ["OWNER" if arguments["type"] == "owner" else "COLLABORATOR"]
    visibility = arguments.get("visibility") or arguments.get("type", "all")
    chosen = [
        repository_shape(reading, repository)
        for repository in reading.visible()
        if repository.affiliation(reading.account) in affiliations
        and not reading.obstacles.refusal_in_list(repository)
        and visibility in {"all", "owner", "member", "private" if repository.is_private else "public"}
    ]
    sort = arguments.get("sort", "full_name")
    if sort not in _SORT_KEYS:
        raise Turned(problem(422, "Validation Failed"))
    is_descending = arguments.get("direction", "asc" if sort == "full_name" else "desc") == "desc"
    chosen.sort(key=lambda each: each[_SORT_KEYS[sort]] or "", reverse=is_descending)
    return with_partial_results(page(chosen, lambda each: each, "/user/repos"), reading)


@blueprint.get("/user/orgs")
@endpoint(accepted_scopes="admin:org, read:org, user, write:org")
def organizations(reading: Reading) -> Response:
    found = [
        {"login": each.login, "id": each.id, "node_id": each.node_id, "description": ""}
        for each in reading.catalogue.organizations_of(reading.account)
        if "read:org" in reading.scopes
        and not reading.obstacles.is_dropped(each.login)
        and each.login not in reading.obstacles.saml_organizations
    ]
    return with_partial_results(page(found, lambda each: each, "/user/orgs"), reading)


@blueprint.get("/repos/<owner>/<name>")
@endpoint(accepted_scopes="repo")
def repository_by_name(reading: Reading, owner: str, name: str) -> Response:
    return jsonify(repository_shape(reading, named(reading, owner, name)))


@blueprint.get("/repositories/<int:number>")
@endpoint(accepted_scopes="repo")
def repository_by_number(reading: Reading, number: int) -> Response:
    return jsonify(repository_shape(reading, numbered(reading, number)))


@blueprint.get("/rate_limit")
@endpoint(is_free=True)
def rate_limit(reading: Reading) -> Response:
    limits = current_service().limits
    resources = {}
    for resource in (CORE, GRAPHQL):
        standing = limits.standing(reading.account.id, resource)
        resources[resource] = {
            "limit": standing.limit,
            "used": standing.used,
            "remaining": standing.remaining,
            "reset": standing.reset,
        }
    answer: dict[str, Any] = {"resources": resources}
    if request.headers.get("X-GitHub-Api-Version") != "2026-03-10":
        answer["rate"] = resources[CORE]
    return jsonify(answer)
