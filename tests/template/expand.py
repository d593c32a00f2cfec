"""Prints template.yaml as JSON after the SAM transform, for checkov.

`make check` runs it with .tools/checkov/bin/python, because that environment has the transform.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

_CODE = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}


def expanded(text: str) -> dict[str, Any]:
    """Applies the transform, with a placeholder bucket for the code."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the transform needs a name, but makes no calls
    template = yaml_parse(text)
    for resource in template["Resources"].values():
        if resource["Type"] in _CODE:
            resource["Properties"][_CODE[resource["Type"]]] = "s3://bucket/key"
    result: dict[str, Any] = Translator({}, Parser()).translate(template, {})
    for resource in result["Resources"].values():
        resource.pop("Condition", None)  # checkov would skip resources that are off by default
    return result


if __name__ == "__main__":
    json.dump(expanded((Path(__file__).parents[2] / "template.yaml").read_text()), sys.stdout, indent=1)
