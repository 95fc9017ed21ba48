"""HTTP to the controller: one function, and every failure is one line."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

from qb_controller.errors import InputError, NotFound, QBError

DEFAULT_URL = "http://127.0.0.1:8181"
TIMEOUT_S = 30.0
"""Longer than the controller itself waits for its slowest switch."""


class ControllerError(QBError):
    """The controller cannot be reached or could not answer."""


def add_url(parser: argparse.ArgumentParser) -> None:
    """Give a command ``--url``; the environment variable ``QB_URL`` changes the default."""
    parser.add_argument(
        "--url",
        default=os.environ.get("QB_URL", DEFAULT_URL),
        help="controller's REST address (default: $QB_URL, else %(default)s)",
    )


class Client:
    """The REST interface of one controller.

    Parameters
    ----------
    url : str
        ``http://HOST:PORT``, as ``--url`` gave it.

    Raises
    ------
    InputError
        The URL is not one.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise InputError(f"--url {url}: {error}") from None
        if parts.scheme not in ("http", "https") or not host:
            raise InputError(f"--url {url}: want http://HOST:PORT")
        self.url = url.rstrip("/")
        self._kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._address = (host, port)
        self._prefix = parts.path.rstrip("/")
        self._timeout_s = timeout_s

    def get(self, path: str, **query: str | int | None) -> Any:
        """Return the JSON of a GET; queries that are None are left out."""
        given = {key: value for key, value in query.items() if value is not None}
        return self._ask("GET", path + (f"?{urlencode(given)}" if given else ""), None)

    def send(self, method: str, path: str, body: object) -> Any:
        """Send ``body`` as JSON and return the JSON of the answer."""
        return self._ask(method, path, json.dumps(body).encode())

    def delete(self, path: str) -> Any:
        """Return the JSON of a DELETE."""
        return self._ask("DELETE", path, None)

    def follow(self, path: str, **query: str | int | None) -> Iterator[dict[str, Any]]:
        """Yield the data of server-sent events as they come, until the controller ends."""
        given = {key: value for key, value in query.items() if value is not None}
        with self._connection() as connection:
            target = path + (f"?{urlencode(given)}" if given else "")
            connection.request("GET", self._prefix + target)
            response = connection.getresponse()
            if response.status != 200:
                self._read(response.status, response.read())
            for line in response:
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))

    def _ask(self, method: str, target: str, body: bytes | None) -> Any:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        with self._connection() as connection:
            connection.request(method, self._prefix + target, body, headers)
            response = connection.getresponse()
            status, text = response.status, response.read()
        return self._read(status, text)

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Any]:
        connection = self._kind(*self._address, timeout=self._timeout_s)
        try:
            yield connection
        except TimeoutError:
            raise ControllerError(
                f"the controller at {self.url} gave no answer within {self._timeout_s:g} s"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise ControllerError(
                f"no controller at {self.url} ({_reason(error)}); start one with "
                "`ryu-manager qb_controller.app` or name another with --url"
            ) from None
        finally:
            connection.close()

    def _read(self, status: int, text: bytes) -> Any:
        try:
            answer = json.loads(text)
        except ValueError:
            raise ControllerError(
                f"{self.url} answered {status} with something other than JSON: "
                "is it a Q-Backbone controller?"
            ) from None
        if status < 400:
            return answer
        message = str(answer.get("error", text)) if isinstance(answer, dict) else str(answer)
        if status == 404:
            raise NotFound(message)
        if status < 500:
            raise InputError(message)
        raise ControllerError(message)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
