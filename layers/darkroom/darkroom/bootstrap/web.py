"""Builds the route handlers of `web`."""

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
from darkroom.settings import WebSettings, read_settings
from darkroom.web.auth import Authorizer, SignInRoutes, TokenCache
from darkroom.web.docs import DocsRoutes
from darkroom.web.failures import FailureRoutes
from darkroom.web.http import responder_for
from darkroom.web.jobs import JobRoutes
from darkroom.web.pictures import PictureRoutes
from darkroom.web.routes import Handler


def bootstrap(
    report: Callable[[str, Entry], None], report_token_fault: Callable[[Exception], None]
) -> tuple[Authorizer, Mapping[str, Handler]]:
    """Returns the authorizer, and the handlers by the operations of routes.ROUTES.

    The handler `nothing` is for unknown routes, `broken` for exceptions. `report` receives each action on an
    upload.
    """
    settings = read_settings(WebSettings, os.environ)
    s3, dynamodb = s3_client(), dynamodb_client()
    originals = S3Originals(settings.uploads_bucket, s3)
    renditions = S3Renditions(settings.renditions_bucket, s3, settings.renditions_base_url)
    ledger, views = DynamoLedger(settings.ledger_table, dynamodb), DynamoViews(settings.views_table, dynamodb)
    failures = Failures(ledger, views, SqsQueue(settings.render_queue_url, lazy(sqs_client)))
    responder = responder_for(originals, renditions)
    token_cache = TokenCache(
        SsmTokenDocument(settings.tokens_parameter, lazy(ssm_client)), report_token_fault
    )
    authorizer = Authorizer(
        settings.auth,
        settings.public_pages,
        settings.allowed_origins,
        token_cache,
        responder,
    )
    sign_in = SignInRoutes(authorizer, token_cache, responder)
    pictures = PictureRoutes(originals, renditions, ledger, views, responder, settings, report)
    failure_routes = FailureRoutes(views, failures, responder, report)
    docs = DocsRoutes(responder)
    jobs = JobRoutes(
        Jobs(originals.bucket, DynamoJobs(settings.ledger_table, dynamodb), views),
        views,
        originals,
        renditions,
        S3Reports(settings.reports_bucket, s3),
        Tickets(
            DynamoChannels(settings.channels_table, dynamodb),
            settings.live_url,
            settings.ticket_seconds,
            address_signer(),
        ),
        responder,
        settings.url_seconds,
    )
    return authorizer, {
        "home": pictures.home,
        "post": pictures.post,
        "picture": pictures.picture,
        "alias": pictures.alias,
        "failures": failure_routes.listing,
        "act_on_all": failure_routes.act_on_all,
        "act_on_one": failure_routes.act_on_one,
        "new_job": jobs.create,
        "job": jobs.job,
        "job_uploads": jobs.uploads,
        "job_receipts_csv": jobs.table,
        "job_receipts_json": jobs.receipts,
        "job_script": jobs.script,
        "openapi": docs.openapi,
        "docs": docs.docs,
        "docs_file": docs.file,
        "problems": docs.problems,
        "sign_in_page": sign_in.page,
        "sign_in": sign_in.sign_in,
        "sign_out": sign_in.sign_out,
        "nothing": responder.unknown,
        "broken": responder.broken,
    }
