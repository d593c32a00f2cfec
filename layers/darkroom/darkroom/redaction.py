"""What may be said of a fault to those who read logs and lists: nothing that lets anybody in.

The words of a fault are often not ours: botocore quotes the address that it asked, with its query, and that
may be presigned, or hold a token.
"""

import re

# In JSON a backslash begins an escape. Only that of a character may be part of what is left out: what remains
# is JSON still.
_CHARACTER = r"(?:[^\s\"'<>\\]|\\u[0-9a-f]{4})"
# Up to its first "=" a query has no other "?": else a key of nothing but these takes minutes to look through.
_NAME = r"(?:[^\s\"'<>\\?=]|\\u[0-9a-f]{4})*"
_LEFT_OUT = (
    (re.compile(rf"\?{_NAME}={_CHARACTER}*"), "?..."),
    (re.compile(r"(?i)\b(Bearer|Basic)[ :]+[\w.~+/=-]+"), r"\1 ..."),
    (re.compile(rf"(__Host-\w+)={_CHARACTER}*"), r"\1=..."),
    (
        re.compile(r"(?i)\b(X-Amz-(?:Credential|Security-Token|Signature)\W{1,8})[\w.~+/=%-]+"),
        r"\1...",
    ),
)


def redact(text: str) -> str:
    """The text, or the JSON in it, without queries, tokens, cookies and signatures.

    >>> discreet('Could not connect to "https://bucket.test/a.png?X-Amz-Signature=5f0c"')
    'Could not connect to "https://bucket.test/a.png?..."'
    """
    for pattern, instead in _LEFT_OUT:
        text = pattern.sub(instead, text)
    return text
