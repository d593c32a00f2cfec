"""The render function's settings in template.yaml, for the same limits and the same result."""

MEMORY_MB, TIMEOUT_SECONDS = 3008, 60
# Multiplies all time limits here: other pictures and programs share the processors. With the function's own
# limits, a busy machine would reject pictures, and leave out AVIF.
SLACK = 5
MB_PER_PROCESSOR = 1769  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
# Mean number of processors in use for one picture: docs/performance.md, "Both processors".
PROCESSORS_USED = 1.62
