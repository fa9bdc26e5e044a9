from pathlib import Path

import pytest

from config.run import bootstrap
from config.run.bootstrap import BootstrapError, require_python


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose environment is there, but in which nothing is installed."""
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").touch()
    (venv / "pyvenv.cfg").touch()
    (tmp_path / "requirements").mkdir()
    for name in ("bootstrap", "local", "dev"):
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"{name}==1\n")
    monkeypatch.setattr(bootstrap, "CHECKOUT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", venv)
    monkeypatch.setattr(bootstrap, "PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(bootstrap, "make_venv", lambda: None)
    return tmp_path


@pytest.fixture
def installed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(bootstrap, "install", lambda file: names.append(file.stem))
    return names


@pytest.mark.parametrize("version", [(2, 7), (3, 10)])
def test_an_old_python_is_refused_with_its_version_and_the_way_out(version: tuple[int, int]) -> None:
    with pytest.raises(BootstrapError, match=rf"is {version[0]}\.{version[1]}\. Name a newer one: make"):
        require_python(version)


@pytest.mark.parametrize("version", [(3, 11), (3, 14)])
def test_a_new_python_is_fine(version: tuple[int, int]) -> None:
    require_python(version)


def test_the_second_run_installs_nothing(installed: list[str]) -> None:
    bootstrap.bootstrap("local")
    bootstrap.bootstrap("local")
    assert installed == ["local"]


def test_changed_requirements_are_installed(installed: list[str], checkout: Path) -> None:
    bootstrap.bootstrap("local")
    (checkout / "requirements" / "local.txt").write_text("local==2\n")
    bootstrap.bootstrap("local")
    assert installed == ["local", "local"]


def test_what_tests_need_holds_what_running_needs_and_not_the_reverse(installed: list[str]) -> None:
    bootstrap.bootstrap("dev")
    bootstrap.bootstrap("local")
    assert installed == ["dev"]


def test_running_does_not_hold_what_tests_need(installed: list[str]) -> None:
    bootstrap.bootstrap("local")
    bootstrap.bootstrap("dev")
    assert installed == ["local", "dev"]


def test_a_failed_installation_is_tried_again(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "install_uv", lambda: False)
    monkeypatch.setattr(bootstrap, "run_pip", lambda file: False)
    with pytest.raises(BootstrapError, match="could not be installed"):
        bootstrap.bootstrap("local")
    assert not bootstrap.is_installed("local")


def test_pip_does_it_where_uv_cannot(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def succeeds(command: list[str], env: dict[str, str]) -> bool:
        asked.append("uv" if command[0].endswith("uv") else "pip")
        return asked[-1] == "pip"

    monkeypatch.setattr(bootstrap, "install_uv", lambda: True)
    monkeypatch.setattr(bootstrap, "_succeeds", succeeds)
    bootstrap.bootstrap("local")
    assert asked == ["uv", "pip"]
    assert bootstrap.is_installed("local")


def test_hashes_are_always_required(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "_succeeds", lambda command, env: commands.append(command))
    bootstrap.run_uv(checkout / "requirements" / "dev.txt")
    bootstrap.run_pip(checkout / "requirements" / "dev.txt")
    assert len(commands) == 2
    assert all("--require-hashes" in command for command in commands)


def test_uv_never_fetches_another_python(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, str] = {}
    monkeypatch.setattr(bootstrap, "_succeeds", lambda command, env: given.update(env))
    monkeypatch.setenv("UV_DEFAULT_INDEX", "kept")
    bootstrap.run_uv(checkout / "requirements" / "dev.txt")
    assert given["UV_PYTHON_DOWNLOADS"] == "never"
    assert given["UV_DEFAULT_INDEX"] == "kept"


def test_an_unknown_set_of_packages_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["everything"]) == 2
    assert "usage" in capsys.readouterr().err
