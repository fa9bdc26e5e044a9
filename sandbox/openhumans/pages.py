"""The pages a curious person opens, and the switches tests use to play the member or to move the clock.

* `GET /`: every member's files, each with a delete button; `POST /sign-out/` forgets who one was
* `POST /_sandbox/members/<id>/leave` with `{"erasure_requested": bool, "remove_datafiles": bool}`
* `POST /_sandbox/members/<id>/delete-file/<file id>`
* `POST /_sandbox/members/<id>/files` with `{"basename", "content", "metadata", "source"}`: a finished
  file from elsewhere, for instance of another source or of an older version of the product
* `POST /_sandbox/expire-tokens` with `{}` or `{"member": id}`: access tokens expire now
* `POST /_sandbox/clock` with `{"advance_seconds": n}`: codes, keys and tokens age
* `GET /_sandbox/messages`: what was sent to members
"""

from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request

from sandbox.openhumans.files import PROJECT_LABEL
from sandbox.openhumans.member_acts import MemberActs
from sandbox.openhumans.oauth import MEMBER_COOKIE
from sandbox.openhumans.state import State
from sandbox.openhumans.storage import Storage

_METADATA = {"description": "Put here by hand.", "tags": []}


def pages_blueprint(state: State, storage: Storage, acts: MemberActs) -> Blueprint:
    blueprint = Blueprint("pages", __name__)
    pages = Pages(state, storage, acts)
    blueprint.add_url_rule("/", "home", pages.home, methods=["GET"])
    blueprint.add_url_rule("/sign-out/", "sign_out", pages.sign_out, methods=["POST"])
    blueprint.add_url_rule("/files/<int:file_id>/delete/", "remove", pages.delete_from_page, methods=["POST"])
    for path, view in (
        ("members/<member>/leave", pages.leave),
        ("members/<member>/delete-file/<int:file_id>", pages.delete_file),
        ("members/<member>/files", pages.plant_file),
        ("expire-tokens", pages.expire_tokens),
        ("clock", pages.advance_clock),
    ):
        blueprint.add_url_rule(f"/_sandbox/{path}", view.__name__, view, methods=["POST"])
    blueprint.add_url_rule("/_sandbox/messages", "messages", pages.messages, methods=["GET"])
    return blueprint


class Pages:
    def __init__(self, state: State, storage: Storage, acts: MemberActs) -> None:
        self._state = state
        self._storage = storage
        self._acts = acts

    def home(self) -> str:
        members = [
            {
                "id": member,
                "folder": str(self._state.files.folder.resolve() / member),
                "files": [
                    {"file": file, "size": path.stat().st_size}
                    for file in self._state.files.of_member(
                        member, [PROJECT_LABEL, *self._state.files.sources(member)]
                    )
                    if (path := self._state.files.content(file))
                ],
            }
            for member in self._state.grants.members()
        ]
        return render_template("home.html", members=members, signed_in=request.cookies.get(MEMBER_COOKIE))

    def sign_out(self) -> Any:
        answer = redirect("/")
        answer.delete_cookie(MEMBER_COOKIE)
        return answer

    def delete_from_page(self, file_id: int) -> Any:
        file = self._state.files.by_id(file_id)
        if file:
            self._state.files.delete(file)
        return redirect("/")

    def leave(self, member: str) -> tuple[Response, int]:
        asked = _body()
        departure = self._acts.leave(
            member,
            is_erasure_requested=bool(asked.get("erasure_requested")),
            is_removing_files=bool(asked.get("remove_datafiles")),
        )
        shown = {
            "was_member": departure.was_member,
            "webhook_statuses": departure.webhook_statuses,
            "deleted_files": departure.deleted_files,
        }
        return jsonify(shown), 200 if departure.is_clean else 500

    def delete_file(self, member: str, file_id: int) -> tuple[Response, int]:
        file = self._state.files.by_id(file_id)
        is_deleted = file is not None and file.member == member and self._state.files.delete(file)
        return jsonify({"deleted": is_deleted}), 200 if is_deleted else 404

    def plant_file(self, member: str) -> tuple[Response, int]:
        asked = _body()
        if self._state.grants.joined_at(member) is None:
            return jsonify({"error": "This is not a member."}), 404
        file = self._state.files.start(
            member,
            str(asked.get("basename", "planted.txt")),
            asked.get("metadata", _METADATA),
            str(asked.get("source", PROJECT_LABEL)),
        )
        self._storage.store(file, str(asked.get("content", "")).encode())
        self._state.files.complete(file)
        return jsonify({"id": file.id}), 201

    def expire_tokens(self) -> Response:
        member = _body().get("member")
        return jsonify({"expired": self._state.grants.expire_access_tokens(str(member) if member else None)})

    def advance_clock(self) -> tuple[Response, int]:
        seconds = _body().get("advance_seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or abs(seconds) > 1e9:
            return jsonify({"error": "advance_seconds must be a number."}), 400
        self._state.advance(seconds)
        return jsonify({"now": self._state.now()}), 200

    def messages(self) -> Response:
        return jsonify(self._state.messages())


def _body() -> dict[str, Any]:
    decoded = request.get_json(force=True, silent=True)
    return decoded if isinstance(decoded, dict) else {}
