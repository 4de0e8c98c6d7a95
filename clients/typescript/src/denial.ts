/** A denial as an answer of your own HTTP server. */
import type { Decided } from "./decision.js";

export interface DenialAnswer {
  status: 402 | 403 | 429;
  headers: Record<string, string>;
  body: { type: string; title: string; status: number; reason: string; decision_id?: string; unblock?: unknown };
}

/** Credits or consent are missing. */
const PAYMENT = new Set(["insufficient_credits", "consent_needed", "consent_never", "in_debt", "invoice_unpaid"]);
/** Nothing that the caller does, and no time, helps. */
const FORBIDDEN = new Set([
  "suspended",
  "paused",
  "not_entitled",
  "no_seat",
  "member_missing",
  "exceeds_capacity",
  "cost_maximum",
]);

/** 402 where credits are missing, 403 where the plan says no, otherwise 429, with `retry-after` if an instant is known. */
export function denialAnswer(decision: Decided, now: number = Date.now()): DenialAnswer {
  const { reason, decision_id, unblock } = decision;
  const status = PAYMENT.has(reason) ? 402 : FORBIDDEN.has(reason) ? 403 : 429;
  const headers: Record<string, string> = { "content-type": "application/problem+json" };
  const at = unblock?.at ?? undefined;
  if (status === 429 && at !== undefined) {
    headers["retry-after"] = String(Math.max(0, Math.ceil((Date.parse(at) - now) / 1000)));
  }
  const body = { type: `urn:headworks:reason:${reason}`, title: reason.replaceAll("_", " "), status, reason };
  return {
    status,
    headers,
    body: { ...body, ...(decision_id ? { decision_id } : {}), ...(unblock ? { unblock } : {}) },
  };
}
