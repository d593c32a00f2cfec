"""A lazy client: created once, at its first use."""

from darkroom.adapters.clients import lazy


def test_a_lazy_client_is_created_once_at_its_first_use() -> None:
    created: list[str] = []

    def create() -> str:
        created.append("client")
        return "client"

    client = lazy(create)
    assert created == []

    assert (client.upper(), client.title()) == ("CLIENT", "Client")
    assert created == ["client"]
