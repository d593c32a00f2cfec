"""Changes that no simple mutant comes to. A test whose assertions all fail on simple ones needs none here."""

from dataclasses import dataclass

TEMPLATE = "template.yaml"


@dataclass(frozen=True, slots=True)
class Change:
    """A text in a file, once, and what stands there instead."""

    name: str
    old: str
    new: str
    file: str = TEMPLATE

    def applied(self, text: str) -> str:
        """Raises ValueError unless the text is there, once."""
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.old!r} is {text.count(self.old)} times in {self.file}")
        return text.replace(self.old, self.new)


def under(line: str, addition: str) -> tuple[str, str]:
    """A line of the template, and the same with more under it."""
    return f"{line}\n", f"{line}\n{addition}\n"


_QUEUE = "sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility, sqs:GetQueueAttributes"

CHANGES = [
    # Loops, and what no one may do
    Change(
        "render may send to the queue that it reads",
        f"Action: [{_QUEUE}]\n                Resource: !GetAtt RenderQueue.Arn",
        f"Action: [{_QUEUE}, sqs:SendMessage]\n                Resource: !GetAtt RenderQueue.Arn",
    ),
    Change(
        "web may delete originals",
        'Action: [s3:PutObject]\n                Resource: !Sub "${UploadsBucket.Arn}/*"',
        'Action: [s3:PutObject, s3:DeleteObject]\n                Resource: !Sub "${UploadsBucket.Arn}/*"',
    ),
    Change(
        "render may put originals", "Action: [s3:GetObject, s3:GetObjectVersion]", "Action: [s3:PutObject]"
    ),
    Change(
        "renditions tell the queue",
        '      BucketName: !Sub "${AWS::StackName}-renditions-${AWS::AccountId}-${AWS::Region}"\n',
        "      NotificationConfiguration:\n"
        "        QueueConfigurations: [{ Event: s3:ObjectCreated:*, Queue: !GetAtt RenderQueue.Arn }]\n",
    ),
    Change(
        "uploads tell a bus as well",
        *under("      NotificationConfiguration:", "        EventBridgeConfiguration: {}"),
    ),
    Change("two functions share a role", "Role: !GetAtt ParkRole.Arn", "Role: !GetAtt RenderRole.Arn"),
    # From where
    Change(
        "an endpoint anywhere turns TLS off", r"^(http://127\.0\.0\.1:[0-9]+)?$", "^(http://[0-9.]+:[0-9]+)?$"
    ),
    Change("the log has the path", '"route":"$context.routeKey"', '"path":"$context.path"'),
    # Queues
    Change(
        "two functions read one queue",
        "Queue: !GetAtt DeadLetters.Arn\n            BatchSize: 10",
        "Queue: !GetAtt RenderQueue.Arn\n            BatchSize: 10",
    ),
    Change(
        "dead letters die again",
        *under(
            "  DeadLetters:\n    Type: AWS::SQS::Queue\n    Properties:",
            "      RedrivePolicy: { deadLetterTargetArn: !GetAtt ProjectFailures.Arn, maxReceiveCount: 5 }",
        ),
    ),
    Change(
        "a concurrency is reserved",
        *under("      CodeUri: functions/render/", "      ReservedConcurrentExecutions: 5"),
    ),
    # Functions and what they are told
    Change("an entry point without a handler", "def handler(", "def other(", "functions/web/app.py"),
    Change(
        "a setting that nobody reads",
        *under("          POWERTOOLS_SERVICE_NAME: web", "          NOBODY_READS: this"),
    ),
    Change(
        "another first profile",
        """Content: '{"built_in": "default"}'""",
        """Content: '{"built_in": "fast"}'""",
    ),
    # Releases
    Change("a function's own layers", *under("      CodeUri: functions/web/", "      Layers: []")),
    Change(
        "an API calls the newest", "IntegrationUri: !Ref WebAlias", "IntegrationUri: !GetAtt WebFunction.Arn"
    ),
    Change(
        "an API may call any version",
        "FunctionName: !Ref WebAlias",
        'FunctionName: !Join [":", [!Ref WebFunction, !Ref WebAlias]]',
    ),
    Change(
        "what SAM publishes answers at once",
        "      LoggingConfig:\n        LogGroup: !Ref WebLogs\n",
        "      AutoPublishAlias: current\n      LoggingConfig:\n        LogGroup: !Ref WebLogs\n",
    ),
    Change(
        "a release that local stacks would have",
        "  Releases:\n",
        "  MoreReleases: { Type: AWS::CodeDeploy::Application, Properties: {} }\n  Releases:\n",
    ),
    # What is shown
    Change("a widget over another", '"x": 8, "y": 0', '"x": 0, "y": 0'),
    Change("a widget of another size", '"x": 8, "y": 0, "width": 8', '"x": 8, "y": 0, "width": 4'),
    Change("a widget beside its column", '"x": 16, "y": 0', '"x": 17, "y": 0'),
    Change("a dashboard that leaves a function out", "${SweepFunction}", "${WebFunction}"),
    Change(
        "an alarm that no page tells of",
        "  FailedAlarm:\n",
        "  SilentAlarm:\n    Type: AWS::CloudWatch::Alarm\n    Properties:\n      Namespace: none\n"
        "      MetricName: none\n      Dimensions: []\n      Threshold: 0\n  FailedAlarm:\n",
    ),
    # Who gets in
    Change(
        "the function asks for tokens, whatever it is told",
        "AUTH: !If [IsOpen, open, !Ref Auth]",
        "AUTH: token",
    ),
    # The configuration
    Change(
        "the cloud is open",
        "confirm_changeset = true",
        'confirm_changeset = true\nparameter_overrides = "Open=true Canary=false"',
        "samconfig.toml",
    ),
    Change(
        "a check passed over without a reason",
        "  - CKV_AWS_115 #",
        "  - CKV_AWS_115\n  #",
        "tests/template/checkov.yaml",
    ),
    Change(
        "one bucket's excuse is everyone's",
        "skip-check:\n",
        "skip-check:\n  - CKV_AWS_21 # a long enough reason, and yet it holds for two alone\n",
        "tests/template/checkov.yaml",
    ),
]

# Assertions, by how they begin, that no change of one text makes fail.
EXCUSED = {
    "assert kinds == set(SETTINGS.values())": "holds the settings' classes to the test's own table",
}
