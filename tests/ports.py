"""Ports for processes that talk to each other."""

import socket


def free_port() -> str:
    """Number of a port that nobody uses."""
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return str(sock.getsockname()[1])
