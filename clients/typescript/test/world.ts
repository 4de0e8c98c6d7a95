/** The real server, started for a test in a directory of its own, and what the tests ask it. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Headworks, type HeadworksOptions, type Schemas } from "@headworks/client";

const CATALOG = `
version = "t"
default_plan = "open"

[features.chat]
prices = [
  { credits = { input_tokens = "0.001", output_tokens = "0.002" } },
  { when = { model = "large" }, like = {}, factor = "10" },
]
estimate = { input_tokens = 0 }

[features.page]
prices = [{ credits = { requests = "0.01" } }]

[features.job]
prices = [{ credits = { steps = "1" } }]
hold = { life = "2s", life_max = "3s" }

[features.task]
prices = [{ credits = { steps = "1" } }]
hold = { life = "2s", expiry_charges = ["steps"] }

[plans.open]
features = ["chat", "page", "job", "task"]
waterfall = [{ grants = { name = "credits" } }]

[plans.slow]
extends = "open"
guards = [{ name = "pace", window.rate = { limit = 1, period = "1h", burst = 1 } }]
`;

function binary(): string {
  const path = process.env["HEADWORKS_BIN"];
  if (path === undefined) throw new Error("set HEADWORKS_BIN to the binary under test: cargo build, then target/debug/headworks");
  return path;
}

export class World {
  readonly dir = mkdtempSync(join(tmpdir(), "headworks-"));
  readonly apiKey: string;
  url = "";
  #server: ChildProcess | undefined;

  private constructor(catalog: string) {
    writeFileSync(this.path("catalog.toml"), catalog);
    this.apiKey = this.cli("keys", "create", "--scope", "admin", "--data", this.path("data"));
  }

  static async start(catalog = CATALOG): Promise<World> {
    const world = new World(catalog);
    await world.serve();
    return world;
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  cli(...args: string[]): string {
    return execFileSync(binary(), args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  }

  /** Starts the server on a port that is free, and waits until it listens. */
  async serve(): Promise<void> {
    const args = ["serve", "--listen", "127.0.0.1:0", "--log-format", "json", "--no-webhooks"];
    const files = ["--data", this.path("data"), "--catalog", this.path("catalog.toml")];
    const server = spawn(binary(), [...args, ...files], { stdio: ["ignore", "ignore", "pipe"] });
    this.#server = server;
    const said: string[] = [];
    for await (const line of createInterface({ input: server.stderr })) {
      said.push(line);
      const address: unknown = line.startsWith("{") ? JSON.parse(line).fields?.address : undefined;
      if (typeof address === "string") {
        this.url = `http://${address}`;
        server.stderr.resume();
        return;
      }
    }
    throw new Error(`the server ended: ${said.join("\n")}`);
  }

  /** Kills the server as a crash would. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null) return;
    server.kill("SIGKILL");
    await once(server, "exit");
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** A client that talks to the server directly. */
  client(options: HeadworksOptions = {}): Headworks {
    return new Headworks({ baseUrl: this.url, apiKey: this.apiKey, ...options });
  }

  /** Opens an account with a hundred credits. */
  async open(account: string, plan = "open", amount = "100"): Promise<string> {
    const client = this.client();
    await client.accounts.open({ id: account, plan });
    if (amount !== "0") await client.grant(account, { amount, category: "purchased" }, { idempotencyKey: `grant-${account}` });
    return account;
  }

  /** The records of an account that charge something. */
  async charges(account: string): Promise<Schemas["Charge"][]> {
    const charges: Schemas["Charge"][] = [];
    for await (const record of this.client().accounts.records(account)) {
      if (record.charge) charges.push(record.charge);
    }
    return charges;
  }

  async spent(account: string): Promise<string> {
    return (await this.client().balances(account)).spent;
  }

  async holds(account: string): Promise<Schemas["Hold"][]> {
    return (await this.client().accounts.holds(account)).holds;
  }
}

/** Asks again until it is so; the answer of the last time is the error's. */
export async function until<T>(ask: () => Promise<T>, isSo: (answer: T) => boolean, ms = 10_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (isSo(answer)) return answer;
    if (Date.now() > end) throw new Error(`not within ${ms} ms; the last answer was ${JSON.stringify(answer)}`);
    await new Promise((next) => setTimeout(next, 20));
  }
}
