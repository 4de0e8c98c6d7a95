/** What stands behind a hold: the server, or this client alone. */
import type { Decided, Quantities } from "./decision.js";
import { total } from "./decision.js";
import type { LocalHold } from "./fallback.js";
import type { Backing, DecideOptions, Growth, Use } from "./hold.js";
import type { Headworks } from "./client.js";
import { KeepAlive } from "./keep_alive.js";
import type { Place } from "./journal.js";

/** A hold of the server. `place` has what it was let grow by without it. */
export function onServer(
  client: Headworks,
  decision: Decided,
  options: DecideOptions & { keepAlive?: boolean | undefined },
): Backing | undefined {
  if (!decision.hold) return undefined;
  const { id, expires_at } = decision.hold;
  const place: Place = { account: decision.account, feature: decision.usage.feature, counted: {} };
  const own = { fallback: options.fallback, timeout: options.timeout, maxRetries: options.maxRetries };
  const life = Date.parse(expires_at) - Date.parse(decision.at);
  const once: DecideOptions = { timeout: options.timeout, maxRetries: 0, fallback: "closed" };
  const keepAlive = new KeepAlive(life, async (ask, idempotencyKey) => {
    return lifeOf(await client.extend({ hold: id, ...ask }, { ...once, idempotencyKey }));
  });
  if (options.keepAlive === false) keepAlive.stop();
  return {
    id,
    report: (progress) => keepAlive.report(progress),
    stop: () => keepAlive.stop(),
    forget: () => keepAlive.stop(),
    async extend(growth, call) {
      const answer = await client.extend({ hold: id, ...growth }, { ...own, ...call }, place);
      if (answer.fallback) add(place.counted, total(growth));
      else if (growth.life) keepAlive.lives(lifeOf(answer) ?? 0);
      return answer;
    },
    settle: (use, call) => client.settle({ hold: id, ...use }, { ...own, ...call }, place),
    release: (call) => client.release({ hold: id }, { ...own, ...call }, place),
  };
}

function lifeOf(decision: { at: string; hold?: { expires_at: string } | null | undefined }): number | undefined {
  return decision.hold ? Date.parse(decision.hold.expires_at) - Date.parse(decision.at) : undefined;
}

function add(sum: Quantities, more: Quantities): void {
  for (const [meter, quantity] of Object.entries(more)) sum[meter] = (sum[meter] ?? 0) + quantity;
}

/** A hold that no server knows of: nothing keeps it, and nothing ends it but its caller. */
export function onThisClient(hold: LocalHold): Backing {
  return {
    id: undefined,
    report: () => {},
    stop: () => {},
    forget: () => void hold.release(),
    extend: async (growth: Growth) => hold.extend(total(growth)),
    settle: (use: Use & { quantities?: Quantities }) => hold.settle(use),
    release: () => hold.release(),
  };
}
