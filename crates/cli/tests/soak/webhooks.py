#!/usr/bin/env python3
"""Webhooks against receivers of every temper, while the server is killed again and again.

    python3 crates/cli/tests/soak/webhooks.py BINARY [SECONDS]

Needs Python alone. Prints figures, and exits with 1 when a promise of docs/ledger.md was broken: an event that is missing, out of
order or with another body, a signature that does not fit, two attempts at once, more failed attempts than allowed, a sum at
Stripe that is not what was spent.
"""
import base64
import collections
import hashlib
import hmac
import http.client
import http.server
import json
import os
import random
import re
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

CATALOG = """version = "soak"
default_plan = "p"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "1" } }]
[plans.p]
features = ["chat"]
waterfall = [{ grants = { name = "g" } }]
"""
ACCOUNTS = [f"cus_{n}" for n in range(20)]
ODD = ["0", "-5", "1", "soon", "Thu, 01 Jan 1970 00:00:00 GMT", "99999999999999999999"]
faults, lock = [], threading.Lock()
epoch, calm = 0, False


class Receiver:
    """One webhook's receiver; `temper(n)` says how it answers its n-th request."""

    def __init__(self, name, temper):
        self.name, self.temper, self.n, self.secret = name, temper, 0, None
        self.first, self.bodies, self.order = {}, {}, collections.defaultdict(list)
        self.taken = self.doubles = self.failed = 0
        self.failed_at, self.under_way, self.forms = [], {}, []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                receiver.take(self)

            def log_message(self, *_):
                pass

        class Listener(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads, allow_reuse_address, request_queue_size = True, True, 64

            def handle_error(self, *_):
                pass

        self.listener = Listener(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.listener.server_address[1]}"
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()

    def take(self, call):
        body = call.rfile.read(int(call.headers.get("content-length") or 0))
        with lock:
            self.n += 1
            begun = epoch
            if self.under_way.get(begun):
                faults.append(f"{self.name}: two attempts at once")
            self.under_way[begun] = self.under_way.get(begun, 0) + 1
        act = 204 if calm else self.temper(self.n, call.path, body)
        # From here on the sender may be done with it: it has heard enough, or waited long enough.
        time.sleep(14 if act == "hang" else 0.03 if act == "slow" else 0)
        with lock:
            self.under_way[begun] -= 1
        self.answer(call, act, body)

    def note(self, call, body, taken):
        with lock:
            if not taken:
                self.failed += 1
                self.failed_at.append(time.time())
                return
            self.taken += 1
            if self.secret is None:
                form = dict(urllib.parse.parse_qsl(body.decode()))
                self.forms.append((call.path, form))
                return
            event = json.loads(body)
            name, stamp = call.headers["webhook-id"], call.headers["webhook-timestamp"]
            key = base64.b64decode(self.secret.removeprefix("whsec_"))
            mac = hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
            if f"v1,{base64.b64encode(mac).decode()}" not in call.headers["webhook-signature"].split(" "):
                faults.append(f"{self.name}: the signature of {name} does not fit")
            if name in self.bodies:
                self.doubles += 1
                if self.bodies[name] != body:
                    faults.append(f"{self.name}: {name} came with another body")
                return
            self.bodies[name] = body
            self.order[event["subject"]].append(int(re.split("[~/]", name)[1]))

    def answer(self, call, act, body):
        out = call.connection
        if act == "slow":
            act = 204
        if act == "hang":
            self.note(call, body, False)
            time.sleep(3)
            call.close_connection = True
        elif act == "drop":
            self.note(call, body, False)
            call.close_connection = True
        elif act in ("endless head", "garbage"):
            self.note(call, body, False)
            try:
                out.sendall(b"HTTP/1.1 200 OK\r\n" if act == "endless head" else b"\0\1\2 hello\r\n\r\n")
                for _ in range(20_000 if act == "endless head" else 0):
                    out.sendall(b"x-more: and more\r\n" * 20)
            except OSError:
                pass
            call.close_connection = True
        elif act in ("huge body", "slow body"):
            # The status has come, so it counts as taken.
            self.note(call, body, True)
            try:
                out.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\n")
                for _ in range(2_000 if act == "huge body" else 30):
                    out.sendall(b"y" * (65_536 if act == "huge body" else 1))
                    time.sleep(0 if act == "huge body" else 0.1)
            except OSError:
                pass
            call.close_connection = True
        else:
            status, more = act if isinstance(act, tuple) else (act, {})
            self.note(call, body, 200 <= status < 300)
            text = b"" if status == 204 else b'{"error":{"message":"no"}}'
            call.send_response(status)
            for name, value in more.items():
                call.send_header(name, value)
            call.send_header("content-length", str(len(text)))
            call.end_headers()
            call.wfile.write(text)


def sometimes(part, *acts):
    return lambda n, path, body: random.choice(acts) if random.random() < part else 204


def flapping(n, path, body):
    return "drop" if time.time() % 20 < 8 else 204


def stripe_temper(n, path, body):
    # One customer is unknown every other half minute, and others meet limits and faults now and then.
    if b"cus_7&" in body + b"&" and time.time() % 60 < 30:
        return 400
    return (429, {"retry-after": random.choice(ODD[:5])}) if random.random() < 0.02 else 500 if random.random() < 0.02 else 200


def api(method, path, body=None, key=None, quiet=False):
    """A call, tried again with its key while the server is being killed."""
    for _ in range(400):
        try:
            link = http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)
            head = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
            if method != "GET":
                head["idempotency-key"] = key
            link.request(method, path, None if body is None else json.dumps(body), head)
            answer = link.getresponse()
            text = answer.read()
            if answer.status < 500 and answer.status != 409:
                assert quiet or answer.status < 300, (method, path, answer.status, text)
                return json.loads(text) if text and path != "/readyz" else None
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.05)
    raise RuntimeError(f"no answer: {method} {path}")


