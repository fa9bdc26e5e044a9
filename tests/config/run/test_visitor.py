import time
from typing import Any
from urllib.parse import parse_qs

import pytest
import responses
from responses import matchers

from config.run.visitor import VisitError, Visitor

SITE = "http://127.0.0.1:8000"
PROVIDER = "http://127.0.0.1:9002"
CONSENT = """<form method="post" action="/consent"><input type="hidden" name="request" value="r1">
<button name="decision" value="deny">No</button><button name="decision" value="approve">Yes</button></form>"""
SIGN_IN = """<form method="post" action="/search"></form>
<form method="post" action="/accounts/openhumans/login/">
<input type="hidden" name="csrfmiddlewaretoken" value="t"></form>"""
CONNECT = """<form method="post" action="/connect/"><input type="hidden" name="csrfmiddlewaretoken" value="t">
<input type="radio" name="choice" value="public"><input type="radio" name="choice" value="private"></form>"""


@pytest.fixture
def web() -> Any:
    with responses.RequestsMock() as mock:
        yield mock


def redirect(web: Any, method: str, url: str, to: str, **form: str) -> None:
    match = [matchers.urlencoded_params_matcher(form)] if form else []
    web.add(method, url, status=302, headers={"Location": to}, match=match)


def status(**values: Any) -> dict[str, Any]:
    plain = {"state": "running", "is_running": True, "waiting_until": None, "reason": None, "error": None}
    return {**plain, **values}


def test_signing_in_goes_through_the_consent_page_and_comes_back(web: Any) -> None:
    web.get(f"{SITE}/", body=SIGN_IN)
    redirect(
        web, "POST", f"{SITE}/accounts/openhumans/login/", f"{PROVIDER}/authorize", csrfmiddlewaretoken="t"
    )
    web.get(f"{PROVIDER}/authorize", body=CONSENT)
    redirect(web, "POST", f"{PROVIDER}/consent", f"{SITE}/back?code=1", request="r1", decision="approve")
    redirect(web, "GET", f"{SITE}/back", f"{SITE}/connect/")
    web.get(f"{SITE}/connect/", body=CONNECT)
    Visitor(SITE).sign_in()


def test_ending_up_elsewhere_is_said_without_the_code(web: Any) -> None:
    web.get(f"{SITE}/", body=SIGN_IN)
    redirect(web, "POST", f"{SITE}/accounts/openhumans/login/", f"{PROVIDER}/authorize")
    web.get(f"{PROVIDER}/authorize", body=CONSENT)
    redirect(web, "POST", f"{PROVIDER}/consent", f"{SITE}/failed?code=s3cret")
    web.get(f"{SITE}/failed", body="Sorry")
    with pytest.raises(VisitError, match=r"the page is .*/failed, not /connect/") as caught:
        Visitor(SITE).sign_in()
    assert "s3cret" not in str(caught.value)


def test_connecting_sends_the_choice(web: Any) -> None:
    web.get(f"{SITE}/connect/", body=CONNECT)
    form = {"csrfmiddlewaretoken": "t", "choice": "private"}
    redirect(web, "POST", f"{SITE}/connect/", f"{PROVIDER}/authorize", **form)
    web.get(f"{PROVIDER}/authorize", body=CONSENT)
    redirect(web, "POST", f"{PROVIDER}/consent", f"{SITE}/dashboard/")
    web.get(f"{SITE}/dashboard/", body="")
    Visitor(SITE).connect("private")


def test_every_scope_of_the_consent_page_is_granted(web: Any) -> None:
    """Its fields bear one name: sent alone, the last one would be all that is granted."""
    scopes = '<input type="hidden" name="scope" value="read:user">'
    scopes += '<input type="checkbox" name="scope" value="repo" checked>'
    web.get(f"{SITE}/connect/", body=CONNECT)
    redirect(web, "POST", f"{SITE}/connect/", f"{PROVIDER}/authorize")
    web.get(f"{PROVIDER}/authorize", body=CONSENT.replace("<button", f"{scopes}<button", 1))
    redirect(web, "POST", f"{PROVIDER}/consent", f"{SITE}/dashboard/")
    web.get(f"{SITE}/dashboard/", body="")
    Visitor(SITE).connect("private")
    (consent,) = [call.request.body for call in web.calls if call.request.url.endswith("/consent")]
    assert parse_qs(consent) == {
        "request": ["r1"],
        "scope": ["read:user", "repo"],
        "decision": ["approve"],
    }


def test_a_missing_form_is_named(web: Any) -> None:
    web.get(f"{SITE}/", body="<p>nothing</p>")
    with pytest.raises(VisitError, match=r"http://127.0.0.1:8000/ has no form to sign in with Open Humans"):
        Visitor(SITE).sign_in()


def test_an_answer_other_than_200_is_named(web: Any) -> None:
    web.get(f"{SITE}/dashboard/files.json", status=500)
    with pytest.raises(VisitError, match=r"/dashboard/files.json answered 500"):
        Visitor(SITE).files()


class TestWatch:
    @pytest.fixture(autouse=True)
    def no_pauses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("config.run.visitor.LOOK_SECONDS", 0)

    def watch(self, web: Any, *answers: dict[str, Any], seconds: float = 60) -> list[dict[str, Any]]:
        for answer in answers:
            web.get(f"{SITE}/dashboard/status.json", json=answer)
        return list(Visitor(SITE).watch(time.monotonic() + seconds))

    def test_it_ends_with_the_run(self, web: Any) -> None:
        waiting = status(state="waiting", waiting_until="2026-11-23T14:05:00Z")
        done = status(state="succeeded", is_running=False)
        assert self.watch(web, status(state="queued"), status(), waiting, done)[-1] == done

    def test_it_waits_for_the_run_to_begin(self, web: Any) -> None:
        done = status(state="succeeded", is_running=False)
        assert len(self.watch(web, status(state="idle", is_running=False), done)) == 2

    def test_a_failed_run_is_said_with_its_error(self, web: Any) -> None:
        with pytest.raises(VisitError, match=r"ended as 'failed': broken answer"):
            self.watch(web, status(state="failed", is_running=False, error="broken answer"))

    def test_it_does_not_wait_for_ever(self, web: Any) -> None:
        with pytest.raises(VisitError, match=r"not over in time"):
            self.watch(web, status(), seconds=-1)
