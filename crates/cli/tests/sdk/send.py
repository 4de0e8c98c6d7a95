"""Sends one event in every mode of the official Python SDK. Arguments: URL, API key."""

import datetime
import sys
import urllib.request

from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

url, key = sys.argv[1:]
event = CloudEvent(
    {
        "id": 'ü 1 "100%"',
        "source": "/a python/sdk",
        "type": "chat",
        "subject": "acme",
        "specversion": "1.0",
        "time": datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1),
        "datacontenttype": "application/json",
    },
    {"tokens": 1_000_000},
)
for message in (to_structured(event, JSONFormat()), to_binary(event, JSONFormat())):
    headers = {**message.headers, "Authorization": f"Bearer {key}"}
    request = urllib.request.Request(f"{url}/v1/events", data=message.body, headers=headers, method="POST")
    print(urllib.request.urlopen(request).read().decode())
