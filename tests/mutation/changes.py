"""Changes for the assertions that no generated mutant fails."""

from dataclasses import dataclass

TEMPLATE = "template.yaml"


@dataclass(frozen=True, slots=True)
class Change:
    """A text of a file, and its replacement."""

    name: str
    old: str
    new: str
    file: str = TEMPLATE

    def applied(self, text: str) -> str:
        """Returns the changed text. Raises ValueError unless the old text occurs once."""
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.old!r} occurs {text.count(self.old)} times in {self.file}")
        return text.replace(self.old, self.new)


def under(line: str, addition: str) -> tuple[str, str]:
    """A line of the template, and the same line followed by an addition."""
    return f"{line}\n", f"{line}\n{addition}\n"


_QUEUE = "sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility, sqs:GetQueueAttributes"

CHANGES = [
    # Event loops and forbidden permissions
    Change(
        "render may send to its own queue",
        f"Action: [{_QUEUE}]\n                Resource: !GetAtt RenderQueue.Arn",
        f"Action: [{_QUEUE}, sqs:SendMessage]\n                Resource: !GetAtt RenderQueue.Arn",
    ),
    Change(
        "web may delete versions of originals",
        'DeleteObject]\n                Resource: !Sub "${UploadsBucket.Arn}/*"',
        'DeleteObjectVersion]\n                Resource: !Sub "${UploadsBucket.Arn}/*"',
    ),
    Change(
        "render may put originals", "Action: [s3:GetObject, s3:GetObjectVersion]", "Action: [s3:PutObject]"
    ),
    Change(
        "the renditions bucket notifies the queue",
        '      BucketName: !Sub "${AWS::StackName}-renditions-${AWS::AccountId}-${AWS::Region}"\n',
        "      NotificationConfiguration:\n"
        "        QueueConfigurations: [{ Event: s3:ObjectCreated:*, Queue: !GetAtt RenderQueue.Arn }]\n",
    ),
    Change(
        "the uploads bucket also notifies EventBridge",
        *under("      NotificationConfiguration:", "        EventBridgeConfiguration: {}"),
    ),
    Change("two functions share a role", "Role: !GetAtt ParkRole.Arn", "Role: !GetAtt RenderRole.Arn"),
    # Endpoints and logs
    Change("a number is an environment variable", '!If [IsLocal, "10", "4"]', "!If [IsLocal, 10, 4]"),
    Change(
        "a remote endpoint turns TLS off", r"^(http://127\.0\.0\.1:[0-9]+)?$", "^(http://[0-9.]+:[0-9]+)?$"
    ),
    Change("the access log contains the path", '"route":"$context.routeKey"', '"path":"$context.path"'),
    # Queues
    Change(
        "two functions read one queue",
        "Queue: !GetAtt DeadLetters.Arn\n            BatchSize: 10",
        "Queue: !GetAtt RenderQueue.Arn\n            BatchSize: 10",
    ),
    Change(
        "the dead-letter queue has a dead-letter queue",
        *under(
            "  DeadLetters:\n    Type: AWS::SQS::Queue\n    Properties:",
            "      RedrivePolicy: { deadLetterTargetArn: !GetAtt ProjectFailures.Arn, maxReceiveCount: 5 }",
        ),
    ),
    Change(
        "concurrency is reserved",
        *under("      CodeUri: functions/render/", "      ReservedConcurrentExecutions: 5"),
    ),
    # Functions and their settings
    Change("an entry point without a handler", "def handler(", "def other(", "functions/web/app.py"),
    Change(
        "an unknown setting",
        *under("          POWERTOOLS_SERVICE_NAME: web", "          UNKNOWN_SETTING: this"),
    ),
    Change(
        "another first profile",
        """Content: '{"built_in": "default"}'""",
        """Content: '{"built_in": "fast"}'""",
    ),
    # Releases
    Change("a function's own layers", *under("      CodeUri: functions/web/", "      Layers: []")),
    Change(
        "an API calls the newest version",
        "IntegrationUri: !Ref WebAlias",
        "IntegrationUri: !GetAtt WebFunction.Arn",
    ),
    Change(
        "an API may call any version",
        "FunctionName: !Ref WebAlias",
        'FunctionName: !Join [":", [!Ref WebFunction, !Ref WebAlias]]',
    ),
    Change(
        "a published version gets all requests at once",
        "      LoggingConfig:\n        LogGroup: !Ref WebLogs\n",
        "      AutoPublishAlias: current\n      LoggingConfig:\n        LogGroup: !Ref WebLogs\n",
    ),
    Change(
        "CodeDeploy on the local stack",
        "  Releases:\n",
        "  MoreReleases: { Type: AWS::CodeDeploy::Application, Properties: {} }\n  Releases:\n",
    ),
    # Dashboard and alarms
    Change("overlapping widgets", '"x": 8, "y": 0', '"x": 0, "y": 0'),
    Change("a widget of another size", '"x": 8, "y": 0, "width": 8', '"x": 8, "y": 0, "width": 4'),
    Change("a widget outside its column", '"x": 16, "y": 0', '"x": 17, "y": 0'),
    Change("a dashboard without one function", "${SweepFunction}", "${WebFunction}"),
    Change(
        "an undocumented alarm",
        "  FailedAlarm:\n",
        "  SilentAlarm:\n    Type: AWS::CloudWatch::Alarm\n    Properties:\n      Namespace: none\n"
        "      MetricName: none\n      Dimensions: []\n      Threshold: 0\n  FailedAlarm:\n",
    ),
    # Authentication
    Change(
        "the function always requires tokens",
        "AUTH: !If [IsOpen, open, !Ref Auth]",
        "AUTH: token",
    ),
    # Configuration files
    Change(
        "the cloud is open",
        "confirm_changeset = true",
        'confirm_changeset = true\nparameter_overrides = "Open=true Canary=false"',
        "samconfig.toml",
    ),
    Change(
        "a check skipped without a reason",
        "  - CKV_AWS_115 #",
        "  - CKV_AWS_115\n  #",
        "tests/template/checkov.yaml",
    ),
    Change(
        "a check of one bucket skipped for all",
        "skip-check:\n",
        "skip-check:\n  - CKV_AWS_21 # a long enough reason, but it applies to two buckets only\n",
        "tests/template/checkov.yaml",
    ),
]

# Beginnings of assertions that no single change fails.
EXCUSED = {
    "assert kinds == set(SETTINGS.values())": "compares the settings classes with a table of the test itself",
}
