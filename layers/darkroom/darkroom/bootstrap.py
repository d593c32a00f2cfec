"""Wires the house together: the only place that reads the environment and builds adapters."""

import os
from collections.abc import Callable, Mapping

from darkroom.adapters.appconfig import AppConfigProfiles
from darkroom.adapters.clients import (
    appconfigdata_client,
    connections_client,
    dynamodb_client,
    events_client,
    s3_client,
    sqs_client,
)
from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.adapters.events import EventBridgeAnnouncements
from darkroom.adapters.jobs import DynamoJobs
from darkroom.adapters.live import ApiGatewaySockets, DynamoChannels, address_signer
from darkroom.adapters.s3 import S3Originals, S3Renditions
from darkroom.adapters.sqs import SqsQueue
from darkroom.answers import answers_beside
from darkroom.api import Handler
from darkroom.docs_site import DocsSite
from darkroom.documents import Document, job_document
from darkroom.failure_site import FailureSite
from darkroom.job_site import JobSite
from darkroom.jobs import Jobs
from darkroom.live import Live, Pusher, Tickets
from darkroom.parking import Failures, Parking
from darkroom.projecting import JOB_ROOT, Broadcast, Projection
from darkroom.rendering import Darkroom
from darkroom.settings import (
    LiveSettings,
    ParkSettings,
    ProjectSettings,
    RenderSettings,
    SweepSettings,
    WebSettings,
    read_settings,
)
from darkroom.site import Site
from darkroom.sweeping import Sweep


def darkroom(
    engine_version: str, report_profile_fault: Callable[[Exception], None]
) -> tuple[Darkroom, SqsQueue, RenderSettings]:
    settings = read_settings(RenderSettings, os.environ)
    s3 = s3_client()
    house = Darkroom(
        originals=S3Originals(settings.uploads_bucket, s3),
        renditions=S3Renditions(settings.renditions_bucket, s3),
        ledger=DynamoLedger(settings.ledger_table, dynamodb_client()),
        profiles=AppConfigProfiles(
            settings.profile_application,
            settings.profile_environment,
            settings.live_profile,
            appconfigdata_client(),
            report_profile_fault,
        ),
        engine_version=engine_version,
    )
    return house, SqsQueue(settings.render_queue_url, sqs_client()), settings


def parking() -> tuple[Parking, SqsQueue, ParkSettings]:
    settings = read_settings(ParkSettings, os.environ)
    ledger = DynamoLedger(settings.ledger_table, dynamodb_client())
    return Parking(ledger), SqsQueue(settings.dead_letters_url, sqs_client()), settings


def sweep() -> tuple[Sweep, SweepSettings]:
    settings = read_settings(SweepSettings, os.environ)
    s3, dynamodb = s3_client(), dynamodb_client()
    return Sweep(
        originals=S3Originals(settings.uploads_bucket, s3),
        renditions=S3Renditions(settings.renditions_bucket, s3),
        ledger=DynamoLedger(settings.ledger_table, dynamodb),
        jobs=DynamoJobs(settings.ledger_table, dynamodb),
        queue=SqsQueue(settings.render_queue_url, sqs_client()),
        after_minutes=settings.sweep_after_minutes,
        keep_hours=settings.keep_superseded_hours,
        job_patience_minutes=settings.job_patience_minutes,
    ), settings


def broadcast(report_push_fault: Callable[[Exception], None]) -> Broadcast:
    settings = read_settings(ProjectSettings, os.environ)
    dynamodb = dynamodb_client()
    return Broadcast(
        Projection(DynamoViews(settings.views_table, dynamodb)),
        EventBridgeAnnouncements(settings.event_bus, events_client()),
        Pusher(
            DynamoChannels(settings.channels_table, dynamodb),
            ApiGatewaySockets(connections_client(settings.live_endpoint)),
            report_push_fault,
        ),
    )


def live() -> Live:
    settings = read_settings(LiveSettings, os.environ)
    dynamodb = dynamodb_client()
    views = DynamoViews(settings.views_table, dynamodb)

    def find_job(job: str) -> Document | None:
        view = views.job(job)
        return job_document(view, JOB_ROOT) if view else None

    return Live(
        DynamoChannels(settings.channels_table, dynamodb),
        ApiGatewaySockets(connections_client(settings.live_endpoint)),
        find_job,
    )


def web() -> Mapping[str, Handler]:
    """Who answers, by the operations of api.ROUTES; and `nothing`, where none of them fits."""
    settings = read_settings(WebSettings, os.environ)
    s3, dynamodb = s3_client(), dynamodb_client()
    originals = S3Originals(settings.uploads_bucket, s3)
    renditions = S3Renditions(settings.renditions_bucket, s3, settings.renditions_base_url)
    ledger, views = DynamoLedger(settings.ledger_table, dynamodb), DynamoViews(settings.views_table, dynamodb)
    failures = Failures(ledger, views, SqsQueue(settings.render_queue_url, sqs_client()))
    answers = answers_beside(originals, renditions)
    site = Site(originals, renditions, ledger, views, answers, settings)
    failure_site, docs_site = FailureSite(views, failures, answers), DocsSite(answers)
    job_site = JobSite(
        Jobs(originals.bucket, DynamoJobs(settings.ledger_table, dynamodb), views),
        views,
        originals,
        renditions,
        Tickets(
            DynamoChannels(settings.channels_table, dynamodb),
            settings.live_url,
            settings.ticket_seconds,
            address_signer(),
        ),
        answers,
        settings.url_seconds,
    )
    return {
        "home": site.home,
        "post": site.post,
        "picture": site.picture,
        "alias": site.alias,
        "failures": failure_site.parked,
        "act_on_all": failure_site.act_on_all,
        "act_on_one": failure_site.act_on_one,
        "new_job": job_site.create,
        "job": job_site.job,
        "job_uploads": job_site.uploads,
        "job_receipts_csv": job_site.table,
        "job_receipts_json": job_site.receipts,
        "job_script": job_site.script,
        "openapi": docs_site.openapi,
        "docs": docs_site.docs,
        "docs_file": docs_site.file,
        "problems": docs_site.problems,
        "nothing": answers.unknown,
    }
