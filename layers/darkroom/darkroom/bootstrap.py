"""Wires the house together: the only place that reads the environment and builds adapters."""

import os
from dataclasses import dataclass

from darkroom.adapters.clients import dynamodb_client, s3_client
from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.adapters.s3 import S3Originals, S3Renditions
from darkroom.profile import Profile, built_in
from darkroom.rendering import Darkroom
from darkroom.settings import ProjectSettings, RenderSettings, WebSettings, read_settings
from darkroom.site import Site


@dataclass(frozen=True, slots=True)
class OneProfile:
    """ports.Profiles where it is always the same."""

    profile: Profile

    def current(self) -> Profile:
        return self.profile


def darkroom(engine_version: str) -> tuple[Darkroom, RenderSettings]:
    settings = read_settings(RenderSettings, os.environ)
    s3 = s3_client()
    return Darkroom(
        originals=S3Originals(settings.uploads_bucket, s3),
        renditions=S3Renditions(settings.renditions_bucket, s3),
        ledger=DynamoLedger(settings.ledger_table, dynamodb_client()),
        profiles=OneProfile(built_in(settings.profile)),
        engine_version=engine_version,
    ), settings


def views() -> DynamoViews:
    settings = read_settings(ProjectSettings, os.environ)
    return DynamoViews(settings.views_table, dynamodb_client())


def site() -> Site:
    settings = read_settings(WebSettings, os.environ)
    s3, dynamodb = s3_client(), dynamodb_client()
    return Site(
        originals=S3Originals(settings.uploads_bucket, s3),
        renditions=S3Renditions(settings.renditions_bucket, s3),
        ledger=DynamoLedger(settings.ledger_table, dynamodb),
        views=DynamoViews(settings.views_table, dynamodb),
        settings=settings,
    )
