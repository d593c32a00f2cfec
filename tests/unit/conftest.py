from collections.abc import Iterator

import pytest
import pytest_socket


@pytest.fixture(autouse=True)
def no_sockets() -> Iterator[None]:
    """Unit tests open no sockets."""
    pytest_socket.disable_socket()
    yield
    pytest_socket.enable_socket()
