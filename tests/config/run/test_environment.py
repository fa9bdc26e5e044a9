from pathlib import Path

import pytest

from config.run.environment import (
    CREDENTIALS,
    application_environment,
    callback,
    parse_env_file,
    read_environment,
    repositories,
    sandbox_settings,
    site_url,
    wants_sandbox,
)
from config.run.errors import UsageError

ALL_FOUR = dict.fromkeys(CREDENTIALS, "x")


class TestParseEnvFile:
    def test_it_reads_values_comments_and_quotes(self) -> None:
        text = """
            # the project on Open Humans
            OPENHUMANS_CLIENT_ID=abc
            export GITHUB_CLIENT_ID = def   # a remark
            A="with # and spaces "
            B='single "inside"' # a remark
            C=
            D=a#b=c
            E=# nothing
        """
        assert parse_env_file(text) == {
            "OPENHUMANS_CLIENT_ID": "abc",
            "GITHUB_CLIENT_ID": "def",
            "A": "with # and spaces ",
            "B": 'single "inside"',
            "C": "",
            "D": "a#b=c",
            "E": "",
        }

    @pytest.mark.parametrize("line", ["JUST_A_NAME", "1A=2", "A-B=2", "=x"])
    def test_it_names_the_line_that_is_no_setting(self, line: str) -> None:
        with pytest.raises(UsageError, match=r"\.env, line 2: this is not KEY=VALUE"):
            parse_env_file(f"A=1\n{line}\n")

    @pytest.mark.parametrize("value", ['"open', "'open\"", '"a"b', '"a" b"'])
    def test_it_names_the_line_with_unmatched_quotes(self, value: str) -> None:
        with pytest.raises(UsageError, match=r"line 1: the quotes around SECRET do not match") as caught:
            parse_env_file(f"SECRET={value}")
        assert value not in str(caught.value), "a value may be a secret"

    def test_it_refuses_a_key_that_is_set_twice(self) -> None:
        with pytest.raises(UsageError, match="line 3: A is set twice"):
            parse_env_file("A=1\nB=2\nA=3")


class TestReadEnvironment:
    def test_the_real_environment_wins_over_the_file(self, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_text("A=file\nB=file\n")
        assert read_environment({"A": "real", "C": "real"}, file) == {"A": "real", "B": "file", "C": "real"}

    def test_an_empty_value_counts_as_not_set(self, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_text("A=\nB=file\n")
        env = read_environment({"A": "real", "B": ""}, file)
        assert (env["A"], env["B"]) == ("real", "file")

    def test_no_file_is_fine(self, tmp_path: Path) -> None:
        assert read_environment({"A": "1"}, tmp_path / ".env") == {"A": "1"}

    def test_it_refuses_a_file_that_is_no_text(self, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_bytes(b"A=\xff\n")
        with pytest.raises(UsageError, match="cannot be read"):
            read_environment({}, file)


class TestWantsSandbox:
    def test_no_credential_means_the_stand_ins(self) -> None:
        assert wants_sandbox({"GITHUB_CLIENT_ID": ""})

    def test_all_four_mean_the_real_services(self) -> None:
        assert not wants_sandbox({**ALL_FOUR, "GITHUB_URL": "https://github.example"})

    @pytest.mark.parametrize("missing", CREDENTIALS)
    def test_three_of_four_are_an_error_that_names_the_fourth(self, missing: str) -> None:
        env = {name: value for name, value in ALL_FOUR.items() if name != missing}
        with pytest.raises(UsageError, match=rf"^Not set: {missing}\. "):
            wants_sandbox(env)

    def test_one_of_four_is_an_error_that_names_the_others(self) -> None:
        with pytest.raises(
            UsageError, match="Not set: OPENHUMANS_CLIENT_ID, OPENHUMANS_CLIENT_SECRET, GITHUB_CLIENT_ID"
        ):
            wants_sandbox({"GITHUB_CLIENT_SECRET": "x"})

    @pytest.mark.parametrize("name", ["OPENHUMANS_URL", "GITHUB_URL", "GITHUB_API_URL"])
    def test_an_address_without_credentials_is_an_error(self, name: str) -> None:
        with pytest.raises(UsageError, match=f"^{name} set, but no credentials"):
            wants_sandbox({name: "https://somewhere.example"})


class TestSiteUrl:
    def test_it_is_on_this_machine_unless_set(self) -> None:
        assert site_url({}, 8001) == "http://127.0.0.1:8001"
        assert site_url({"SITE_URL": "https://example.org/"}, 8001) == "https://example.org"

    @pytest.mark.parametrize("url", ["example.org", "ftp://example.org", "https://example.org/a", "https://"])
    def test_it_refuses_what_is_no_address_of_a_site(self, url: str) -> None:
        with pytest.raises(UsageError, match="SITE_URL wants"):
            site_url({"SITE_URL": url}, 8000)


class TestRepositories:
    def test_several_are_separated_by_spaces(self) -> None:
        assert repositories({"REPO": "/a '/b c'"}, Path("/d")) == [Path("/a"), Path("/b c")]

    def test_one_folder_may_have_spaces_in_its_name(self, tmp_path: Path) -> None:
        folder = tmp_path / "my checkout"
        folder.mkdir()
        assert repositories({"REPO": str(folder)}, Path("/d")) == [folder]

    def test_the_default_is_taken_when_none_is_named(self) -> None:
        assert repositories({"REPO": "  "}, Path("/d")) == [Path("/d")]

    def test_it_refuses_open_quotes(self) -> None:
        with pytest.raises(UsageError, match="quotes in REPO"):
            repositories({"REPO": "'/a"}, Path("/d"))


class TestApplicationEnvironment:
    def test_what_the_person_set_wins_except_for_sandbox(self) -> None:
        given = {"DEBUG": "true", "SECRET_KEY": "mine", "SANDBOX": "true", "SITE_URL": ""}
        env = application_environment(given, {"SECRET_KEY": "ours", "SITE_URL": "http://s"}, is_sandbox=False)
        assert (env["DEBUG"], env["SECRET_KEY"], env["SANDBOX"]) == ("true", "mine", "false")
        assert env["SITE_URL"] == "http://s"

    def test_the_old_callbacks_are_for_the_real_services_only(self) -> None:
        """The stand-ins have the present ones registered, and would refuse every sign-in."""
        given = {"LEGACY_CALLBACKS": "true"}
        sandbox = application_environment(given, {}, is_sandbox=True)
        real = application_environment(given, {}, is_sandbox=False)
        assert (sandbox["LEGACY_CALLBACKS"], real["LEGACY_CALLBACKS"]) == ("false", "true")

    def test_the_stand_ins_get_addresses_on_this_machine(self) -> None:
        ports = {"SANDBOX_GITHUB_PORT": "9001", "SANDBOX_OPENHUMANS_PORT": "9002"}
        secrets = {f"SANDBOX_{name}_SECRET": name for name in ("GITHUB", "OPENHUMANS", "WEBHOOK")}
        settings = sandbox_settings(ports, secrets)
        assert settings["OPENHUMANS_URL"] == "http://127.0.0.1:9002"
        assert settings["GITHUB_URL"] == "http://127.0.0.1:9001"
        assert settings["GITHUB_API_URL"] == "http://127.0.0.1:9001/api"
        assert settings["GITHUB_CLIENT_SECRET"] == "GITHUB"
        assert all(settings[name] for name in CREDENTIALS)


def test_the_callback_is_the_one_that_is_registered() -> None:
    assert callback("http://s", "github") == "http://s/accounts/github/login/callback/"
