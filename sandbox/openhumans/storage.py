"""What Amazon's S3 is to Open Humans: presigned PUT and GET addresses, XML errors; and the download links."""

import hashlib
import hmac
from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, redirect, request, send_file

from sandbox.openhumans.answers import storage_error
from sandbox.openhumans.files import StoredFile
from sandbox.openhumans.state import State
from sandbox.server import Faults, truncate

PREFIX = "/storage/"
_PUT_SECONDS = 6 * 60 * 60
_GET_SECONDS = 10 * 60
_PIECE = 256 * 1024
_TWO_PERMISSIONS = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string "
    "parameter or the Authorization header should be specified"
)
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your key and signing method."
)


def storage_blueprint(storage: "Storage") -> Blueprint:
    blueprint = Blueprint("storage", __name__)
    blueprint.add_url_rule(f"{PREFIX}<path:name>", "put", storage.put, methods=["PUT"])
    blueprint.add_url_rule(f"{PREFIX}<path:name>", "get", storage.get, methods=["GET", "HEAD"])
    blueprint.add_url_rule(
        "/data-management/datafile-download/<int:file_id>/", "download", storage.download, methods=["GET"]
    )
    return blueprint


class Storage:
    def __init__(self, state: State, faults: Faults) -> None:
        self._state = state
        self._faults = faults

    def upload_url(self, file: StoredFile) -> str:
        """Good for six hours and any number of PUTs; the signature covers an absent Content-Type."""
        expires = int(self._state.now()) + _PUT_SECONDS
        return self._signed("PUT", file.object, expires)

    def download(self, file_id: int) -> Any:
        """The link of a listing: no token, only its key. 403 for whatever is wrong."""
        file = self._state.files.by_id(file_id)
        if file is None or not file.is_complete or self._state.files.content(file) is None:
            return Response("This file is unavailable.", status=403, mimetype="text/html")
        key = request.args.get("key", "")
        if not self._state.files.is_key_good(key, file_id):
            return Response("You are not authorized to view this file.", status=403, mimetype="text/html")
        expires = int(self._state.now()) + _GET_SECONDS
        return redirect(f"{self._signed('GET', file.object, expires)}&x-oh-key={quote(key)}")

    def put(self, name: str) -> Response:
        refusal = self._refusal("PUT", name)
        if refusal is None and self._faults.take("fail_put"):
            refusal = storage_error("InternalError", "We encountered an internal error.", 500)
        if refusal is None and request.content_length is None:
            refusal = storage_error(
                "MissingContentLength", "You must provide the Content-Length HTTP header.", 411
            )
        if refusal is not None:
            return refusal
        file = self._state.files.by_object(name)
        if file is None:
            return storage_error("AccessDenied", "Access Denied", 403)
        etag = self._receive(file, request.stream)
        return Response(status=200, headers={"ETag": f'"{etag}"'})

    def get(self, name: str) -> Any:
        refusal = self._refusal("GET", name)
        if refusal is None and self._faults.take("fail_download"):
            refusal = storage_error("InternalError", "We encountered an internal error.", 500)
        if refusal is not None:
            return refusal
        file = self._state.files.by_object(name)
        path = self._state.files.content(file) if file else None
        if file is None or path is None:
            return storage_error("NoSuchKey", "The specified key does not exist.", 404)
        answer = send_file(path, mimetype="binary/octet-stream", conditional=True, etag=file.etag)
        if self._faults.take("truncate_download"):
            answer.direct_passthrough = False
            return truncate(answer)
        return answer

    def store(self, file: StoredFile, content: bytes) -> None:
        """As a PUT would, for content that came another way."""
        path = self._state.files.incoming(file)
        path.write_bytes(content)
        self._state.files.put(file, path, hashlib.md5(content, usedforsecurity=False).hexdigest())

    def _receive(self, file: StoredFile, stream: Any) -> str:
        """All bytes or nothing: a broken upload leaves what was there before."""
        path = self._state.files.incoming(file)
        digest = hashlib.md5(usedforsecurity=False)
        try:
            with path.open("wb") as target:
                while piece := stream.read(_PIECE):
                    digest.update(piece)
                    target.write(piece)
            self._state.files.put(file, path, digest.hexdigest())
        finally:
            path.unlink(missing_ok=True)
        return digest.hexdigest()

    def _refusal(self, signed_method: str, name: str) -> Response | None:
        if "Authorization" in request.headers:
            return storage_error("InvalidArgument", _TWO_PERMISSIONS, 400)
        expires = request.args.get("Expires", "")
        if not expires.isdecimal() or "Signature" not in request.args:
            return storage_error("AccessDenied", "Access Denied", 403)
        # The real signature covers method, content type, expiry and name; a HEAD or a type breaks it.
        is_right = (
            request.method == signed_method
            and not (signed_method == "PUT" and "Content-Type" in request.headers)
            and hmac.compare_digest(
                request.args["Signature"].encode(), self._signature(signed_method, name, expires).encode()
            )
        )
        if not is_right:
            return storage_error("SignatureDoesNotMatch", _MISMATCH, 403)
        if int(expires) < self._state.now():
            return storage_error("AccessDenied", "Request has expired", 403)
        return None

    def _signed(self, method: str, name: str, expires: int) -> str:
        signature = self._signature(method, name, str(expires))
        query = urlencode({"Signature": signature, "Expires": expires, "AWSAccessKeyId": "STANDIN"})
        return f"{request.host_url.rstrip('/')}{PREFIX}{quote(name)}?{query}"

    def _signature(self, method: str, name: str, expires: str) -> str:
        text = f"{method}\n{expires}\n{name}".encode()
        return hmac.new(self._state.signing_key, text, hashlib.sha256).hexdigest()
