/** The client of Headworks. */
export { Headworks, type HeadworksOptions, type HoldOptions, type HoldRequest } from "./client.js";
export type { Accounts } from "./accounts.js";
export { type Fallback, OpenUpTo } from "./amounts.js";
export type { Charge, ChargedLater, Decided, Decision, LetIn, Quantities, Schemas } from "./decision.js";
export { type DenialAnswer, denialAnswer } from "./denial.js";
export {
  ApiError,
  Conflict,
  Denied,
  Forbidden,
  HeadworksError,
  InvalidRequest,
  JournalError,
  NotFound,
  RateLimited,
  Unauthenticated,
  Unavailable,
} from "./errors.js";
export type { DecideOptions, Growth, Hold, Use } from "./hold.js";
export type { Entry } from "./journal.js";
export type { Flushed, JournalSettings, Refused } from "./later.js";
export type { Input, Method, Output, Route } from "./routes.js";
export type { CallOptions } from "./transport.js";
