import base64
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment as env

KEY = base64.urlsafe_b64encode(b"k" * 32).decode()
OTHER_KEY = base64.urlsafe_b64encode(b"o" * 32).decode()


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SETTING", "OTHER", "QUOTED"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def given(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SETTING", value)


# --- Text ---------------------------------------------------------------------------------------------------


def test_text_is_read_without_the_space_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, "  value \n")

    assert env.text("SETTING") == "value"


@pytest.mark.parametrize("value", [None, "", "   "])
def test_a_missing_text_names_the_setting_and_what_it_wants(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is not None:
        given(monkeypatch, value)

    with pytest.raises(ImproperlyConfigured, match=r"^SETTING is not set\. It wants a nice word\.$"):
        env.text("SETTING", wants="a nice word")


def test_a_missing_text_takes_its_default() -> None:
    assert env.text("SETTING", "default") == "default"
    assert env.text("SETTING", "") == ""


# --- Flags --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", True), ("True", True), ("yes", True), ("ON", True), ("0", False), ("false", False), ("No", False)],
)
def test_flags_are_words(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    given(monkeypatch, value)

    assert env.flag("SETTING", default=not expected) is expected


def test_a_missing_flag_takes_its_default() -> None:
    assert env.flag("SETTING") is False
    assert env.flag("SETTING", default=True) is True


@pytest.mark.parametrize("value", ["maybe", "2", "truee"])
def test_another_word_is_no_flag(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    given(monkeypatch, value)

    with pytest.raises(ImproperlyConfigured, match="SETTING wants true or false"):
        env.flag("SETTING")


# --- Numbers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "expected"), [("0.5", 0.5), ("180", 180.0), ("1e3", 1000.0)])
def test_numbers_are_read(monkeypatch: pytest.MonkeyPatch, value: str, expected: float) -> None:
    given(monkeypatch, value)

    assert env.number("SETTING", 7) == expected


def test_a_missing_number_takes_its_default() -> None:
    assert env.number("SETTING", 7.5) == 7.5
    assert env.whole_number("SETTING", 7) == 7


@pytest.mark.parametrize("value", ["many", "-1", "0.5", "nan", "inf", "-inf", "1,5"])
def test_no_number_or_too_small_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    given(monkeypatch, value)

    with pytest.raises(ImproperlyConfigured, match="SETTING wants a number, at least 1"):
        env.number("SETTING", 7, minimum=1)


def test_a_whole_number_has_no_fraction(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, "1.5")

    with pytest.raises(ImproperlyConfigured, match="SETTING wants a whole number, at least 1"):
        env.whole_number("SETTING", 7, minimum=1)


# --- Addresses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://github.com", "https://github.com"),
        ("https://github.com/", "https://github.com"),
        ("http://127.0.0.1:9001", "http://127.0.0.1:9001"),
        ("http://[::1]:9001/api/", "http://[::1]:9001/api"),
    ],
)
def test_an_address_loses_its_last_slash(monkeypatch: pytest.MonkeyPatch, value: str, expected: str) -> None:
    given(monkeypatch, value)

    assert env.url("SETTING") == expected


@pytest.mark.parametrize(
    "value",
    ["github.com", "ftp://github.com", "https://", "https:///path", "http://host:port", "http://host:99999"],
)
def test_no_address_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    given(monkeypatch, value)

    with pytest.raises(
        ImproperlyConfigured, match=r"SETTING is malformed\. It wants an absolute URL .*https://"
    ):
        env.url("SETTING")


def test_a_missing_address_says_which_kind_it_wants() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"SETTING is not set\. .* redis:// or rediss://"):
        env.url("SETTING", schemes=("redis", "rediss"))


