"""The direct-sharing API with member tokens: https://www.openhumans.org/direct-sharing/oauth2-data-upload/

Master tokens, which act for a whole project, are not imitated: the product has none.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import MethodNotAllowed

from sandbox.openhumans.answers import api_json, api_unauthorized, server_error
from sandbox.openhumans.files import PROJECT_LABEL, StoredFile
from sandbox.openhumans.member_acts import MemberActs
from sandbox.openhumans.server_rules import CrashError, RefusedError, read_metadata, valid_basename
from sandbox.openhumans.state import State
from sandbox.openhumans.storage import Storage
from sandbox.server import Faults, drop_connection, truncate

PREFIX = "/api/direct-sharing/project/"
_REQUIRED = "This field is required."
_PAGE = 100
_LONGEST_KEY = 1024


def api_blueprint(state: State, storage: Storage, acts: MemberActs, faults: Faults) -> Blueprint:
    blueprint = Blueprint("api", __name__)
    api = Api(state, storage, acts, faults)
    for path, method, view in (
        ("", "GET", api.project),
        ("exchange-member/", "GET", api.exchange_member),
        ("files/upload/", "POST", api.simple_upload),
        ("files/upload/direct/", "POST", api.start_upload),
        ("files/upload/complete/", "POST", api.complete_upload),
        ("files/delete/", "POST", api.delete_files),
        ("message/", "POST", api.message),
        ("remove-members/", "POST", api.remove_member),
    ):
        blueprint.add_url_rule(PREFIX + path, view.__name__, _api_view(state, faults, view), methods=[method])
    blueprint.app_errorhandler(MethodNotAllowed)(_method_not_allowed)
    return blueprint


def _api_view(state: State, faults: Faults, view: Callable[[], Response]) -> Callable[[], Response]:
    """What every API call goes through: the faults of all calls, the token, the form."""

    @wraps(view)
    def guarded() -> Response:
        slow = faults.take("slow_seconds")
        if slow:
            time.sleep(float(slow))
        if faults.take("html_500"):
            return server_error()
        refusal = _check_token(state) or _read_form()
        answer = refusal or view()
        cut = faults.take("truncate_body") if answer.is_json else None
        if cut == "hang_up":
            return truncate(answer)
        if cut:
            body = answer.get_data()
            answer.set_data(body[: len(body) // 2])
        return answer

    return guarded


def _check_token(state: State) -> Response | None:
    """The query parameter wins over the header, as a middleware of the real server has it."""
    in_query = request.args.get("access_token")
    words = ["Bearer", in_query] if in_query else request.headers.get("Authorization", "").split()
    if not words or words[0].lower() != "bearer":
        return api_unauthorized("Authentication credentials were not provided.")
    if len(words) == 1:
        return api_unauthorized("Invalid token header. No credentials provided.")
    if len(words) > 2:
        return api_unauthorized("Invalid token header. Token string should not contain spaces.")
    pair = state.grants.access(words[1])
    if pair is None:
        return api_unauthorized("Invalid token.", "The access token is invalid.")
    if pair.access_expires <= state.now():
        return api_unauthorized("Expired token.", "The access token has expired.")
    g.member = pair.member
    return None


def _read_form() -> Response | None:
    """`g.form`: the fields of a form, multipart or JSON body. In JSON, `null` counts as absent."""
    if request.method == "GET" or (not request.content_length and not request.mimetype):
        g.form = {}
        return None
    if request.mimetype in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        g.form = request.form.to_dict()
        return None
    if request.mimetype != "application/json":
        media_type = request.headers.get("Content-Type", "")
        return api_json({"detail": f'Unsupported media type "{media_type}" in request.'}, 415)
    decoded = request.get_json(silent=True)
    if decoded is None:
        return api_json({"detail": "JSON parse error - Expecting value: line 1 column 1 (char 0)"}, 400)
    if not isinstance(decoded, dict):
        return server_error()
    g.form = {name: value for name, value in decoded.items() if value is not None}
    return None


class Api:
    """The views. `g.member` is the token's member, `g.form` the body's fields."""

    def __init__(self, state: State, storage: Storage, acts: MemberActs, faults: Faults) -> None:
        self._state = state
        self._storage = storage
        self._acts = acts
        self._faults = faults

    def project(self) -> Response:
        return api_json(
            {
                "active": True,
                "approved": True,
                "authorized_members": len(self._state.grants.members()),
                "badge_image": None,
                "contact_email": "stand-in@example.org",
                "id": int(PROJECT_LABEL.rpartition("-")[2]),
                "id_label": PROJECT_LABEL,
                "info_url": "",
                "is_academic_or_nonprofit": True,
                "is_study": False,
                "leader": "Stand-in",
                "long_description": "Not a real project: a stand-in on this machine.",
                "name": "Stand-in project",
                "organization": "",
                "registered_datatypes": [],
                "requested_sources": [],
                "request_sources_access": [],
                "request_username_access": False,
                "returned_data_description": "",
                "short_description": "A stand-in",
                "slug": "stand-in-project",
                "type": "oauth2",
            }
        )

    def exchange_member(self) -> Response:
        if self._faults.take("fail_list"):
            return server_error()
        created = self._state.grants.joined_at(g.member)
        if created is None:
            return server_error()
        sources = self._state.files.sources(g.member)
        files = self._state.files.of_member(g.member, [PROJECT_LABEL, *sources])
        if self._faults.take("empty_list"):
            files = []
        lacking = self._faults.take("list_without")
        files = [file for file in files if file.basename != lacking]
        limit, offset = _page()
        page = files[offset : offset + limit]
        keys = self._state.files.new_keys(file.id for file in page)
        return api_json(
            {
                "count": len(files),
                "next": _page_url(limit, offset + limit) if offset + limit < len(files) else None,
                "previous": _page_url(limit, offset - limit) if offset > 0 else None,
                "created": _iso(created),
                "project_member_id": g.member,
                "sources_shared": sources,
                "data": [_file_item(file, keys[file.id]) for file in page],
            }
        )

    def start_upload(self) -> Response:
        if self._faults.take("fail_start"):
            return server_error()
        try:
            metadata, errors = _metadata()
        except CrashError:
            return server_error()
        name = str(g.form.get("filename", "")).strip()
        if not name:
            errors["filename"] = [_REQUIRED]
        if errors:
            return api_json(errors, 400)
        if len(name) > _LONGEST_KEY - 100:
            return server_error()
        file = self._state.files.start(g.member, name, metadata)
        return api_json({"id": file.id, "url": self._storage.upload_url(file)}, 201)

    def complete_upload(self) -> Response:
        if self._faults.take("fail_complete"):
            return server_error()
        file_id, errors = _whole_number("file_id")
        if errors:
            return errors
        if file_id is None:
            return api_json({"detail": "file does not exist"}, 400)
        # The real server does not ask whose file this is.
        file = self._state.files.by_id(file_id)
        if file is None:
            return server_error()
        size = self._state.files.complete(file)
        if size is None:
            return api_json({"detail": "file not present"}, 400)
        if self._faults.take("lose_complete_answer"):
            return drop_connection()
        return api_json({"status": "ok", "size": size})

    def simple_upload(self) -> Response:
        try:
            metadata, errors = _metadata()
        except CrashError:
            return server_error()
        upload = request.files.get("data_file")
        content = upload.read() if upload else b""
        if upload is None or not upload.filename:
            errors["data_file"] = [_REQUIRED]
        elif not content:
            errors["data_file"] = ["The submitted file is empty."]
        if errors or upload is None:
            return api_json(errors, 400)
        file = self._state.files.start(g.member, valid_basename(upload.filename or ""), metadata)
        self._storage.store(file, content)
        self._state.files.complete(file)
        return api_json({"id": file.id}, 201)

    def delete_files(self) -> Response:
        if self._faults.take("fail_delete"):
            return server_error()
        file_id, errors = _whole_number("file_id")
        if errors:
            return errors
        basename = str(g.form.get("file_basename", "")).strip()
        is_all = str(g.form.get("all_files", "")) in {"true", "True"}
        given = [bool(file_id), bool(basename), is_all]
        text = "one of file_id, file_basename, or all_files is required"
        if not any(given):
            return api_json({"missing_field": text}, 400)
        if sum(given) > 1:
            return api_json({"too_many": text}, 400)
        wanted = [
            file
            for file in self._state.files.of_member(g.member)
            if is_all or file.id == file_id or (basename and file.basename == basename)
        ]
        return api_json({"ids": [file.id for file in wanted if self._state.files.delete(file)]})

    def message(self) -> Response:
        text = str(g.form.get("message", "")).strip()
        if not text:
            return api_json({"errors": {"message": [_REQUIRED]}}, 400)
        self._state.add_message(g.member, str(g.form.get("subject", "")), text)
        return api_json("success")

    def remove_member(self) -> Response:
        is_clean = self._acts.leave(g.member, is_erasure_requested=False, is_removing_files=False).is_clean
        # The real server fails on its webhook after it has removed the member.
        return api_json("success") if is_clean else server_error()


def _metadata() -> tuple[Any, dict[str, list[str]]]:
    """The decoded metadata and the errors of its field. Raises CrashError where the real server fails."""
    text = g.form.get("metadata", "")
    if not text:
        return None, {"metadata": [_REQUIRED]}
    if not isinstance(text, str):
        return None, {"metadata": ["could not parse the uploaded metadata"]}
    try:
        return read_metadata(text), {}
    except RefusedError as error:
        return None, {"metadata": [str(error)]}


def _whole_number(field: str) -> tuple[int | None, Response | None]:
    value = str(g.form.get(field, "")).strip()
    if not value:
        return None, None
    try:
        return int(value), None
    except ValueError:
        return None, api_json({field: ["Enter a whole number."]}, 400)


def _page() -> tuple[int, int]:
    """`limit` and `offset`; what is not a proper number falls back to 100 and 0."""
    limit, offset = (request.args.get(name, "") for name in ("limit", "offset"))
    return (
        int(limit) if limit.isdecimal() and len(limit) < 10 and int(limit) else _PAGE,
        int(offset) if offset.isdecimal() and len(offset) < 10 else 0,
    )


def _page_url(limit: int, offset: int) -> str:
    """The request's own query string, token included, with another page in it."""
    query = dict(parse_qsl(request.query_string.decode()))
    query["limit"] = str(limit)
    query.pop("offset", None)
    if offset > 0:
        query["offset"] = str(offset)
    return f"{request.base_url}?{urlencode(sorted(query.items()))}"


def _file_item(file: StoredFile, key: str) -> dict[str, Any]:
    host = request.host_url
    return {
        "id": file.id,
        "basename": file.basename,
        "created": _iso(file.created),
        "datatypes": [],
        "download_url": f"{host}data-management/datafile-download/{file.id}/?key={key}",
        "metadata": file.metadata,
        "source": file.source,
        "source_project": f"{host}api/public/project/{file.source.rpartition('-')[2]}/",
    }


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")


def _method_not_allowed(error: MethodNotAllowed) -> Response:
    allowed = sorted({*(error.valid_methods or ()), "OPTIONS"})
    if request.path.startswith("/api/"):
        answer = api_json({"detail": f'Method "{request.method}" not allowed.'}, 405)
    else:
        answer = Response(status=405)
    answer.headers["Allow"] = ", ".join(allowed)
    return answer
