import socket

import pytest

from config.run.errors import UsageError
from config.run.ports import choose_several, is_free, parse, require_free


def test_a_port_in_use_is_refused_with_the_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(UsageError, match=rf"Port {port} is in use\. Choose another one: make run PORT=1"):
            require_free(port, "make run PORT=1")


def test_a_free_port_is_accepted() -> None:
    (port,) = choose_several(1)
    assert is_free(port)
    require_free(port, "")


def test_chosen_ports_differ() -> None:
    assert len(set(choose_several(20))) == 20


@pytest.mark.parametrize("text", ["", "0", "65536", "-1", "80x", "٣", "1e3"])
def test_what_is_no_port_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match="PORT wants a port number"):
        parse("PORT", text)


def test_a_port_is_read() -> None:
    assert parse("PORT", "8001") == 8001
