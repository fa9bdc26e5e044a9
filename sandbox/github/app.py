"""The stand-in as a Flask app."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Request, Response, g, jsonify, render_template, request
from flask.json.provider import DefaultJSONProvider

from sandbox.github import graphql_api, oauth, rest, rest_git
from sandbox.github.acts import ActError, Acts
from sandbox.github.catalogue import Catalogue
from sandbox.github.disk import DiskCatalogue
from sandbox.github.faults import GitHubFaults
from sandbox.github.gate import count_in_flight, problem
from sandbox.github.generated_account import UNTIL, generate
from sandbox.github.generated_acts import GeneratedActs
from sandbox.github.generated_size import Size, size_of
from sandbox.github.limits import Limits
from sandbox.github.service import GraphQLLog, OAuthApp, Service
from sandbox.github.tokens import TokenStore
from sandbox.github.world import World
from sandbox.server import Accounting

# Where GitHub Enterprise Server has the API, beside the root: clients are configured either way.
_API_PREFIXES = ("/api/v3", "/api")
_READING_METHODS = {"GET", "HEAD", "OPTIONS"}
_NO_WRITES = ("/login/oauth/", "/applications/")


def create_app(
    repositories: Sequence[Path] = (),
    *,
    private: Sequence[str] = (),
    login: str | None = None,
    emails: Sequence[str] = (),
    account: str | Size | None = None,
    seed: int = 0,
    until: datetime = UNTIL,
    organizations: Mapping[str, Sequence[str]] | None = None,
    foreign: Collection[str] = (),
    forks: Collection[str] = (),
    oauth_app: OAuthApp | None = None,
    token_lifetime: int | None = None,
) -> Flask:
    """Repositories on disk, or a generated account (a profile's name, COMMITS:REPOSITORIES:YEARS, or a Size),
    or both. Raises SettingError and GitError for what cannot be served.
    """
    app = Flask(__name__)
    provider = DefaultJSONProvider(app)
    provider.sort_keys = False  # fields stand in the order they were asked for
    app.json = provider
    oauth_app = oauth_app or OAuthApp()
    catalogue: Catalogue = Catalogue()
    if repositories or account is None:
        catalogue = DiskCatalogue(
            repositories,
            private=private,
            login=login,
            emails=emails,
            organizations=organizations,
            foreign=foreign,
            forks=forks,
        )
    world, acts = _world(catalogue, account, seed, until, login)
    tokens = TokenStore(client_secret=oauth_app.client_secret, lifetime=token_lifetime)
    log = GraphQLLog()
    faults = _faults(tokens, catalogue)

    def forget() -> None:
        limits.reset()
        log.clear()

    count_in_flight(app)
    accounting = Accounting(app, is_write=_is_write, on_reset=forget)
    accounting.faults = faults
    limits = Limits(faults, accounting.add_refusal)
    service = Service(world, oauth_app, tokens, faults, limits, accounting, log)
    app.extensions["github_stand_in"] = service
    _add_routes(app, service)
    _add_acts(app, acts)
    return app


def _world(
    catalogue: Catalogue, account: str | Size | None, seed: int, until: datetime, login: str | None
) -> tuple[World, Acts]:
    if account is None:
        world = World(catalogue)
        return world, Acts(world)
    size = account if isinstance(account, Size) else size_of(account)
    made, items = generate(catalogue, size, seed=seed, until=until, login=login)
    world = World(catalogue, made.activities, made.loose)
    return world, Acts(world, GeneratedActs(world, made, items).by_name)


def _add_acts(app: Flask, acts: Acts) -> None:
    @app.post("/_sandbox/acts")
    def act() -> tuple[Response, int]:
        details = request.get_json(force=True, silent=True)
        try:
            return jsonify(acts.do(details if isinstance(details, dict) else {})), 200
        except ActError as error:
            return jsonify({"error": str(error)}), 400


def _add_routes(app: Flask, service: Service) -> None:
    app.register_blueprint(oauth.pages)
    for blueprint in (graphql_api.blueprint, rest.blueprint, rest_git.blueprint, oauth.app_calls):
        app.register_blueprint(blueprint)
    _answer_below_prefixes(app)

    @app.get("/")
    def index() -> str:
        catalogue = service.world.catalogue
        catalogue.refresh()
        return render_template(
            "index.html",
            repositories=catalogue.repositories,
            accounts=catalogue.accounts,
            member=catalogue.member,
        )

    @app.get("/_sandbox/graphql_log")
    def graphql_log() -> Response:
        return jsonify(service.graphql_log.entries())

    @app.get("/_sandbox/windows")
    def windows() -> Response:
        return jsonify(service.limits.windows())

    @app.errorhandler(404)
    @app.errorhandler(405)
    def not_found(_error: Exception) -> Response:
        return problem(404, "Not Found")


def _answer_below_prefixes(app: Flask) -> None:
    answer = app.wsgi_app

    def below_prefix(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        for prefix in _API_PREFIXES:
            if environ["PATH_INFO"].startswith(f"{prefix}/"):
                environ["SCRIPT_NAME"] += prefix
                environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(prefix)
                break
        return answer(environ, start_response)

    app.wsgi_app = below_prefix  # type: ignore[method-assign]


def _faults(tokens: TokenStore, catalogue: Catalogue) -> GitHubFaults:
    def move(names: dict[str, Any]) -> None:
        for repository in catalogue.repositories:
            if repository.name in names:
                catalogue.rename(repository, names[repository.name])

    return GitHubFaults(
        {
            "revoke_tokens": lambda _value: tokens.revoke_all(),
            "expire_tokens": lambda _value: tokens.expire_all(),
            "moved_repository": move,
        }
    )


def _is_write(request: Request) -> bool:
    if g.get("is_mutation"):
        return True
    is_exempt = request.path == "/graphql" or request.path.startswith(_NO_WRITES)
    return request.method not in _READING_METHODS and not is_exempt
