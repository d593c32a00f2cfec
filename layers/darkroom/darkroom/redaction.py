"""Removes credentials from texts before they are logged or shown.

Exception messages are often written by libraries: botocore quotes the requested URL with its query, which may
be presigned or contain a token.
"""

import re

# The text may be JSON: a backslash ends the match, except in a \uXXXX escape, so that JSON stays valid.
_CHARACTER = r"(?:[^\s\"'<>\\]|\\u[0-9a-f]{4})"
# The pattern allows no "?" before the first "=": else a long text of question marks would take minutes to
# search.
_NAME = r"(?:[^\s\"'<>\\?=]|\\u[0-9a-f]{4})*"
_SECRETS = (
    (re.compile(rf"\?{_NAME}={_CHARACTER}*"), "?..."),
    (re.compile(r"(?i)\b(Bearer|Basic)[ :]+[\w.~+/=-]+"), r"\1 ..."),
    (re.compile(rf"(__Host-\w+) ?= ?{_CHARACTER}*"), r"\1=..."),
    (
        re.compile(r"(?i)\b(X-Amz-(?:Credential|Security-Token|Signature)\W{1,8})[\w.~+/=%-]+"),
        r"\1...",
    ),
)


def redact(text: str) -> str:
    """Removes queries, tokens, cookies and signatures from a text; JSON stays JSON.

    >>> redact('Could not connect to "https://bucket.test/a.png?X-Amz-Signature=5f0c"')
    'Could not connect to "https://bucket.test/a.png?..."'
    """
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text
