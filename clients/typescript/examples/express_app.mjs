// A server that sells words: each request holds what it may use, and is charged for what was sent.
//
//   HEADWORKS_URL=http://127.0.0.1:8080 HEADWORKS_API_KEY=hw_… node examples/express_app.mjs
import { setTimeout as pause } from "node:timers/promises";
import { Headworks, Unavailable, denialAnswer } from "@headworks/client";
import express from "express";

// HEADWORKS_URL and HEADWORKS_API_KEY say where and who. With a journal, requests could go on while the server is away:
// new Headworks({ journal: "/var/lib/words/headworks.journal", fallback: new OpenUpTo({ output_tokens: 10_000 }) })
const headworks = new Headworks();

/** Holds `estimate(request)` for each request, and ends the hold with the answer, however that ends. */
function metered(estimate) {
  return async (request, response, next) => {
    // Take the account and the user from your own login, not from headers that anybody can set.
    const account = request.get("x-account");
    if (!account) return response.status(401).json({ title: "send x-account" });
    const hold = await headworks.hold({
      account,
      feature: "chat",
      path: `user:${request.get("x-user") ?? "guest"}`,
      dimensions: { model: "small" },
      quantities: estimate(request),
    });
    if (!hold.allowed) {
      const { status, headers, body } = denialAnswer(hold.decision);
      return response.status(status).set(headers).json(body);
    }
    // Sent in full, failed, or left by its caller: what was reported is charged, and the rest of the hold goes back.
    const end = () => hold[Symbol.asyncDispose]().catch((error) => console.error(error.message));
    if (response.closed) return end();
    response.on("close", end);
    response.locals.hold = hold;
    next();
  };
}

const STEP = 20;
const app = express();

/** Streams `n` words. Each is reported; the hold grows by steps, and where nobody pays for more the answer ends. */
app.get(
  "/words/:n",
  metered(() => ({ input_tokens: 10, output_tokens: STEP })),
  async (request, response) => {
    const { hold } = response.locals;
    let held = STEP;
    response.type("text/plain");
    for (let sent = 0; sent < Number(request.params.n) && !response.closed;) {
      if (sent === held) {
        const more = await hold.extend({ quantities: { output_tokens: STEP } });
        if (!more.allowed) break;
        held += STEP;
      }
      response.write("word ");
      sent += 1;
      hold.report({ input_tokens: 10, output_tokens: sent });
      await pause(2);
    }
    response.end();
  },
);

/** An answer as a whole is held at its longest and settled at its length. Work that fails before that costs nothing. */
app.get(
  "/answer",
  metered(() => ({ input_tokens: 10, output_tokens: 500 })),
  async (request, response) => {
    if (request.query.fail) throw new Error("there is no answer");
    await response.locals.hold.settle({ input_tokens: 10, output_tokens: 42 });
    response.send("the answer\n");
  },
);

app.use((error, request, response, next) => {
  console.error(error.message);
  if (response.headersSent) return next(error);
  // An account that does not exist may not use anything.
  const status = error instanceof Unavailable ? 503 : error.status === 404 ? 403 : 500;
  const title = { 403: "not for this account", 500: "something failed", 503: "try again soon" }[status];
  response.status(status).json({ title });
});

const server = app.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
