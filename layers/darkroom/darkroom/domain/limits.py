"""Limits applied by more than one module."""

# The maximum number of uploads in a job, and the number of uploads on one page of its stored manifest and of
# `GET /jobs/{id}/uploads`.
MAX_JOB_UPLOADS = 10_000
PAGE_SIZE = 100

# S3 allows keys of 1,024 bytes. In a key, an id of 32 characters and a slash precede the name.
MAX_NAME_BYTES = 900

# S3's version ids have 32 characters, but it documents only a limit of 1,024 bytes. In range keys of the
# ledger, which have at most 1,024 bytes, a time and an id of 32 characters precede a version.
MAX_VERSION_BYTES = 900

# The longest `Idempotency-Key`, in characters.
MAX_IDEMPOTENCY_KEY = 255

# The largest file that a presigned form accepts, and the time for which the form is valid.
MAX_UPLOAD_BYTES = 100_000_000
FORM_SECONDS = 300

# Ids of pictures, jobs and tickets: 128 bits as hex digits.
ID_PATTERN = "[0-9a-f]{32}"
