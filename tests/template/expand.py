"""template.yaml as CloudFormation gets it, with the SAM transform applied, as JSON on standard output.

Run by .tools/checkov/bin/python, which has the transform: `make check`.
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
    """The transform stands where `sam deploy` would have put the code in a bucket: some bucket does."""
    os.environ.setdefault(
        "AWS_DEFAULT_REGION", "us-east-1"
    )  # it asks for the name of one, and never calls it
    template = yaml_parse(text)
    for resource in template["Resources"].values():
        if resource["Type"] in _CODE:
            resource["Properties"][_CODE[resource["Type"]]] = "s3://bucket/key"
    result: dict[str, Any] = Translator({}, Parser()).translate(template, {})
    for resource in result["Resources"].values():
        resource.pop("Condition", None)  # checkov passes over what the parameters' defaults leave out
    return result


if __name__ == "__main__":
    json.dump(expanded((Path(__file__).parents[2] / "template.yaml").read_text()), sys.stdout, indent=1)
