"""Builds the dependencies of the render function."""

import os
import platform
from collections.abc import Callable

from darkroom.adapters.appconfig import AppConfigProfiles
from darkroom.adapters.clients import appconfigdata_client, dynamodb_client, s3_client, visibility_client
from darkroom.adapters.dynamodb import DynamoLedger
from darkroom.adapters.s3 import S3Originals, S3Renditions, S3Reports
from darkroom.adapters.sqs import SqsQueue
from darkroom.services.keys import Keys
from darkroom.services.reconciling import Reconciler
from darkroom.services.rendering import Renderer
from darkroom.services.trials import TrialRenderer, Trials
from darkroom.settings import RenderSettings, read_settings


def bootstrap(
    engine_version: str, report_profile_fault: Callable[[Exception], None]
) -> tuple[Reconciler, TrialRenderer, SqsQueue, RenderSettings]:
    settings = read_settings(RenderSettings, os.environ)
    s3 = s3_client()
    originals = S3Originals(settings.uploads_bucket, s3)
    renditions = S3Renditions(settings.renditions_bucket, s3)
    keys = Keys(originals, DynamoLedger(settings.ledger_table, dynamodb_client()))
    profiles = AppConfigProfiles(
        settings.profile_application,
        settings.profile_environment,
        settings.live_profile,
        appconfigdata_client(),
        report_profile_fault,
    )
    renderer = Renderer(originals, renditions, profiles, engine_version)
    reconciler = Reconciler(keys, renditions, renderer)
    trial_renderer = TrialRenderer(
        Trials(S3Reports(settings.reports_bucket, s3)),
        originals,
        engine_version,
        settings.memory_mb,
        "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64",
    )
    return reconciler, trial_renderer, SqsQueue(settings.render_queue_url, visibility_client()), settings
