"""What web works with."""

import os
from collections.abc import Callable, Mapping

from darkroom.adapters.clients import dynamodb_client, s3_client, sqs_client, ssm_client
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
from darkroom.web.auth import AuthMode, Authorizer, SignInRoutes, TokenCache
from darkroom.web.docs import DocsRoutes
from darkroom.web.failures import FailureRoutes
from darkroom.web.http import responder_for
from darkroom.web.jobs import JobRoutes
from darkroom.web.pictures import PictureRoutes
from darkroom.web.routes import Handler


def bootstrap(
    report: Callable[[str, Entry], None], report_token_fault: Callable[[Exception], None]
) -> tuple[Authorizer, Mapping[str, Handler]]:
    """The gate, and who answers behind it, by the operations of api.ROUTES.

    And `nothing` where none of them fits, `broken` where one fails. `report` is told what was done about an
    upload.
    """
    settings = read_settings(WebSettings, os.environ)
    s3, dynamodb = s3_client(), dynamodb_client()
    originals = S3Originals(settings.uploads_bucket, s3)
    renditions = S3Renditions(settings.renditions_bucket, s3, settings.renditions_base_url)
    ledger, views = DynamoLedger(settings.ledger_table, dynamodb), DynamoViews(settings.views_table, dynamodb)
    failures = Failures(ledger, views, SqsQueue(settings.render_queue_url, sqs_client))
    responder = responder_for(originals, renditions, settings.live_url)
    token_cache = TokenCache(SsmTokenDocument(settings.tokens_parameter, ssm_client), report_token_fault)
    authorizer = Authorizer(
        AuthMode(settings.auth),
        settings.public_pages == "true",
        frozenset(filter(None, settings.allowed_origins.split(","))),
        token_cache,
        responder,
    )
    sign_in = SignInRoutes(authorizer, token_cache, responder)
    site = PictureRoutes(originals, renditions, ledger, views, responder, settings, report)
    failure_site, docs_site = FailureRoutes(views, failures, responder, report), DocsRoutes(responder)
    job_site = JobRoutes(
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
        "home": site.home,
        "post": site.post,
        "picture": site.picture,
        "alias": site.alias,
        "failures": failure_site.listing,
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
        "sign_in_page": sign_in.page,
        "sign_in": sign_in.sign_in,
        "sign_out": sign_in.sign_out,
        "nothing": responder.unknown,
        "broken": responder.broken,
    }
