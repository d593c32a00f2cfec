"""The render function's settings in template.yaml, for the same limits and the same result."""

MEMORY_MB, TIMEOUT_SECONDS = 3008, 60
MB_PER_PROCESSOR = 1769  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
# Mean number of processors in use for one picture: docs/performance.md, "Both processors".
PROCESSORS_USED = 1.62
