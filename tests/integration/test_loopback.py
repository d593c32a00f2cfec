"""The emulator's responses to a page of another site."""

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

FUNCTION = json.dumps({"FunctionName": "theirs", "Code": {}}).encode()


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/", None, {"Host": "evil.test"}),
        ("/", None, {"Origin": "https://evil.test"}),
        ("/2015-03-31/functions", FUNCTION, {"Origin": "https://evil.test", "Content-Type": "text/plain"}),
        ("/?Action=ListUsers", None, {"Sec-Fetch-Site": "cross-site"}),
    ],
)
def test_a_strangers_page_is_not_answered(
    local_aws: str, path: str, body: bytes | None, headers: dict[str, str]
) -> None:
    with pytest.raises(HTTPError) as rejection:
        urlopen(Request(local_aws + path, body, headers), timeout=60)

    with rejection.value as response:
        assert response.code == 403
        assert "Access-Control-Allow-Origin" not in response.headers


def test_who_is_here_is_answered(local_aws: str) -> None:
    with urlopen(
        Request(local_aws + "/", headers={"Origin": "http://localhost:8000"}), timeout=60
    ) as response:
        assert response.status == 200
