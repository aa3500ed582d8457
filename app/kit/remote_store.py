"""Objects at the URL of an object store (Amazon S3 and what speaks like it, Google, Azure), through `obstore`.

Credentials come from the environment, under the names that the provider's own tools read (`AWS_…`, `GOOGLE_…`,
`AZURE_…`). They are never logged, and neither are the messages of the client, which may quote an address.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
import structlog
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import from_url

from app.kit.store import MissingObject, ObjectStore, StoreUnavailable, check_key

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

log = structlog.get_logger(__name__)

PIECE = 8 * 1024 * 1024  # bytes of a file that one request carries
CONNECT_S = 3  # a host that takes no connection is asked three times
ANSWER_S = 15  # one that does not answer a reading request is asked again within this time, a writing one never
AT_ONCE = 16  # requests of one call
MOST_PIECES = 9_000  # of one upload; S3 takes 10,000

_RETRIES: "RetryConfig" = {"max_retries": 2, "retry_timeout": timedelta(seconds=ANSWER_S)}


class RemoteStore(ObjectStore):
    """Objects below a URL such as `s3://bucket/folder`. Threads may share it."""

    def __init__(self, url: str) -> None:
        try:
            self._client = from_url(url, client_options=_options(), retry_config=_RETRIES)
        except BaseError as error:
            raise ValueError(f"not the URL of an object store ({type(error).__name__})") from None

    def put(self, key: str, content: bytes) -> None:
        """Store `content`; the object is whole or is not there."""
        check_key(key)
        self.write(key, content)

    def put_all(self, contents: Mapping[str, bytes]) -> None:
        """Store several objects, some at a time."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="store") as pool:
            for done in [pool.submit(self.put, key, content) for key, content in contents.items()]:
                done.result()

    def get(self, key: str) -> bytes:
        """Return an object's content."""
        check_key(key)
        return self.read(key)

    def delete(self, key: str) -> None:
        """Delete an object."""
        check_key(key)
        self.remove(key)

    def keys(self, kind: str) -> Iterator[str]:
        """Yield the keys of a kind."""
        return self.names(f"{kind}/")

    def write(self, name: str, content: bytes) -> None:
        """Store `content` under any name."""
        with _answered():
            obstore.put(self._client, name, content, chunk_size=PIECE)

    def read(self, name: str) -> bytes:
        """Return the content under any name."""
        with _answered(name):
            return bytes(obstore.get(self._client, name).bytes())

    def remove(self, name: str) -> None:
        """Delete what is stored under any name."""
        try:
            with _answered(name):
                obstore.delete(self._client, name)
        except MissingObject:
            return

    def names(self, beginning: str) -> Iterator[str]:
        """Yield the names in a folder such as `datasets/`, at any depth."""
        with _answered():
            for found in obstore.list(self._client, beginning):
                yield from (each["path"] for each in found)

    def upload(self, name: str, path: Path) -> None:
        """Store a file, in pieces; it is there whole, or not at all."""
        piece = max(PIECE, -(-path.stat().st_size // MOST_PIECES))
        with _answered():
            obstore.put(self._client, name, path, chunk_size=piece, max_concurrency=4)

    def download(self, name: str, path: Path, size: int) -> str:
        """Write `size` bytes of an object to a new file, and return their SHA-256.

        Each piece is a request of its own, so that the time without an answer stays bounded for any size.
        """
        digest = hashlib.sha256()
        with path.open("xb") as file:
            for start in range(0, size, PIECE):
                with _answered(name):
                    piece = obstore.get_range(self._client, name, start=start, end=min(start + PIECE, size))
                digest.update(piece)
                file.write(piece)
        return digest.hexdigest()


def _options() -> "ClientConfig":
    options: ClientConfig = {"connect_timeout": timedelta(seconds=CONNECT_S), "timeout": timedelta(seconds=ANSWER_S)}
    if os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true":  # options that are given hide this variable
        options["allow_http"] = True
    return options


@contextmanager
def _answered(name: str | None = None) -> Iterator[None]:
    """Raise the client's errors as ours; `name` is the object that is read, if one is."""
    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        if name is not None and isinstance(error, NotFoundError | FileNotFoundError):
            raise MissingObject(name) from None
        log.error("store_unavailable", error=type(error).__name__)
        raise StoreUnavailable("the object store does not answer") from None