def test_a_malformed_address_with_a_password_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, "mysql://app:hunter2@db/app")

    with pytest.raises(ImproperlyConfigured) as raised:
        env.url("SETTING", schemes=("postgres",))

    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "value", ["https://example.org/sub", "https://somebody:hunter2@example.org", "https://@example.org"]
)
def test_where_people_reach_the_site_is_a_host_and_no_more(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    given(monkeypatch, "https://example.org:8443/")
    assert env.site_url("SETTING") == "https://example.org:8443"
    given(monkeypatch, value)
    with pytest.raises(ImproperlyConfigured, match=r"SETTING is malformed\. It wants .*without a path"):
        env.site_url("SETTING")


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("postgres://app:hunter2@db/app?sslmode=yes", "sslmode to be one of disable, .*, verify-full"),
        ("postgres://app:hunter2@db/app?ssl=true&sslmode=require", "libpq does not know: ssl"),
        ("postgres://app:hunter2@db/", "names no database"),
    ],
)
def test_an_option_that_would_keep_everybody_from_postgres_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str, complaint: str
) -> None:
    good = "postgres://app:p%40%2F%3F%23@db/app?sslmode=verify-full&sslrootcert=/ca.pem&connect_timeout=9"
    given(monkeypatch, good)
    assert env.database_url("SETTING") == good
    given(monkeypatch, f"{good}&currentSchema=members")  # of dj-database-url, not of libpq
    assert env.database_url("SETTING").endswith("members")
    given(monkeypatch, value)
    with pytest.raises(ImproperlyConfigured, match=f"^SETTING .*{complaint}") as raised:
        env.database_url("SETTING")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("redis://:hunter2@host/0?db=5", "wants no db"),
        ("rediss://:hunter2@host?ssl=true", "redis-py does not take: .*'ssl'"),
        ("redis://:hunter2@host?socket_timeout=soon", "redis-py does not take: .*socket_timeout"),
    ],
)
def test_an_option_that_would_keep_everybody_from_redis_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str, complaint: str
) -> None:
    good = "rediss://:p%40%2F%3F@host:6380/3?ssl_cert_reqs=none&health_check_interval=30"
    given(monkeypatch, good)
    assert env.redis_url("SETTING") == good
    given(monkeypatch, value)
    with pytest.raises(ImproperlyConfigured, match=f"^SETTING .*{complaint}") as raised:
        env.redis_url("SETTING")
    assert "hunter2" not in str(raised.value)


# --- Keys ---------------------------------------------------------------------------------------------------


def test_keys_are_read_newest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, f"{KEY}, {OTHER_KEY}")

    assert env.token_keys("SETTING") == (b"k" * 32, b"o" * 32)


def test_a_key_may_lack_its_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, KEY.rstrip("="))

    assert env.token_keys("SETTING") == (b"k" * 32,)


@pytest.mark.parametrize(
    "value", ["secret", KEY[:-4], f"{KEY},", f"{KEY},secret", "ä" * 43, base64.b64encode(b"k" * 33).decode()]
)
def test_a_malformed_key_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    given(monkeypatch, value)

    with pytest.raises(ImproperlyConfigured, match=r"SETTING is malformed\. It wants .*32 bytes") as raised:
        env.token_keys("SETTING")

    assert value not in str(raised.value)


def test_missing_keys_say_what_they_are() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"SETTING is not set\. It wants .* keys of 32 bytes"):
        env.token_keys("SETTING")


# --- The .env file ------------------------------------------------------------------------------------------


def test_the_file_fills_in_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER", "from the environment")
    file = tmp_path / ".env"
    file.write_text('# a comment\n\nSETTING = from the file\nOTHER=from the file\nQUOTED="a=b # c"\n')

    env.load_env_file(file)

    assert env.text("SETTING") == "from the file"
    assert env.text("OTHER") == "from the environment"
    assert env.text("QUOTED") == "a=b # c"


def test_a_missing_file_is_fine(tmp_path: Path) -> None:
    env.load_env_file(tmp_path / ".env")


@pytest.mark.parametrize("line", ["hunter2", "=hunter2", "SET-TING=hunter2", "SETTING='hunter2"])
def test_a_malformed_line_is_named_and_not_repeated(tmp_path: Path, line: str) -> None:
    file = tmp_path / ".env"
    file.write_text(f"OTHER=1\n{line}\n")

    with pytest.raises(ImproperlyConfigured, match=r"^\.env, line 2: ") as raised:
        env.load_env_file(file)

    assert "hunter2" not in str(raised.value)


# --- Loopback -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://127.0.0.1:9001", True),
        ("http://localhost:9001", True),
        ("http://[::1]:9001", True),
        ("https://github.com", False),
        ("http://localhost.evil.test", False),
        ("http://127.0.0.1.evil.test", False),
        ("http://evil.test/127.0.0.1", False),
        ("http://127.0.0.1@evil.test", False),
    ],
)
def test_loopback_is_this_machine_alone(address: str, expected: bool) -> None:
    assert env.is_loopback(address) is expected
