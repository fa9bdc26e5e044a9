"""Ports on the loopback interface: is one free, and which one is."""

import socket

from config.run.errors import UsageError

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a connection of an earlier run that is still being closed is no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose_several(count: int) -> list[int]:
    """Different free ports: each is held until the last one is found."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def parse(name: str, value: str) -> int:
    if not value.isascii() or not value.isdecimal() or not 1 <= int(value) <= 65535:
        raise UsageError(f"{name} wants a port number from 1 to 65535, not {value!r}.")
    return int(value)


def require_free(port: int, example: str) -> None:
    if not is_free(port):
        raise UsageError(f"Port {port} is in use. Choose another one: {example}")
