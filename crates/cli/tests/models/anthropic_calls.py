"""Calls through the gateway with the official Python SDK of Anthropic. Argument: a JSON file with the URL, keys and rows of a trace."""

import asyncio
import json
import sys
import time

import anthropic

world = json.load(open(sys.argv[1]))
posts = []


def client(key, **more):
    count = {"request": [lambda request: posts.append(request.method)]}
    http = anthropic.DefaultHttpxClient(event_hooks=count)
    return anthropic.Anthropic(base_url=world["url"], api_key=key, http_client=http, **more)


def served(**wish):
    """How the stand-in serves a call."""
    return {"mock": {"input_tokens": 3, "output_tokens": 5, **wish}}


def fails(kind, call):
    """The error that a call ends with, and how many requests it took."""
    posts.clear()
    try:
        call()
    except kind as e:
        return e, len(posts)
    raise AssertionError(f"no {kind.__name__}")


def equal(got, expected):
    assert got == expected, f"{repr(got)[:2_000]} is not {repr(expected)[:2_000]}"


acme = client(world["acme"])
hello = [{"role": "user", "content": "hello"}]
ask = {"model": "small", "max_tokens": 1_000, "messages": hello}
weather = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
FIVE = "tok " * 5


def messages():
    whole = acme.messages.create(**ask, extra_body=served())
    equal((whole.content[0].text, whole.stop_reason), (FIVE, "end_turn"))
    equal((whole.usage.input_tokens, whole.usage.output_tokens), (3, 5))
    raw = acme.messages.with_raw_response.create(**ask, extra_body=served())
    assert raw.headers["x-headworks-decision"], raw.headers
    events = list(acme.messages.create(**ask, stream=True, extra_body=served()))
    equal("".join(e.delta.text for e in events if e.type == "content_block_delta"), FIVE)
    equal([e.usage.output_tokens for e in events if e.type == "message_delta"], [5])
    with acme.messages.stream(**ask, extra_body=served()) as stream:
        text = "".join(stream.text_stream)
        last = stream.get_final_message()
    equal((text, last.content[0].text, last.usage.input_tokens, last.usage.output_tokens), (FIVE, FIVE, 3, 5))
    # The key may also come as a token.
    token = anthropic.Anthropic(base_url=world["url"], auth_token=world["acme"])
    equal(token.messages.create(**ask, extra_body=served()).usage.output_tokens, 5)
    beta = acme.beta.messages.create(**ask, betas=["some-beta"], extra_body=served())
    equal((beta.content[0].text, beta.usage.output_tokens), (FIVE, 5))
    limited = acme.messages.create(**{**ask, "max_tokens": 4}, extra_body=served())
    equal((limited.stop_reason, limited.usage.output_tokens), ("max_tokens", 4))


def tools():
    wish = served(tool_call={"name": "weather", "arguments": {"city": "Ås"}})
    whole = acme.messages.create(**ask, tools=[weather], extra_body=wish)
    equal((whole.stop_reason, whole.content[0].name, whole.content[0].input), ("tool_use", "weather", {"city": "Ås"}))
    with acme.messages.stream(**ask, tools=[weather], extra_body=wish) as stream:
        last = stream.get_final_message()
    equal((last.stop_reason, last.content[0].input), ("tool_use", {"city": "Ås"}))
    # What is asked for reaches the upstream as it was sent.
    form = {"format": {"type": "json_schema", "schema": weather["input_schema"]}}
    echo = acme.messages.create(**ask, tools=[weather], extra_body={"output_config": form, **served(echo=True)})
    got = json.loads(echo.content[0].text)
    equal((got["tools"], got["output_config"], got["messages"]), ([weather], form, hello))


def others():
    assert acme.messages.count_tokens(model="small", messages=hello).input_tokens > 0
    equal(sorted(model.id for model in acme.models.list()), ["alias", "large", "long", "small"])
    equal(acme.models.retrieve("small").id, "small")


async def asynchronous():
    async with anthropic.AsyncAnthropic(base_url=world["url"], api_key=world["acme"]) as there:
        calls = [there.messages.create(**ask, extra_body=served(output_tokens=n)) for n in range(1, 9)]
        equal([whole.usage.output_tokens for whole in await asyncio.gather(*calls)], list(range(1, 9)))
        async with there.messages.stream(**ask, extra_body=served()) as stream:
            equal("".join([text async for text in stream.text_stream]), FIVE)
            equal((await stream.get_final_message()).usage.output_tokens, 5)


