import stat
from pathlib import Path

import pytest

from config.run import folders
from config.run.errors import RunError
from config.run.folders import data_folder, make_private, only_one, remove_abandoned, throw_away


def test_the_data_folder_is_private_from_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    make_private(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_data_folder_can_be_named() -> None:
    assert data_folder({"DATA_FOLDER": "/somewhere/else"}) == Path("/somewhere/else")
    assert data_folder({"DATA_FOLDER": ""}) == folders.CHECKOUT / ".data"


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written") as caught:
        make_private(tmp_path / "file" / "data")
    assert "\n" not in str(caught.value)


def test_a_folder_that_may_not_be_written_is_refused() -> None:
    with pytest.raises(RunError, match=r"cannot be written \(.+\)\. Set DATA_FOLDER to a folder of your own"):
        make_private(Path("/proc/github-for-open-humans"))  # where even root may not


def test_a_second_start_is_refused_with_the_address_of_the_first(tmp_path: Path) -> None:
    with only_one(tmp_path) as lock:
        lock.write_text("http://127.0.0.1:8000/")
        refusal = r"already running on .*, at http://127.0.0.1:8000/\."
        with pytest.raises(RunError, match=refusal), only_one(tmp_path):
            pass
    with only_one(tmp_path) as lock:
        assert lock.read_text() == ""


def test_a_lock_file_left_by_a_killed_holder_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / folders.LOCK_NAME).write_text("http://127.0.0.1:8000/")
    with only_one(tmp_path):
        pass


def test_a_throw_away_folder_is_private_and_removed(tmp_path: Path) -> None:
    with throw_away(tmp_path / "tmp") as folder:
        (folder / "file").touch()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()


def test_what_a_killed_predecessor_left_is_removed_and_what_is_in_use_stays(tmp_path: Path) -> None:
    left = tmp_path / "throw-away-left"
    left.mkdir()
    (left / folders.LOCK_NAME).touch()
    with throw_away(tmp_path) as used:
        assert not left.exists()
        remove_abandoned(tmp_path)
        assert used.exists()


def test_a_throw_away_folder_falls_back_to_the_systems_place(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with throw_away(tmp_path / "file" / "tmp") as folder:
        assert folder.is_dir()
