"""The ledger's stream -> views."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom import bootstrap
from darkroom.adapters.batches import LoudBatch
from darkroom.adapters.items import entry_of, is_entry

logger = Logger()
metrics = Metrics()
views = bootstrap.views()
processor = LoudBatch(EventType.DynamoDBStreams, logger, metrics)


def project(record: DynamoDBRecord) -> None:
    image = record.dynamodb and record.dynamodb.new_image
    # An entry that has expired has no image; its view expires by itself.
    if image and is_entry(image):
        entry = entry_of(image)
        applied = views.apply(entry)
        metrics.add_metric("Projected", MetricUnit.Count, int(applied))
        logger.info("projected" if applied else "already applied", extra=entry.summary)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return process_partial_response(event=event, record_handler=project, processor=processor, context=context)