def denials():
    # A limit that lifts by itself is sat out.
    slow = client(world["slow"])
    slow.messages.create(**ask, extra_body=served())
    posts.clear()
    begun = time.monotonic()
    whole = slow.messages.create(**ask, extra_body=served())
    equal((whole.usage.output_tokens, len(posts)), (5, 2))
    assert 1 < time.monotonic() - begun < 20, "waits as long as it is told"
    e, _ = fails(anthropic.RateLimitError, lambda: client(world["slow"], max_retries=0).messages.create(**ask))
    equal(e.body["error"]["details"]["error_code"], "rate_limit")
    # What waiting does not lift is tried once.
    capped = client(world["capped"])
    capped.messages.create(**{**ask, "max_tokens": 40}, extra_body=served(output_tokens=40))
    e, sent = fails(anthropic.RateLimitError, lambda: capped.messages.create(**ask))
    equal((e.status_code, e.body["error"]["type"], sent), (429, "rate_limit_error", 1))
    equal(e.body["error"]["details"]["error_code"], "spend_cap")
    empty = client(world["empty"])
    for stream in [False, True]:
        e, sent = fails(anthropic.PaymentRequiredError, lambda: empty.messages.create(**ask, stream=stream))
        equal((e.status_code, e.type, sent), (402, "billing_error", 1))
        equal(e.body["error"]["details"]["error_code"], "insufficient_credits")
    _, sent = fails(anthropic.NotFoundError, lambda: acme.messages.create(**{**ask, "model": "none"}))
    equal(sent, 1)
    fails(anthropic.NotFoundError, lambda: acme.models.retrieve("none"))
    e, sent = fails(anthropic.AuthenticationError, lambda: client("hw_wrong").messages.create(**ask))
    equal((e.type, sent), ("authentication_error", 1))


def cuts():
    long = {"model": "long", "max_tokens": 30_000, "messages": hello}
    wish = served(output_tokens=20_000, tokens_per_event=8, tokens_per_second=10_000)
    events = list(client(world["poor"].pop()).messages.create(**long, stream=True, extra_body=wish))
    equal([e.type for e in events][-3:], ["content_block_stop", "message_delta", "message_stop"])
    equal(events[-2].delta.stop_reason, "max_tokens")
    with client(world["poor"].pop()).messages.stream(**long, extra_body=wish) as stream:
        last = stream.get_final_message()
    text = last.content[0].text
    words = text.count("tok ")
    # More than was held at first, less than was asked for.
    equal((text, last.stop_reason, last.usage.output_tokens), ("tok " * words, "max_tokens", words))
    assert 1_000 < words < 1_400, words
    wish["mock"]["tool_call"] = {"name": "write", "arguments": {"words": ["tok"] * 20_000}}
    with client(world["poor"].pop()).messages.stream(**long, tools=[{**weather, "name": "write"}], extra_body=wish) as stream:
        last = stream.get_final_message()
    words = last.content[0].input["words"]
    equal((last.stop_reason, words), ("max_tokens", ["tok"] * len(words)))
    assert 500 < len(words) < 1_000, len(words)


def breaks():
    for fault in ["cut_after", "end_after", "malformed_after", "error_after"]:
        broken = served(output_tokens=40, fault={fault: 5})
        fails(anthropic.APIError, lambda: list(acme.messages.create(**ask, stream=True, extra_body=broken)))
        with acme.messages.stream(**ask, extra_body=broken) as stream:
            fails(anthropic.APIError, stream.get_final_message)


def trace():
    for number, (prompt, output) in enumerate(world["rows"]):
        wish = served(input_tokens=prompt, output_tokens=output, tokens_per_event=16)
        row = {**ask, "model": ["small", "large", "alias"][number % 3]}
        if number % 2:
            acme.messages.create(**row, extra_body=wish)
        else:
            with acme.messages.stream(**row, extra_body=wish) as stream:
                stream.get_final_message()


for part in [messages, tools, others, denials, cuts, breaks, trace]:
    begun = time.monotonic()
    part()
    print(f"{part.__name__}: {time.monotonic() - begun:.2f} s")
asyncio.run(asynchronous())
