"""URLs of servers as errors and logs may show them: without what is secret."""

from __future__ import annotations

import re
from urllib.parse import unquote

HIDDEN = "***"
_QUERY_VALUE = re.compile(r"(?<==)[^&#]+")


def redacted(url: str) -> str:
    """Give `url` without its password, and without the values of its query, which may be keys.

    A password need not be percent-encoded: everything between the user's name and the last ``@`` is taken for it.
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    credentials, at, place = rest.rpartition("@")
    place, question, query = place.partition("?")
    user, colon, _ = credentials.partition(":")
    shown = f"{user}{colon}{HIDDEN if colon else ''}{at}{place}"
    return f"{scheme}://{shown}{question}{_QUERY_VALUE.sub(HIDDEN, query)}"


def scrubbed(text: str, url: str) -> str:
    """Give a driver's `text` about `url` on one line, with the password replaced wherever it is repeated."""
    credentials = url.partition("://")[2].rpartition("@")[0]
    password = credentials.partition(":")[2]
    for secret in sorted({url, password, unquote(password)} - {""}, key=len, reverse=True):
        text = text.replace(secret, redacted(url) if secret == url else HIDDEN)
    return " ".join(text.split())
