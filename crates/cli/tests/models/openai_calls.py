"""Calls through the gateway with the official Python SDK of OpenAI. Argument: a JSON file with the URL, keys and rows of a trace."""

import asyncio
import json
import sys
import time

import openai
from pydantic import BaseModel

world = json.load(open(sys.argv[1]))
posts = []


def client(key, **more):
    count = {"request": [lambda request: posts.append(request.method)]}
    http = openai.DefaultHttpxClient(event_hooks=count)
    return openai.OpenAI(base_url=world["url"] + "/v1", api_key=key, http_client=http, **more)


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
chat = {"model": "small", "messages": hello}
weather = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
oslo = {"tool_call": {"name": "weather", "arguments": {"city": "Ås"}}}
FIVE = "tok " * 5


def chats():
    whole = acme.chat.completions.create(**chat, extra_body=served())
    equal(whole.choices[0].message.content, FIVE)
    equal((whole.choices[0].finish_reason, whole.usage.prompt_tokens, whole.usage.completion_tokens), ("stop", 3, 5))
    raw = acme.chat.completions.with_raw_response.create(**chat, extra_body=served())
    assert raw.headers["x-headworks-decision"], raw.headers
    # The report comes only if it is asked for.
    for options, reports in [({}, 0), ({"include_usage": True}, 1), ({"include_usage": False}, 0)]:
        stream = acme.chat.completions.create(**chat, stream=True, stream_options=options or openai.omit, extra_body=served())
        chunks = list(stream)
        equal("".join(c.choices[0].delta.content or "" for c in chunks if c.choices), FIVE)
        equal([c.usage.completion_tokens for c in chunks if c.usage], [5] * reports)
        equal([c for c in chunks if not c.choices and not c.usage], [])
        equal(len([c for c in chunks if not c.choices]), reports)
    with acme.chat.completions.stream(**chat, stream_options={"include_usage": True}, extra_body=served()) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        last = stream.get_final_completion()
    equal(("".join(deltas), last.choices[0].message.content, last.usage.completion_tokens), (FIVE, FIVE, 5))
    text = acme.completions.create(model="small", prompt="hello", extra_body=served())
    equal((text.choices[0].text, text.usage.total_tokens), (FIVE, 8))
    several = acme.chat.completions.create(**chat, n=3, extra_body=served())
    equal(([c.message.content for c in several.choices], several.usage.completion_tokens), ([FIVE] * 3, 15))


def tools():
    tool = {"type": "function", "function": {"name": "weather", "strict": True, "parameters": weather}}
    whole = acme.chat.completions.create(**chat, tools=[tool], extra_body=served(**oslo))
    call = whole.choices[0].message.tool_calls[0].function
    equal((whole.choices[0].finish_reason, call.name, json.loads(call.arguments)), ("tool_calls", "weather", {"city": "Ås"}))
    with acme.chat.completions.stream(**chat, tools=[tool], extra_body=served(**oslo)) as stream:
        last = stream.get_final_completion().choices[0]
    equal((last.finish_reason, last.message.tool_calls[0].function.parsed_arguments), ("tool_calls", {"city": "Ås"}))
    tool = {"type": "function", "name": "weather", "strict": True, "parameters": weather}
    ask = {"model": "small", "input": "hello", "tools": [tool], "extra_body": served(**oslo)}
    equal(json.loads(acme.responses.create(**ask).output[0].arguments), {"city": "Ås"})
    with acme.responses.stream(**ask) as stream:
        last = stream.get_final_response()
    equal((last.output[0].name, json.loads(last.output[0].arguments)), ("weather", {"city": "Ås"}))


