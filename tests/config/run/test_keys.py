import base64
import socket
from pathlib import Path

import pytest

from config.run.errors import RunError
from config.run.keys import PORTS_NAME, SECRETS_NAME, keep_ports, keep_secrets, write_private


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    first = keep_secrets(tmp_path)
    assert keep_secrets(tmp_path) == first
    assert len(first["SECRET_KEY"]) >= 50
    assert len(base64.urlsafe_b64decode(first["TOKEN_KEYS"])) == 32
    assert len(set(first.values())) == len(first)


def test_secrets_are_for_their_owner_alone(tmp_path: Path) -> None:
    keep_secrets(tmp_path)
    assert (tmp_path / SECRETS_NAME).stat().st_mode & 0o777 == 0o600


def test_a_secret_that_came_later_is_added_to_the_others(tmp_path: Path) -> None:
    write_private(tmp_path / SECRETS_NAME, '{"SECRET_KEY": "kept"}')
    assert keep_secrets(tmp_path)["SECRET_KEY"] == "kept"
    assert keep_secrets(tmp_path) == keep_secrets(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '"text"'])
def test_damaged_secrets_are_never_replaced(tmp_path: Path, content: str) -> None:
    file = tmp_path / SECRETS_NAME
    file.write_text(content)
    with pytest.raises(RunError, match="cannot be read"):
        keep_secrets(tmp_path)
    assert file.read_text() == content


def test_ports_are_kept_while_they_are_free(tmp_path: Path) -> None:
    first = keep_ports(tmp_path, ("A", "B"))
    assert keep_ports(tmp_path, ("A", "B")) == first
    assert first["A"] != first["B"]


def test_a_port_that_was_taken_meanwhile_is_chosen_anew(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        write_private(tmp_path / PORTS_NAME, f'{{"A": "{taken}"}}')
        assert keep_ports(tmp_path, ("A",))["A"] != taken
