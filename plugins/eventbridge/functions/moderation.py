"""Deletes pictures in which Amazon Rekognition finds something that the site doesn't want to show."""

import json
import os
from typing import Any

import boto3
from pictures import delete, jpeg_of

# Rekognition takes up to 5 MB in a request, and sees no more in larger pictures.
_WIDEST = 1920


def handler(event: dict[str, Any], context: object) -> None:
    """Handles `upload.rendered`. A repeated event has the same effect once."""
    detail = event["detail"]
    jpeg = jpeg_of(detail["picture"], _WIDEST)
    if jpeg is None:
        return
    response = boto3.client("rekognition").detect_moderation_labels(
        Image={"Bytes": jpeg}, MinConfidence=float(os.environ["MIN_CONFIDENCE"])
    )
    labels = sorted(label["Name"] for label in response["ModerationLabels"])
    print(
        json.dumps(
            {"picture": detail["picture"], "correlation_id": detail["correlation_id"], "labels": labels}
        )
    )
    if labels:
        delete(detail["picture"])
