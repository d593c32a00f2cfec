"""Builds the authorizer and the handlers of the web function."""

import os
from collections.abc import Callable, Mapping

from darkroom.adapters.clients import dynamodb_client, lazy, s3_client, sqs_client, ssm_client
from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.adapters.jobs import DynamoJobs
from darkroom.adapters.live import DynamoChannels, address_signer
from darkroom.adapters.s3 import S3Originals, S3Renditions, S3Reports
from darkroom.adapters.sqs import SqsQueue
from darkroom.adapters.ssm import SsmTokenDocument
from darkroom.domain.entries import Entry
from darkroom.services.jobs import Jobs
from darkroom.services.live import Tickets
from darkroom.services.parking import Failures
from darkroom.services.trials import Trials
from darkroom.settings import WebSettings, read_settings
from darkroom.web.auth import Authorizer, TokenCache
from darkroom.web.docs import DocsRoutes
from darkroom.web.failures import FailureRoutes
from darkroom.web.http import responder_for
from darkroom.web.jobs import JobRoutes
from darkroom.web.pictures import PictureRoutes
from darkroom.web.playground import PlaygroundRoutes
from darkroom.web.routes import Handler
from darkroom.web.sign_in import SignInRoutes


def bootstrap(
    report: Callable[[str, Entry], None], report_token_fault: Callable[[Exception], None]
) -> tuple[Authorizer, Mapping[str, Handler]]:
    """Returns the authorizer, and the handlers by `operation` of `routes.ROUTES`.

    Handler `not_found` is for requests without a route, `broken` for exceptions. `report` is called with each
    action on an upload.
    """
    settings = read_settings(WebSettings, os.environ)
    s3, dynamodb = s3_client(), dynamodb_client()
    originals = S3Originals(settings.uploads_bucket, s3)
    renditions = S3Renditions(settings.renditions_bucket, s3, settings.renditions_base_url)
    ledger, views = DynamoLedger(settings.ledger_table, dynamodb), DynamoViews(settings.views_table, dynamodb)
    queue = SqsQueue(settings.render_queue_url, lazy(sqs_client))
    failures = Failures(ledger, views, queue)
    reports = S3Reports(settings.reports_bucket, s3)
    responder = responder_for(originals, renditions, reports, settings.live_url)
    token_document = SsmTokenDocument(settings.tokens_parameter, lazy(ssm_client))
    token_cache = TokenCache(token_document, report_token_fault)
    authorizer = Authorizer(
        settings.auth, settings.public_pages, settings.allowed_origins, token_cache, responder
    )
    sign_in_routes = SignInRoutes(authorizer)
    picture_routes = PictureRoutes(originals, renditions, ledger, views, queue, responder, settings, report)
    failure_routes, docs_routes = FailureRoutes(views, failures, responder, report), DocsRoutes(responder)
    jobs = Jobs(originals.bucket, DynamoJobs(settings.ledger_table, dynamodb), views)
    channels = DynamoChannels(settings.channels_table, dynamodb)
    tickets = Tickets(channels, settings.live_url, settings.ticket_seconds, address_signer())
    job_routes = JobRoutes(
        jobs, views, originals, renditions, reports, tickets, responder, settings.url_seconds
    )
    playground_routes = PlaygroundRoutes(views, renditions, Trials(reports), queue, responder, settings)
    return authorizer, {
        "home": picture_routes.home,
        "post": picture_routes.post,
        "picture": picture_routes.picture,
        "delete": picture_routes.delete,
        "focus": picture_routes.choose_focus,
        "alias": picture_routes.alias,
        "failures": failure_routes.listing,
        "retry_all": failure_routes.retry_all,
        "skip_all": failure_routes.skip_all,
        "retry_one": failure_routes.retry_one,
        "skip_one": failure_routes.skip_one,
        "new_job": job_routes.create,
        "job": job_routes.job,
        "job_uploads": job_routes.uploads,
        "job_receipts_csv": job_routes.table,
        "job_receipts_json": job_routes.receipts,
        "job_script": job_routes.script,
        "job_files": job_routes.files,
        "playground": playground_routes.page,
        "new_trial": playground_routes.start,
        "trial": playground_routes.trial,
        "end_trial": playground_routes.end,
        "openapi": docs_routes.openapi,
        "docs": docs_routes.docs,
        "docs_file": docs_routes.file,
        "problems": docs_routes.problems,
        "sign_in_page": sign_in_routes.page,
        "sign_in": sign_in_routes.sign_in,
        "sign_out": sign_in_routes.sign_out,
        "not_found": responder.not_found,
        "broken": responder.broken,
    }
