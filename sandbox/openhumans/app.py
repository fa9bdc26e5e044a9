"""The whole stand-in as one Flask app.

Faults, switched with `POST /_sandbox/faults` (see `sandbox.accounting` for `times` and `value`):

* `html_500`: every API call fails with an HTML page
* `fail_list`, `fail_start`, `fail_complete`, `fail_delete`: that call fails with an HTML 500, nothing done
* `empty_list`: the list of files is whole and valid, and names none
* `list_without`: the same, and lacks the files of the name that is its value
* `fail_put`, `fail_download`: the storage fails with an XML 500
* `lose_complete_answer`, `lose_refresh_answer`: it is done, then the connection closes without an answer
* `truncate_body`: an API answer ends half way, as valid HTTP; with the value "hang_up" the connection breaks
* `truncate_download`: the connection breaks half way through a file
* `slow_seconds`: seconds before each API answer (not OAuth, not storage; `latency_ms` is for everything)
* `invalid_client`: the token endpoint does not accept the client's secret
* `webhook_fixed`: leaving without erasure calls the webhook, instead of failing as the real server does now

Writes, for `GET /_sandbox/requests`, are POST, PUT and DELETE to the API and the storage, refused ones
included. `POST /_sandbox/reset` leaves members, tokens, files and the clock alone.
"""

from flask import Flask, Request, Response
from werkzeug.exceptions import NotFound

from sandbox.openhumans.answers import html
from sandbox.openhumans.api import api_blueprint
from sandbox.openhumans.member_acts import MemberActs
from sandbox.openhumans.oauth import oauth_blueprint
from sandbox.openhumans.options import Options
from sandbox.openhumans.pages import pages_blueprint
from sandbox.openhumans.state import State
from sandbox.openhumans.storage import PREFIX as STORAGE
from sandbox.openhumans.storage import Storage, storage_blueprint
from sandbox.server import Accounting

FAULTS = (
    "empty_list",
    "fail_complete",
    "fail_delete",
    "fail_download",
    "fail_list",
    "fail_put",
    "fail_start",
    "html_500",
    "invalid_client",
    "list_without",
    "lose_complete_answer",
    "lose_refresh_answer",
    "slow_seconds",
    "truncate_body",
    "truncate_download",
    "webhook_fixed",
)


def create_app(options: Options) -> Flask:
    app = Flask(__name__, static_url_path="/_sandbox/static")
    state = State(options.folder)
    faults = Accounting(app, faults=FAULTS, is_write=_is_write).faults
    storage = Storage(state, faults)
    acts = MemberActs(state, options, faults)
    app.register_blueprint(oauth_blueprint(state, options, faults))
    app.register_blueprint(api_blueprint(state, storage, acts, faults))
    app.register_blueprint(storage_blueprint(storage))
    app.register_blueprint(pages_blueprint(state, storage, acts))
    app.register_error_handler(NotFound, _page_not_found)
    app.after_request(_redirect_as_django_does)
    app.extensions["state"] = state
    return app


def _is_write(request: Request) -> bool:
    return request.method in {"POST", "PUT", "DELETE"} and request.path.startswith(("/api/", STORAGE))


def _page_not_found(_error: NotFound) -> Response:
    return html("Page not found", "There is nothing at this address.", 404)


def _redirect_as_django_does(response: Response) -> Response:
    """A missing trailing slash is a 301, after which most clients forget that they were posting."""
    if response.status_code == 308:
        response.status_code = 301
    return response
