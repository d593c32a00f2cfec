import ast
import re

import pytest

from darkroom.domain import prices
from darkroom.domain.prices import LAMBDA_GB_SECOND, S3_PUT, Price
from tests.cloudformation import PROJECT

EVERY = {name: value for name, value in vars(prices).items() if isinstance(value, Price)} | LAMBDA_GB_SECOND


@pytest.mark.parametrize("name", EVERY)
def test_every_price_has_a_unit_and_a_source(name: str) -> None:
    price = EVERY[name]

    assert price.usd > 0
    assert price.per in {1, 1_000, 1_000_000}
    assert price.unit
    assert price.source.startswith("https://aws.amazon.com/")


def test_every_price_is_used() -> None:
    table = {name for name in vars(prices) if name.isupper() and not name.startswith("_")}
    folders = PROJECT / "cli", PROJECT / "bench", PROJECT / "layers" / "darkroom"
    parsed = (ast.parse(path.read_text()) for folder in folders for path in folder.rglob("*.py"))
    every = [node for file in parsed for node in ast.walk(file)]
    used = {node.id for node in every if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    used |= {node.attr for node in every if isinstance(node, ast.Attribute)}

    assert table - used == set()


def test_price_list_has_a_month() -> None:
    assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", prices.AS_OF)


def test_cost_is_proportional_to_quantity() -> None:
    assert S3_PUT.of(16_000) == pytest.approx(0.08)


def test_arm64_costs_a_fifth_less() -> None:
    assert LAMBDA_GB_SECOND["arm64"].of(1000) == pytest.approx(
        0.8 * LAMBDA_GB_SECOND["x86_64"].of(1000), 1e-4
    )
