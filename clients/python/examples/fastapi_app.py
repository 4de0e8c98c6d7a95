"""A service that sells chat: each request is held before the work and settled at what was used, also when the caller leaves.

    pip install headworks 'fastapi>=0.118' uvicorn
    HEADWORKS_URL=http://127.0.0.1:8080 HEADWORKS_API_KEY=hw_… uvicorn fastapi_app:app

The catalog sells a feature `chat` by the dimension `model`, with the meters `input_tokens` and `output_tokens`, as
`examples/catalog.toml` of the repository does. The headers `x-account` and `x-user` say who calls;
your own authentication goes there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Header, Request
from fastapi.responses import JSONResponse, StreamingResponse

from headworks import AsyncHeadworks, AsyncHold, Denied, NotFound, Unavailable

WORDS_AT_MOST = 200


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncHeadworks() as client:  # HEADWORKS_URL and HEADWORKS_API_KEY
        app.state.headworks = client
        yield


app = FastAPI(lifespan=lifespan)


async def held(
    request: Request, x_account: Annotated[str, Header()], x_user: Annotated[str, Header()]
) -> AsyncIterator[AsyncHold]:
    """A hold for each request. It ends after the response was sent or broken off, and settles `hold.used`."""
    client: AsyncHeadworks = request.app.state.headworks
    estimate = {"input_tokens": len(await request.body()), "output_tokens": WORDS_AT_MOST}
    path, dimensions = f"user:{x_user}", {"model": "small"}
    async with client.hold(x_account, "chat", estimate, path=path, dimensions=dimensions) as hold:
        yield hold


Held = Annotated[AsyncHold, Depends(held)]


@app.exception_handler(Denied)
async def denied(_: Request, error: Denied) -> JSONResponse:
    """402 where money helps, 429 where time does, 403 where neither does."""
    decision = error.decision
    wait = decision.retry_after
    buys = bool(decision.unblock and decision.unblock.get("purchase"))
    status = 429 if decision.transient else 402 if buys else 403
    body = {"reason": decision.reason, "decision": decision.decision_id, "unblock": decision.unblock}
    return JSONResponse(body, status, {"retry-after": str(int(wait) + 1)} if wait is not None else None)


@app.exception_handler(NotFound)
async def unknown(_: Request, error: NotFound) -> JSONResponse:
    """An account that does not exist."""
    return JSONResponse({"reason": error.detail}, 403)


@app.exception_handler(Unavailable)
async def unavailable(_: Request, error: Unavailable) -> JSONResponse:
    """Closed: without a decision there is no work."""
    return JSONResponse({"reason": "unavailable"}, 503, {"retry-after": "1"})


async def model(prompt: str) -> AsyncIterator[str]:
    """Stands for the work: one word after the other."""
    for word in prompt.split()[:WORDS_AT_MOST]:
        await asyncio.sleep(0.01)
        yield word


@app.post("/answers")
async def answer(request: Request, hold: Held) -> dict[str, str]:
    """A whole answer."""
    prompt = (await request.body()).decode()
    words = [word async for word in model(prompt)]
    hold.used = {"input_tokens": len(prompt), "output_tokens": len(words)}
    return {"text": " ".join(words)}


@app.post("/streams")
async def stream(request: Request, hold: Held) -> StreamingResponse:
    """A stream: what was sent when the caller leaves is what is settled."""
    prompt = (await request.body()).decode()

    async def words() -> AsyncIterator[str]:
        sent = 0
        async for word in model(prompt):
            sent += 1
            hold.used = {"input_tokens": len(prompt), "output_tokens": sent}
            yield word + " "

    return StreamingResponse(words(), media_type="text/plain")