def unique():
    return f"k{os.urandom(9).hex()}"


def start():
    global server, epoch
    log = open(os.path.join(BASE, "log"), "a")
    server = subprocess.Popen(
        [BINARY, "serve", "--data", DATA, "--listen", f"127.0.0.1:{PORT}", "--catalog", os.path.join(BASE, "catalog.toml"),
         "--stripe-key-file", os.path.join(BASE, "stripe"), "--webhooks-allow", "127.0.0.1"], stdout=log, stderr=log)
    with lock:
        epoch += 1
    api("GET", "/readyz", quiet=True)


def memory():
    with open(f"/proc/{server.pid}/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) // 1024


def webhooks():
    return {hook["name"]: hook for hook in api("GET", "/v1/webhooks")["webhooks"]}


BINARY = os.path.abspath(sys.argv[1])
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 300
BASE = tempfile.mkdtemp(prefix="headworks-soak")
DATA = os.path.join(BASE, "data")
open(os.path.join(BASE, "catalog.toml"), "w").write(CATALOG)
open(os.path.join(BASE, "stripe"), "w").write("sk_test_soak")
made = subprocess.run([BINARY, "keys", "create", "--data", DATA, "--scope", "admin"], capture_output=True, text=True)
KEY = re.search(r"hw_\S+", made.stdout + made.stderr)[0]
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    PORT = free.getsockname()[1]
start()
RECEIVERS = {name: Receiver(name, temper) for name, temper in {
    "steady": sometimes(0),
    "slow": sometimes(1, "slow"),
    "hanging": sometimes(0.002, "hang"),
    "flapping": flapping,
    "later": lambda n, path, body: (429, {"retry-after": random.choice(ODD)}) if random.random() < 0.02 else 204,
    "gone": sometimes(0.005, 410),
    "hostile": sometimes(0.02, "endless head", "garbage", "huge body", "slow body", "drop", (302, {"location": "/"})),
    "failing": sometimes(0.03, 500, 502, (503, {"retry-after": "1"}), (307, {"location": "/elsewhere"})),
    "remade": sometimes(0.01, "slow", 500),
    "stripe": stripe_temper,
}.items()}
SETTINGS = {name: {"url": r.url, "events": ["charge"]} for name, r in RECEIVERS.items()}
SETTINGS["stripe"] = {"url": RECEIVERS["stripe"].url, "format": "stripe_meter_events"}
for name in RECEIVERS:
    secret = api("PUT", f"/v1/webhooks/{name}", SETTINGS[name], unique())["secret"]
    RECEIVERS[name].secret = secret if name != "stripe" else None
for account in ACCOUNTS:
    api("POST", "/v1/accounts", {"id": account}, unique())
    api("POST", f"/v1/accounts/{account}/grants", {"amount": "1000000", "category": "purchased"}, unique())

charges, ended = [], threading.Event()


def load():
    mine = []
    while not ended.is_set():
        account = random.choice(ACCOUNTS)
        if mine and random.random() < 0.05:
            whose, charge = mine.pop(random.randrange(len(mine)))
            api("POST", f"/v1/accounts/{whose}/refunds", {"charge": charge}, unique())
        else:
            use = {"account": account, "feature": "chat", "quantities": {"tokens": random.randint(1, 50)}}
            charge = api("POST", "/v1/record", use, unique())["charge"]
            mine.append((account, charge))
            charges.append(charge)
        time.sleep(0.04)


def meddle():
    """Somebody who sets webhooks again that are gone or rest long, moves one to and fro, and lets parked accounts go on."""
    while not ended.is_set():
        time.sleep(3)
        for name, hook in webhooks().items():
            if hook["state"] == "gone" or (name == "later" and hook["state"] == "failing"):
                api("PUT", f"/v1/webhooks/{name}", SETTINGS[name], unique())
        away = dict(SETTINGS["remade"], url=RECEIVERS["remade"].url + "/?away")
        api("PUT", "/v1/webhooks/remade", away, unique())
        api("PUT", "/v1/webhooks/remade", SETTINGS["remade"], unique())
        for waits in api("GET", "/v1/webhooks/stripe/parked")["parked"]:
            api("POST", f"/v1/webhooks/stripe/parked/{waits['account']}", {"resume": "retry"}, unique(), quiet=True)


workers = [threading.Thread(target=load, daemon=True) for _ in range(3)] + [threading.Thread(target=meddle, daemon=True)]
for worker in workers:
    worker.start()
begun, kills, peak = time.time(), 0, 0
while time.time() - begun < SECONDS:
    time.sleep(min(random.uniform(10, 25), max(0.1, begun + SECONDS - time.time())))
    peak = max(peak, memory())
    server.kill()
    server.wait()
    kills += 1
    start()
ended.set()
for worker in workers:
    worker.join(60)
calm = True
for name in RECEIVERS:
    api("PUT", f"/v1/webhooks/{name}", SETTINGS[name], unique())
ready, deadline = time.time(), time.time() + 180
while time.time() < deadline:
    for waits in api("GET", "/v1/webhooks/stripe/parked")["parked"]:
        if "resume" not in waits:
            api("POST", f"/v1/webhooks/stripe/parked/{waits['account']}", {"resume": "retry"}, unique(), quiet=True)
    state = webhooks()
    if all(hook["behind"] == 0 and hook["parked"] == 0 for hook in state.values()):
        break
    time.sleep(0.5)
else:
    faults.append(f"not caught up: { {n: (h['behind'], h['parked'], h.get('error')) for n, h in state.items()} }")
caught_up = time.time() - ready
peak = max(peak, memory())

print(f"{len(charges)} charges in {SECONDS:.0f} s, {kills} kills; caught up {caught_up:.1f} s after the last fault; at most {peak} MB")
for name, r in RECEIVERS.items():
    most = max((sum(1 for u in r.failed_at if t <= u < t + 10) for t in r.failed_at), default=0)
    print(f"{name:9} taken {r.taken:6}  again {r.doubles:4}  failed {r.failed:5}  most failed in 10 s {most}")
    # Two a second, and one more for each start in between.
    if most > 23:
        faults.append(f"{name}: {most} failed attempts in 10 s")
    if name == "stripe":
        continue
    named = {event.rsplit("/", 1)[0] for event in r.bodies}
    missing = [charge for charge in charges if f"{charge}/charge" not in named]
    if missing:
        faults.append(f"{name}: {len(missing)} missing, first {missing[0]}")
    wrong = [account for account, seqs in r.order.items() if seqs != sorted(seqs)]
    if wrong:
        faults.append(f"{name}: out of order for {wrong}")
events = {}
for path, form in RECEIVERS["stripe"].forms:
    if path.endswith("meter_events"):
        events[form["identifier"]] = (form["payload[stripe_customer_id]"], int(form["payload[value]"]))
for path, form in RECEIVERS["stripe"].forms:
    if path.endswith("adjustments"):
        events.pop(form["cancel[identifier]"], None)
for account in ACCOUNTS:
    spent = api("GET", f"/v1/accounts/{account}/balances")["spent"]
    sent = sum(value for customer, value in events.values() if customer == account)
    if str(sent) != spent:
        faults.append(f"stripe: {account} has spent {spent}, and {sent} was sent")
server.terminate()
server.wait()
for fault in faults[:20]:
    print("FAULT", fault)
print("no promise was broken" if not faults else f"{len(faults)} faults")
sys.exit(bool(faults))
