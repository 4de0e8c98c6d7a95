"""Requests and answers as `httpx` has them."""

from __future__ import annotations

import os

import httpx

from ._effects import NoReply, Reply, Send
from ._version import VERSION

TIMEOUT_S = 10.0
MAX_RETRIES = 2
LIMITS = httpx.Limits(max_connections=1000, max_keepalive_connections=100)
# Failures before anything is sent.
UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
# Failures of the request itself, which no attempt can mend.
WRONG = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.TooManyRedirects)


def settings(base_url: str | None, api_key: str | None) -> tuple[str, str]:
    """Where the server is and which key to show it."""
    url = base_url or os.environ.get("HEADWORKS_URL")
    key = (api_key or os.environ.get("HEADWORKS_API_KEY") or "").strip()
    if not url:
        raise ValueError("base_url is missing: pass it, for example http://127.0.0.1:8080, or set HEADWORKS_URL")
    if not key:
        raise ValueError("api_key is missing: pass it, or set HEADWORKS_API_KEY; `headworks keys create` makes one")
    if httpx.URL(url).scheme not in ("http", "https"):
        raise ValueError(f"base_url is a URL such as http://127.0.0.1:8080, not {url!r}")
    return url.rstrip("/"), key


def headers(api_key: str) -> dict[str, str]:
    """What every request says."""
    return {
        "authorization": f"Bearer {api_key}",
        "accept": "application/json",
        "user-agent": f"headworks-python/{VERSION}",
    }


def build(client: httpx.Client | httpx.AsyncClient, base_url: str, fixed: dict[str, str], send: Send) -> httpx.Request:
    """One attempt as a request. The query stays as the caller wrote it; header values are UTF-8."""
    values = [(name.encode(), value.encode()) for name, value in {**fixed, **send.headers}.items()]
    return client.build_request(
        send.method,
        base_url + send.path,
        params=send.query or None,
        headers=values,
        content=send.content,
        timeout=send.timeout,
    )


def reply(response: httpx.Response) -> Reply:
    """An answer that was read to its end."""
    return Reply(response.status_code, {k.lower(): v for k, v in response.headers.items()}, response.content)


def lost(error: httpx.RequestError) -> NoReply:
    """What an attempt without an answer means."""
    if isinstance(error, WRONG):
        raise error
    return NoReply(error, sent=not isinstance(error, UNSENT))
