"""Around every REST endpoint: the caller, limits, conditional answers, pages, finding repositories."""

import hashlib
import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlencode

from flask import Response, jsonify, request

from sandbox.github.gate import Caller, Turned, admit, identify, problem, with_headers
from sandbox.github.hosted import Organization, Repository
from sandbox.github.limits import CORE
from sandbox.github.obstacles import SAML_MESSAGE, app_restriction
from sandbox.github.paging import iso
from sandbox.github.reading import Reading
from sandbox.github.service import Service, current_service
from sandbox.server import truncate

_PAGE_SIZE = 30
_LARGEST_PAGE = 100
Parameters = ParamSpec("Parameters")
Item = TypeVar("Item")


def endpoint(
    *, accepted_scopes: str = "", is_free: bool = False
) -> Callable[[Callable[Concatenate[Reading, Parameters], Response]], Callable[Parameters, Response]]:
    """A GET of the API: caller, limits, conditional answers and headers around what the function answers."""

    def decorate(
        answer: Callable[Concatenate[Reading, Parameters], Response],
    ) -> Callable[Parameters, Response]:
        @wraps(answer)
        def respond(*arguments: Parameters.args, **names: Parameters.kwargs) -> Response:
            service = current_service()
            try:
                caller = identify(unauthenticated_message="Requires authentication")
                if not is_free:
                    admit(service.limits, caller, CORE, 1)
            except Turned as turned:
                return turned.response
            reading = service.reading(caller.account, caller.scopes)
            try:
                response = _broken(service) or answer(reading, *arguments, **names)
            except Turned as turned:
                response = turned.response
            service.faults.count_request()
            response = _finished(response, caller, accepted_scopes, is_free=is_free)
            return truncate(response) if service.faults.due("rest_truncate_body") else response

        return respond

    return decorate


def named(reading: Reading, owner: str, name: str) -> Repository:
    """Raises Turned: 301 for a former name, 404 for what cannot be seen, 403 for what is forbidden."""
    found = reading.catalogue.repository_by_name(owner, name)
    if found is None:
        raise Turned(problem(404, "Not Found"))
    _check_readable(reading, found)
    if found.full_name.lower() != f"{owner}/{name}".lower():
        rest = request.path.partition(f"/repos/{owner}/{name}")[2]
        url = f"{reading.web_url}/repositories/{found.id}{rest}"
        response = problem(301, "Moved Permanently", url=url)
        response.headers["Location"] = url
        raise Turned(response)
    return found


def numbered(reading: Reading, number: int) -> Repository:
    found = reading.catalogue.repository_by_id(number)
    if found is None:
        raise Turned(problem(404, "Not Found"))
    _check_readable(reading, found)
    return found


def page(items: Sequence[Item], shape: Callable[[Item], Any], path: str) -> Response:
    """One page, with links to the others as GitHub gives them."""
    size = min(max(request.args.get("per_page", _PAGE_SIZE, type=int), 1), _LARGEST_PAGE)
    number = max(request.args.get("page", 1, type=int), 1)
    response = jsonify([shape(item) for item in items[(number - 1) * size : number * size]])
    last = max(1, math.ceil(len(items) / size))
    links = []
    if number > 1:
        links.append((number - 1, "prev"))
    if number < last:
        links += [(number + 1, "next"), (last, "last")]
    if number > 1:
        links.append((1, "first"))
    if links:
        response.headers["Link"] = ", ".join(
            f'<{_page_url(path, page)}>; rel="{relation}"' for page, relation in links
        )
    return response


def _finished(response: Response, caller: Caller, accepted_scopes: str, *, is_free: bool) -> Response:
    """An answer that the client already has is free. ETags belong to a token."""
    points = 0 if is_free else 1
    if response.status_code == 200:
        content = hashlib.sha256(caller.token.pair.encode() + response.get_data()).hexdigest()
        response.set_etag(content, weak=True)
        response.headers["Cache-Control"] = "private, max-age=60, s-maxage=60"
        response.headers["Vary"] = "Accept, Authorization, Cookie"
        response.make_conditional(request)
        points = 0 if response.status_code == 304 else points
    limits = current_service().limits
    standing = limits.charge(caller.account.id, CORE, points)
    return with_headers(response, caller, standing, accepted=accepted_scopes)


def check_organization(reading: Reading, organization: Organization) -> None:
    """Raises Turned 403 where it keeps the app out."""
    login = organization.login
    if login in reading.obstacles.restricted_organizations:
        raise Turned(problem(403, app_restriction(login)))
    if login in reading.obstacles.saml_organizations:
        response = problem(403, SAML_MESSAGE)
        response.headers["X-GitHub-SSO"] = f"required; url={reading.web_url}/orgs/{login}/sso"
        raise Turned(response)


def with_partial_results(response: Response, reading: Reading) -> Response:
    """Lists leave out what organisations with SAML keep back, and say so in a header."""
    kept_back = [
        str(each.id)
        for each in reading.catalogue.organizations_of(reading.account)
        if each.login in reading.obstacles.saml_organizations
    ]
    if kept_back:
        response.headers["X-GitHub-SSO"] = f"partial-results; organizations={','.join(kept_back)}"
    return response


def _check_readable(reading: Reading, repository: Repository) -> None:
    if not reading.can_see(repository):
        raise Turned(problem(404, "Not Found"))
    if repository.name in reading.obstacles.blocked:
        block = {"reason": "tos", "created_at": iso(repository.created_seconds), "html_url": None}
        raise Turned(problem(451, "Repository access blocked", block=block))
    if repository.name in reading.obstacles.forbidden:
        raise Turned(problem(403, app_restriction(repository.owner.login)))
    if isinstance(repository.owner, Organization):
        check_organization(reading, repository.owner)


def _broken(service: Service) -> Response | None:
    status = service.faults.due("rest_status")
    return problem(int(status), "Server Error") if status else None


def _page_url(path: str, page: int) -> str:
    others = [(name, value) for name, value in request.args.items(multi=True) if name != "page"]
    return f"{request.root_url.rstrip('/')}{path}?{urlencode([*others, ('page', page)])}"
