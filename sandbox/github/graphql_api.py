"""`POST /graphql`: who asks, what it costs, the answer, and the faults that come instead of it."""

import secrets
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from sandbox.github.cost import Cost
from sandbox.github.errors import RefusedQuery
from sandbox.github.faults import GitHubFaults, moment
from sandbox.github.gate import Caller, Turned, admit, block, identify, problem, with_headers
from sandbox.github.limits import GRAPHQL, Standing
from sandbox.github.paging import iso
from sandbox.github.query import Query, is_mutation
from sandbox.github.reading import Reading
from sandbox.github.service import Service, current_service
from sandbox.server import drop_connection, truncate

blueprint = Blueprint("graphql", __name__)

_TIMEOUT_MESSAGE = (
    "We couldn't respond to your request in time. Sorry about that. Please try resubmitting your request and "
    "contact us if the problem persists."
)
_NGINX_PAGE = (
    "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_GATEWAY_STATUSES = {
    500: "500 Internal Server Error",
    502: "502 Bad Gateway",
    503: "503 Service Temporarily Unavailable",
    504: "504 Gateway Time-out",
}
_SOMETHING_WENT_WRONG = (
    "Something went wrong while executing your query. This may be the result of a timeout, or it could be a "
    "GitHub bug. Please include `{request_id}` when reporting this issue."
)


@blueprint.post("/graphql")
def graphql() -> Response:
    service = current_service()
    try:
        caller = identify(unauthenticated_message="This endpoint requires you to be authenticated.")
        body = _body()
        g.is_mutation = is_mutation(body["query"])
        admit(service.limits, caller, GRAPHQL, 5 if g.is_mutation else 1)
    except Turned as turned:
        service.graphql_log.add(None, {}, 0, turned.response.status_code)
        return turned.response
    response, query = _answer(service, caller, body)
    service.faults.count_request()
    cost = query.cost.points if query and not query.cost.is_dry_run else 0
    name = query.name if query else None
    service.graphql_log.add(name, body["variables"], cost, response.status_code)
    return response


def _answer(service: Service, caller: Caller, body: dict[str, Any]) -> tuple[Response, Query | None]:
    reading = service.reading(caller.account, caller.scopes)
    try:
        query = Query(body["query"], body["variables"], body["operationName"])
    except RefusedQuery as refused:
        standing = _charge(service, caller, 1)
        return with_headers(jsonify({"errors": refused.errors}), caller, standing), None
    standing = _charge(service, caller, 0 if query.cost.is_dry_run else query.cost.points)
    reading.rate_limit = _rate_limit(query.cost, standing)
    response = _failure(service, caller, query) or jsonify(query.run(reading))
    _refuse_after_page(service, caller, reading)
    if service.faults.due("truncate_body"):
        response = truncate(response)
    return with_headers(response, caller, service.limits.standing(caller.account.id, GRAPHQL)), query


def _charge(service: Service, caller: Caller, points: int) -> Standing:
    service.accounting.add_points(points)
    return service.limits.charge(caller.account.id, GRAPHQL, points)


def _rate_limit(cost: Cost, standing: Standing) -> dict[str, Any]:
    return {
        "cost": cost.points,
        "limit": standing.limit,
        "node_count": cost.nodes,
        "remaining": standing.remaining,
        "reset_at": iso(standing.reset),
        "used": standing.used,
    }


def _body() -> dict[str, Any]:
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise Turned(problem(400, "Problems parsing JSON"))
    if not isinstance(body.get("query"), str):
        raise Turned(problem(400, "A query attribute must be specified and must be a string."))
    variables = body.get("variables") or {}
    if not isinstance(variables, dict):
        raise Turned(problem(400, "Variables must be a JSON object."))
    return {"query": body["query"], "variables": variables, "operationName": body.get("operationName")}


def _refuse_after_page(service: Service, caller: Caller, reading: Reading) -> None:
    fault = service.faults.seen("refuse_after_page")
    if fault is None:
        return
    limit = moment(fault["older_than"]).timestamp()
    if any(
        page.repository == fault["repository"] and page.oldest_seconds < limit
        for page in reading.history_pages
    ):
        service.faults.switch({"refuse_after_page": False})
        block(caller, GRAPHQL, fault)


def _failure(service: Service, caller: Caller, query: Query) -> Response | None:
    faults = service.faults
    for status in _GATEWAY_STATUSES:
        fault = faults.due(f"status_{status}")
        if fault:
            is_html = isinstance(fault, dict) and bool(fault.get("html"))
            return _timed_out(service, caller, query, status, is_html=is_html)
    if faults.due("drop_connection"):
        return drop_connection()
    if faults.due("something_went_wrong"):
        _charge(service, caller, query.cost.points)
        return jsonify({"data": None, "errors": [{"message": _something_went_wrong()}]})
    for name, size in (("heavy_page_size", query.cost.largest_page), ("heavy_nodes", query.cost.nodes)):
        most = faults.seen(name)
        if most is not None and size > most:
            faults.due(name)
            return _timed_out(service, caller, query, 502, is_html=False)
    return _exceeded(faults, query)


def _exceeded(faults: GitHubFaults, query: Query) -> Response | None:
    fault = faults.seen("resource_limits_exceeded")
    if not fault or not _is_over(query.cost, fault):
        return None
    faults.due("resource_limits_exceeded")
    error = {
        "type": "RESOURCE_LIMITS_EXCEEDED",
        "path": query.cost.root_fields[-1:],
        "message": "Resource limits for this query exceeded.",
    }
    return jsonify({"data": None, "errors": [error]})


def _is_over(cost: Cost, fault: Any) -> bool:
    thresholds = fault if isinstance(fault, dict) else {}
    sizes = {
        "aliases": cost.aliases,
        "page_size": cost.largest_page,
        "window_days": cost.longest_window_days,
    }
    asked = [name for name in sizes if name in thresholds]
    return not asked or any(sizes[name] > thresholds[name] for name in asked)


def _timed_out(service: Service, caller: Caller, query: Query, status: int, *, is_html: bool) -> Response:
    """GitHub takes further points for a query that took too long."""
    _charge(service, caller, query.cost.points)
    if is_html:
        page = _NGINX_PAGE.format(status=_GATEWAY_STATUSES[status])
        return Response(page, status, mimetype="text/html")
    response = jsonify({"data": None, "errors": [{"message": _TIMEOUT_MESSAGE}], "message": _TIMEOUT_MESSAGE})
    response.status_code = status
    return response


def _something_went_wrong() -> str:
    return _SOMETHING_WENT_WRONG.format(request_id=secrets.token_hex(8).upper())
