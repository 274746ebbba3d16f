"""From a URL to the place of an archive: a folder, object storage that speaks S3, or what fsspec has a driver for."""

from __future__ import annotations

import os
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from alphaloop.core.addresses import redacted
from alphaloop.core.errors import InputError
from alphaloop.core.extras import require

S3_OPTIONS: Final = ("endpoint", "region")


def open_storage(url: str) -> tuple[Any, str]:
    """Open the storage of `url`: its file system, as fsspec has them, and the root in it. Nothing is called yet.

    ``s3://BUCKET/PREFIX`` needs no driver: pyarrow's client, which is there anyhow, speaks S3, and uploads large files
    in parts. Keys come from ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY`` or the usual files, the region and the
    address of a storage that is not Amazon's from ``AWS_REGION`` and ``AWS_ENDPOINT_URL``, or from ``?region=`` and
    ``?endpoint=`` behind the URL. Other URLs need the driver that fsspec names.

    Raises
    ------
    InputError
        If the URL cannot be understood, holds keys, or its driver is not installed.
    """
    require("solana", "fsspec")
    import fsspec

    if urlsplit(url).scheme == "s3":
        return _s3(url)
    try:
        files, root = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise InputError(
            f"{redacted(url)}: the archive cannot be opened ({error}); give a folder, or install the driver of its kind"
        ) from None
    return files, root.rstrip("/")


def _s3(url: str) -> tuple[Any, str]:
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow.fs import S3FileSystem

    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query))
    unknown = next((name for name in given if name not in S3_OPTIONS), None)
    if "@" in parts.netloc or unknown is not None:
        wrong = f"unknown option {unknown!r}" if unknown is not None else "keys in it, which others can read"
        raise InputError(
            f"{redacted(url)}: {wrong}; give s3://BUCKET/PREFIX, options {' and '.join(S3_OPTIONS)}, and the keys in "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if not parts.netloc:
        raise InputError(f"{redacted(url)}: names no bucket; give s3://BUCKET/PREFIX")
    endpoint = given.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    files = S3FileSystem(endpoint_override=endpoint, region=given.get("region"))
    return ArrowFSWrapper(files), f"{parts.netloc}{parts.path}".rstrip("/")
