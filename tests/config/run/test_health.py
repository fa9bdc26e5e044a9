import responses

from config.run.health import health_request, is_answering, main


def test_the_site_is_asked_on_this_machine_by_its_own_name() -> None:
    address, headers = health_request("https://example.org", 8001, {"PROXY_SSL_HEADER": "X-Forwarded-Proto"})
    assert address == "http://127.0.0.1:8001/healthz"
    assert headers == {"Host": "example.org", "X-Forwarded-Proto": "https"}


def test_no_proxy_is_pretended_where_there_is_none() -> None:
    assert health_request("http://127.0.0.1:8000", 8000, {})[1] == {"Host": "127.0.0.1:8000"}


@responses.activate
def test_only_200_is_an_answer() -> None:
    address = "http://127.0.0.1:8000/healthz"
    for status in (200, 503, 301):
        responses.get(address, status=status)
    assert [is_answering(address) for _ in range(3)] == [True, False, False]


@responses.activate
def test_the_command_fails_when_nobody_answers() -> None:
    assert main({"SITE_URL": "http://127.0.0.1:8000"}) == 1
    responses.get("http://127.0.0.1:8000/healthz")
    assert main({}) == 0
