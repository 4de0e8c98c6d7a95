/** Faults between a client and the real server: answers that are dropped or late, errors of a proxy, connections that are refused. */
import { once } from "node:events";
import { type IncomingMessage, type Server, type ServerResponse, createServer, request } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** What happens to one request. */
export type Fault =
  /** The server acts, but its answer never comes. */
  | { kind: "drop" }
  /** The server acts, and answers so much later. */
  | { kind: "late"; ms: number }
  /** The server is not asked. */
  | { kind: "answer"; status: number; headers?: Record<string, string>; body?: string }
  /** The server acts, but something else is answered. */
  | { kind: "instead"; status: number; headers?: Record<string, string>; body?: string };

export interface Seen {
  method: string;
  url: string;
  key: string | undefined;
  body: string;
}

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

export class Proxy {
  readonly seen: Seen[] = [];
  /** The fault of a request for which `next` has none. */
  fault: () => Fault | undefined = () => undefined;
  readonly #target: () => string;
  readonly #faults: Fault[] = [];
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  private constructor(target: () => string) {
    this.#target = target;
  }

  static async start(target: () => string): Promise<Proxy> {
    const proxy = new Proxy(target);
    await proxy.connect();
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The next requests meet these faults, one each. */
  next(...faults: Fault[]): void {
    this.#faults.push(...faults);
  }

  async connect(): Promise<void> {
    this.#server = createServer((asked, answer) => void this.#pass(asked, answer));
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** From now on connections are refused. */
  async disconnect(): Promise<void> {
    const closed = once(this.#server ?? this.#missing(), "close");
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #missing(): never {
    throw new Error("the proxy is not connected");
  }

  async #pass(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = await all(asked);
    const key = asked.headers["idempotency-key"];
    this.seen.push({
      method: asked.method ?? "",
      url: asked.url ?? "",
      key: typeof key === "string" ? key : undefined,
      body: body.toString(),
    });
    const fault = this.#faults.shift() ?? this.fault();
    if (fault?.kind === "answer") return reply(answer, { headers: {}, ...fault, body: Buffer.from(fault.body ?? "") });
    let got: Answer;
    try {
      got = await this.#ask(asked, body);
    } catch {
      answer.destroy();
      return;
    }
    if (fault?.kind === "drop") answer.destroy();
    else if (fault?.kind === "late") setTimeout(() => reply(answer, got), fault.ms).unref();
    else if (fault?.kind === "instead") reply(answer, { headers: {}, ...fault, body: Buffer.from(fault.body ?? "") });
    else reply(answer, got);
  }

  async #ask(asked: IncomingMessage, body: Buffer): Promise<Answer> {
    const { connection: _, host: __, ...headers } = asked.headers;
    const onward = request(this.#target() + asked.url, { method: asked.method, headers, agent: false });
    onward.end(body);
    const [got] = (await once(onward, "response")) as [IncomingMessage];
    const { "transfer-encoding": ___, connection: ____, ...kept } = got.headers;
    return { status: got.statusCode ?? 502, headers: kept, body: await all(got) };
  }
}

async function all(stream: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function reply(answer: ServerResponse, { status, headers, body }: Answer): void {
  answer.writeHead(status, { ...headers, "content-length": body.length });
  answer.end(body);
}