def formats():
    class Place(BaseModel):
        city: str

    said = served(text='{"city":"Oslo"}')
    parsed = acme.chat.completions.parse(**chat, response_format=Place, extra_body=said)
    equal(parsed.choices[0].message.parsed, Place(city="Oslo"))
    equal(acme.responses.parse(model="small", input="hello", text_format=Place, extra_body=said).output_parsed, Place(city="Oslo"))
    # The format reaches the upstream as it was sent.
    schema = {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": weather}}
    for form in [{"type": "json_object"}, schema]:
        echo = acme.chat.completions.create(**chat, response_format=form, seed=7, extra_body=served(echo=True))
        got = json.loads(echo.choices[0].message.content)
        equal((got["response_format"], got["seed"], got["messages"], got["model"]), (form, 7, hello, "small"))
    echo = acme.chat.completions.create(**{**chat, "model": "alias"}, extra_body=served(echo=True))
    equal(json.loads(echo.choices[0].message.content)["model"], "large")


def responses():
    ask = {"model": "small", "input": "hello"}
    whole = acme.responses.create(**ask, extra_body=served())
    equal((whole.status, whole.output_text, whole.usage.input_tokens, whole.usage.output_tokens), ("completed", FIVE, 3, 5))
    events = list(acme.responses.create(**ask, stream=True, extra_body=served()))
    equal("".join(e.delta for e in events if e.type == "response.output_text.delta"), FIVE)
    equal((events[-1].type, events[-1].response.usage.output_tokens), ("response.completed", 5))
    with acme.responses.stream(**ask, extra_body=served()) as stream:
        snapshots = [event.snapshot for event in stream if event.type == "response.output_text.delta"]
        last = stream.get_final_response()
    equal((snapshots[-1], last.output_text, last.usage.output_tokens), (FIVE, FIVE, 5))


def others():
    made = acme.embeddings.create(model="small", input=["hello"], extra_body=served())
    equal((made.data[0].embedding, made.usage.prompt_tokens), ([0.0, 1.0], 3))
    equal(sorted(model.id for model in acme.models.list()), ["alias", "large", "listener", "long", "painter", "small", "speaker"])
    equal(acme.models.retrieve("small").id, "small")


def form(**wish):
    """The same for a call that is sent as a form."""
    return {"mock": json.dumps(served(**wish)["mock"])}


def pictures():
    ask = {"model": "painter", "prompt": "a cat"}
    made = acme.images.generate(**ask, n=2, size="1536x1024", quality="high", extra_body=served())
    equal(([len(picture.b64_json) for picture in made.data], made.size, made.quality), ([12, 12], "1536x1024", "high"))
    equal((made.usage.input_tokens, made.usage.output_tokens), (3, 10))
    equal(made.usage.input_tokens_details.text_tokens, 3)
    events = list(acme.images.generate(**ask, stream=True, partial_images=2, extra_body=served()))
    kinds = ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    equal(([e.type for e in events], events[1].partial_image_index, events[-1].usage.output_tokens), (kinds, 1, 5))
    # Forms, with bytes of all kinds.
    picture = ("cat.png", bytes(range(256)) * 40, "image/png")
    edited = acme.images.edit(**ask, image=[picture, picture], mask=picture, n=2, extra_body=form(input_tokens=8))
    equal((len(edited.data), edited.usage.input_tokens_details.image_tokens, edited.usage.output_tokens), (2, 4, 10))
    events = list(acme.images.edit(**ask, image=picture, stream=True, partial_images=1, extra_body=form()))
    equal(([e.type for e in events], events[-1].usage.output_tokens), (["image_edit.partial_image", "image_edit.completed"], 5))
    varied = acme.images.create_variation(model="painter", image=picture, n=3, extra_body=form(no_usage=True))
    equal((len(varied.data), varied.usage), (3, None))
    for fault in ["cut_after", "end_after", "malformed_after", "error_after"]:
        broken = served(fault={fault: 1})
        fails(openai.APIError, lambda: list(acme.images.generate(**ask, stream=True, partial_images=3, extra_body=broken)))
    for key, stream in [(world["empty"], False), (world["empty"], True)]:
        e, sent = fails(openai.RateLimitError, lambda: client(key).images.generate(**ask, stream=stream))
        equal((e.code, sent), ("insufficient_quota", 1))
        e, sent = fails(openai.RateLimitError, lambda: client(key).images.edit(**ask, image=picture, stream=stream))
        equal((e.code, sent), ("insufficient_quota", 1))


def sounds():
    ask = {"model": "speaker", "voice": "alloy", "input": "grüß dich"}
    spoken = acme.audio.speech.create(**ask, extra_body=served())
    equal((len(spoken.content), spoken.content[:3]), (500, b"\xff\xf3\x84"))
    with acme.audio.speech.with_streaming_response.create(**ask, extra_body=served(output_tokens=50_000, tokens_per_event=100)) as stream:
        equal(sum(len(part) for part in stream.iter_bytes()), 5_000_000)
    with acme.audio.speech.with_streaming_response.create(**ask, stream_format="sse", extra_body=served()) as stream:
        events = [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]
    equal([e["type"] for e in events], ["speech.audio.delta"] * 5 + ["speech.audio.done"])
    equal(events[-1]["usage"]["output_tokens"], 5)
    # Bytes that are not all are an error, which is tried again.
    _, sent = fails(openai.APIConnectionError, lambda: acme.audio.speech.create(**ask, extra_body=served(fault={"cut_after": 3})))
    equal(sent, 3)
    sound = ("cat.mp3", bytes(range(256)) * 40, "audio/mpeg")
    hear = {"model": "listener", "file": sound}
    heard = acme.audio.transcriptions.create(**hear, extra_body=form())
    equal((heard.text, heard.usage.type, heard.usage.input_tokens, heard.usage.output_tokens), (FIVE, "tokens", 3, 5))
    equal(heard.usage.input_token_details.audio_tokens, 3)
    heard = acme.audio.transcriptions.create(**hear, extra_body=form(seconds=7))
    equal((heard.usage.type, heard.usage.seconds), ("duration", 7))
    heard = acme.audio.transcriptions.create(**hear, response_format="verbose_json", timestamp_granularities=["word", "segment"], extra_body=form(seconds=7))
    equal((heard.text, heard.duration), (FIVE, 7))
    for kind in ["text", "srt", "vtt"]:
        assert FIVE in acme.audio.transcriptions.create(**hear, response_format=kind, extra_body=form())
    events = list(acme.audio.transcriptions.create(**hear, stream=True, extra_body=form()))
    equal("".join(e.delta for e in events if e.type == "transcript.text.delta"), FIVE)
    equal((events[-1].type, events[-1].text, events[-1].usage.output_tokens), ("transcript.text.done", FIVE, 5))
    equal(acme.audio.translations.create(**hear, extra_body=form()).text, FIVE)
    for fault in ["cut_after", "end_after", "malformed_after", "error_after"]:
        broken = form(output_tokens=40, fault={fault: 5})
        fails(openai.APIError, lambda: list(acme.audio.transcriptions.create(**hear, stream=True, extra_body=broken)))
    e, sent = fails(openai.RateLimitError, lambda: client(world["empty"]).audio.transcriptions.create(**hear))
    equal((e.code, sent), ("insufficient_quota", 1))


async def asynchronous():
    async with openai.AsyncOpenAI(base_url=world["url"] + "/v1", api_key=world["acme"]) as there:
        calls = [there.chat.completions.create(**chat, extra_body=served(output_tokens=n)) for n in range(1, 9)]
        equal([whole.usage.completion_tokens for whole in await asyncio.gather(*calls)], list(range(1, 9)))
        stream = await there.chat.completions.create(**chat, stream=True, extra_body=served())
        equal("".join([chunk.choices[0].delta.content or "" async for chunk in stream]), FIVE)
        async with there.responses.stream(model="small", input="hello", extra_body=served()) as stream:
            equal((await stream.get_final_response()).output_text, FIVE)


def later():
    slow = {"model": "small", "input": "hello", "background": True, "extra_body": served(tokens_per_second=25)}
    begun = acme.responses.create(**slow)
    equal((begun.status, begun.usage), ("queued", None))
    while (now := acme.responses.retrieve(begun.id)).status == "in_progress":
        time.sleep(0.02)
    equal((now.id, now.status, now.output_text, now.usage.output_tokens), (begun.id, "completed", FIVE, 5))
    follows = acme.responses.create(model="small", input="hello", previous_response_id=begun.id, extra_body=served())
    equal(follows.output_text, FIVE)
    equal([item.type for item in acme.responses.input_items.list(begun.id)], ["message"])
    acme.responses.delete(begun.id)
    fails(openai.NotFoundError, lambda: acme.responses.retrieve(begun.id))
    fails(openai.NotFoundError, lambda: client(world["empty"]).responses.retrieve(begun.id))
    begun = acme.responses.create(**{**slow, "extra_body": served(first_token_ms=60_000)})
    equal(acme.responses.cancel(begun.id).status, "cancelled")
    events = list(acme.responses.create(**slow, stream=True))
    equal((events[0].type, events[-1].type), ("response.created", "response.completed"))
    equal(acme.responses.retrieve(events[0].response.id).output_text, FIVE)
    # A batch of one, so that the upstream's record and the ledger have one use each.
    body = {"model": "alias", "max_tokens": 9, "messages": hello, **served(output_tokens=7)}
    line = {"custom_id": "one", "method": "POST", "url": "/v1/chat/completions", "body": body}
    file = acme.files.create(file=("requests.jsonl", json.dumps(line).encode()), purpose="batch")
    batch = acme.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    while (now := acme.batches.retrieve(batch.id)).status == "in_progress":
        time.sleep(0.02)
    equal((now.id, now.status, now.usage.output_tokens, now.request_counts.completed), (batch.id, "completed", 7, 1))
    answer = json.loads(acme.files.content(now.output_file_id).text)
    equal((answer["custom_id"], answer["response"]["body"]["usage"]["completion_tokens"]), ("one", 7))
    assert acme.files.delete(file.id).deleted


def denials():
    # A limit that lifts by itself is sat out.
    slow = client(world["slow"])
    slow.chat.completions.create(**chat, extra_body=served())
    posts.clear()
    begun = time.monotonic()
    whole = slow.chat.completions.create(**chat, extra_body=served())
    equal((whole.usage.completion_tokens, len(posts)), (5, 2))
    assert 1 < time.monotonic() - begun < 20, "waits as long as it is told"
    e, _ = fails(openai.RateLimitError, lambda: client(world["slow"], max_retries=0).chat.completions.create(**chat))
    equal((e.code, e.body["details"]["error_code"]), ("rate_limit_exceeded", "rate_limit"))
    # What waiting does not lift is tried once.
    capped = client(world["capped"])
    capped.chat.completions.create(**chat, max_tokens=40, extra_body=served(output_tokens=40))
    for there, reason in [(capped, "spend_cap"), (client(world["empty"]), "insufficient_credits")]:
        for stream in [False, True]:
            e, sent = fails(openai.RateLimitError, lambda: there.chat.completions.create(**chat, stream=stream))
            equal((e.status_code, e.code, e.type, sent), (429, "insufficient_quota", "insufficient_quota", 1))
            equal(e.body["details"]["error_code"], reason)
        e, sent = fails(openai.RateLimitError, lambda: there.responses.create(model="small", input="hello"))
        equal((e.code, sent), ("insufficient_quota", 1))
    e, sent = fails(openai.NotFoundError, lambda: acme.chat.completions.create(model="none", messages=hello))
    equal((e.code, sent), ("model_not_found", 1))
    fails(openai.NotFoundError, lambda: acme.models.retrieve("none"))
    e, sent = fails(openai.AuthenticationError, lambda: client("hw_wrong").chat.completions.create(**chat))
    equal((e.code, sent), ("invalid_api_key", 1))
    e, sent = fails(openai.BadRequestError, lambda: acme.chat.completions.create(**chat, n=0))
    equal(sent, 1)


def cut(text):
    """Text of a stream that was cut: more than was held at first, less than was asked for."""
    words = text.count("tok ")
    equal(text, "tok " * words)
    assert 1_000 < words < 1_400, words


def helped(**ask):
    """The last snapshot of the helper of Chat Completions. It refuses, with an error of its own, to call an answer final that has reached
    its length, whoever limited it."""
    with client(world["poor"].pop()).chat.completions.stream(**ask) as stream:
        list(stream)
        last = stream.current_completion_snapshot.choices[0]
        e, _ = fails(openai.LengthFinishReasonError, stream.get_final_completion)
    equal(e.completion.choices[0].message.content, last.message.content)
    return last


def cuts():
    long = {"model": "long", "messages": hello, "extra_body": served(output_tokens=20_000, tokens_per_event=8, tokens_per_second=10_000)}
    for options, reports in [({}, 0), ({"include_usage": True}, 1), ({"include_usage": False}, 0)]:
        poor = client(world["poor"].pop())
        chunks = list(poor.chat.completions.create(**long, stream=True, stream_options=options or openai.omit))
        cut("".join(c.choices[0].delta.content or "" for c in chunks if c.choices))
        equal([c.choices[0].finish_reason for c in chunks if c.choices][-1], "length")
        equal(len([c for c in chunks if not c.choices]), reports)
        equal(len([c for c in chunks if c.usage]), reports)
    last = helped(**long)
    cut(last.message.content)
    equal(last.finish_reason, "length")
    long["extra_body"]["mock"]["tool_call"] = {"name": "write", "arguments": {"text": "tok " * 20_000}}
    last = helped(**long)
    equal(last.finish_reason, "length")
    assert last.message.tool_calls[0].function.arguments.startswith('{"text":"tok tok '), last
    ask = {"model": "long", "input": "hello", "extra_body": served(output_tokens=20_000, tokens_per_event=8, tokens_per_second=10_000)}
    events = list(client(world["poor"].pop()).responses.create(**ask, stream=True))
    equal((events[-1].type, events[-1].response.incomplete_details.reason), ("response.incomplete", "max_output_tokens"))
    cut(events[-1].response.output_text)
    with client(world["poor"].pop()).responses.stream(**ask) as stream:
        events = list(stream)
    equal([e.type for e in events][-2:], ["response.output_item.done", "response.incomplete"])
    snapshot = [e.snapshot for e in events if e.type == "response.output_text.delta"][-1]
    cut(snapshot)
    equal((events[-1].response.output_text, events[-1].response.status), (snapshot, "incomplete"))
    # Of Responses, the helper calls only those final that are complete.
    fails(RuntimeError, stream.get_final_response)
    ask["extra_body"]["mock"]["tool_call"] = {"name": "write", "arguments": {"text": "tok " * 20_000}}
    with client(world["poor"].pop()).responses.stream(**ask) as stream:
        events = list(stream)
    snapshot = [e.snapshot for e in events if e.type == "response.function_call_arguments.delta"][-1]
    equal((events[-1].type, events[-1].response.output[0].arguments), ("response.incomplete", snapshot))


def breaks():
    for fault in ["cut_after", "end_after", "malformed_after", "error_after"]:
        broken = served(output_tokens=40, fault={fault: 5})
        fails(openai.APIError, lambda: list(acme.chat.completions.create(**chat, stream=True, extra_body=broken)))
        fails(openai.APIError, lambda: list(acme.responses.create(model="small", input="hello", stream=True, extra_body=broken)))
        with acme.chat.completions.stream(**chat, extra_body=broken) as stream:
            fails(openai.APIError, stream.get_final_completion)
        with acme.responses.stream(model="small", input="hello", extra_body=broken) as stream:
            fails(openai.APIError, stream.get_final_response)


def trace():
    for number, (prompt, output) in enumerate(world["rows"]):
        wish = served(input_tokens=prompt, output_tokens=output, tokens_per_event=16)
        model = ["small", "large", "alias"][number % 3]
        match number % 4:
            case 0:
                acme.chat.completions.create(model=model, messages=hello, extra_body=wish)
            case 1:
                list(acme.chat.completions.create(model=model, messages=hello, stream=True, extra_body=wish))
            case 2:
                acme.responses.create(model=model, input="hello", extra_body=wish)
            case 3:
                list(acme.responses.create(model=model, input="hello", stream=True, extra_body=wish))


for part in [chats, tools, formats, responses, others, pictures, sounds, later, denials, cuts, breaks, trace]:
    begun = time.monotonic()
    part()
    print(f"{part.__name__}: {time.monotonic() - begun:.2f} s")
asyncio.run(asynchronous())
