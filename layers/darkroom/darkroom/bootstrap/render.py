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
from darkroom.services.rendering import Engine, Renderer
from darkroom.settings import RenderSettings, read_settings


def bootstrap(
    engine_version: str, report_profile_fault: Callable[[Exception], None]
) -> tuple[Reconciler, Callable[[str, Engine], None], SqsQueue, RenderSettings]:
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

    def render_trial(trial_id: str, engine: Engine) -> None:
        from darkroom.domain.prices import architecture  # imported only when needed
        from darkroom.services.trials import TrialRenderer, Trials

        trials = Trials(S3Reports(settings.reports_bucket, s3))
        processor = architecture(platform.machine())
        TrialRenderer(trials, originals, engine_version, settings.memory_mb, processor).render(
            trial_id, engine
        )

    return reconciler, render_trial, SqsQueue(settings.render_queue_url, visibility_client()), settings
