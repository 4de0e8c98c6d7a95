# Made by tools/generate.py from the OpenAPI document.

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypedDict

import sys

if sys.version_info >= (3, 11):
    from typing import NotRequired
else:
    from typing_extensions import NotRequired

AccountName: TypeAlias = str
"""
An id that does not begin with `_`. Printable UTF-8 of at most 256 bytes in NFC, which it is put in. Refused: control, invisible, directing, private-use and unassigned characters, blanks other than the space, a space at either end, `.` and `..`.
"""


Address: TypeAlias = str
"""
An address of IPv4 or IPv6.
"""


class AdvanceRequest1(TypedDict):
    """
    Where to move a test clock.
    """

    to: str
    """
    An instant of RFC 3339.
    """


class AdvanceRequest2(TypedDict):
    """
    Where to move a test clock.
    """

    by: str
    """
    A duration: 30s, 5h, 7d, 1m 30s or PT5H; at most 100 years.
    """


AdvanceRequest: TypeAlias = AdvanceRequest1 | AdvanceRequest2
"""
Where to move a test clock.
"""


AuditKind: TypeAlias = Literal['authentication', 'administration', 'read', 'decision']
"""
The subject of an entry.
"""


AuditOutcome: TypeAlias = Literal['granted', 'refused', 'no_key', 'wrong_key', 'expired_key', 'revoked_key', 'wrong_signature']
"""
The outcome of a call's checks.
"""


BoundedBy: TypeAlias = Literal['demand', 'fair_share', 'account_max']
"""
The bound of a share.
"""


CatalogHash: TypeAlias = str
"""
A hash, or at least its first eight digits.
"""


class CatalogProblem(TypedDict):
    """
    One problem of a catalog.
    """

    at: str
    """
    Where in the catalog.
    """
    fix: str
    """
    What to write instead.
    """
    line: NotRequired[int | None]
    """
    Line in the text.
    """
    what: str
    """
    What is wrong.
    """


Category: TypeAlias = Literal['free', 'promotional', 'purchased', 'contract']
"""
Kinds of credits, in burn order.
"""


Consent: TypeAlias = Literal['allow', 'ask', 'never']
"""
Whether paid sources may be drawn.
"""


Credits: TypeAlias = str
"""
Credits as an exact decimal with up to nine places.
"""


CreditsByUnit: TypeAlias = str | dict[str, str]
"""
Credits by unit. One figure is in the unit that all features are priced in, or in `credits` if there are several.
"""


CreditsFromZero: TypeAlias = str
"""
Credits from zero, as an exact decimal with up to nine places.
"""


Dimensions: TypeAlias = dict[str, str]
"""
Dimensions that prices depend on, such as the model.
"""


EventKind: TypeAlias = Literal['balance.low', 'balance.empty', 'balance.recovered', 'hold.expired', 'overshoot.refunded', 'limit.warning', 'key.warning', 'increase.asked', 'invoice.closed', 'top_up.asked', 'top_up.failed', 'catalog.changed', 'reconcile.failed', 'abuse.began', 'abuse.lifted', 'payment.disputed', 'webhook.gone', 'webhook.parked', 'usage', 'charge', 'movement']
"""
A kind of event.
"""


Every: TypeAlias = Literal['hour', 'day', 'week', 'month', 'year']
"""
A calendar unit that windows can be aligned to.
"""


Format: TypeAlias = Literal['json', 'csv', 'html', 'text']
"""
A form of a statement.
"""


Fraction: TypeAlias = str
"""
A decimal from 0 to 1 with up to nine places.
"""


Id: TypeAlias = str
"""
Printable UTF-8 of at most 256 bytes in NFC, which it is put in. Refused: control, invisible, directing, private-use and unassigned characters, blanks other than the space, a space at either end, `.` and `..`.
"""


IdempotencyKey: TypeAlias = str
"""
Printable UTF-8, at most 256 bytes in NFC, bare or in quotes.
"""


InboundName: TypeAlias = str
"""
A name of at most 64 bytes.
"""


class IncidentSkipped(TypedDict):
    """
    An account that matches and cannot get the act.
    """

    account: Id
    """
    The account.
    """
    problem: str
    """
    The kind of problem.
    """
    why: str
    """
    Why.
    """


IncreaseStatus: TypeAlias = Literal['pending', 'approved', 'denied']
"""
The standing of a request for a higher limit.
"""


Instant: TypeAlias = str
"""
An instant of RFC 3339.
"""


InstantOrDay: TypeAlias = str
"""
An instant, or the beginning of a day.
"""


WarnAtItem: TypeAlias = int


Label: TypeAlias = str
"""
Printable text of at most 128 bytes.
"""


LateAction: TypeAlias = Literal['accept', 'discard']
"""
A decision about use in quarantine.
"""


class LateRequest(TypedDict):
    """
    Decide about use in quarantine.
    """

    action: LateAction
    """
    The decision.
    """
    reason: NotRequired[Label | None]


Levels: TypeAlias = Literal['account', 'organization', 'cost_center', 'team', 'user', 'seat', 'key', 'session'] | list[Literal['organization', 'cost_center', 'team', 'user', 'seat', 'key', 'session']]
"""
A level of the path, or several together, with one counter for each combination of their members.
"""


Mode: TypeAlias = Literal['off', 'observe', 'enforce']
"""
Whether a rule acts.
"""


Movement = TypedDict(
    'Movement',
    {
        'amount': Credits,
        'from': str,
        'to': str,
        'unit': str,
    },
)


Name: TypeAlias = str
"""
An identifier: letters, digits and . _ : @ + -, beginning with a letter, a digit or _.
"""


class NamesChanged(TypedDict):
    """
    Names of one kind.
    """

    added: NotRequired[list[Name]]
    """
    Only the new catalog has them.
    """
    changed: NotRequired[list[Name]]
    """
    Both have them, and they differ.
    """
    removed: NotRequired[list[Name]]
    """
    Only the one before had them.
    """


OneMeter: TypeAlias = dict[str, int]
"""
A quantity of exactly one meter.
"""


class OperatorBooks(TypedDict):
    """
    The operator's side of all accounts, in credits. `issued + goodwill + debt + overdraft + postpaid = free + held + spent + breakage`.
    """

    breakage: str
    """
    Expired unused.
    """
    debt: str
    """
    Owed by accounts after overshoots.
    """
    difference: str
    """
    Credits in minus credits out; anything but 0 is a defect.
    """
    free: str
    """
    Free in grants: still owed to accounts.
    """
    goodwill: str
    """
    Given to cover shortfalls.
    """
    held: str
    """
    Set aside by open holds.
    """
    issued: str
    """
    Issued to accounts, less credits taken back.
    """
    overdraft: str
    """
    Drawn from agreed overdrafts.
    """
    postpaid: str
    """
    Lent after use and not paid by an invoice yet.
    """
    spent: str
    """
    Charged: revenue.
    """


Overage: TypeAlias = Literal['keep', 'forgive']
"""
The rule for debt when a recurring grant opens again.
"""


OverrideValue: TypeAlias = int | Label
"""
A figure: a number, text, or `"none"` for no limit.
"""


class PartRequest(TypedDict):
    """
    A part of a use.
    """

    dimensions: NotRequired[Dimensions | None]
    quantities: NotRequired[dict[str, int]]
    """
    Units of each meter; only the first part may name `requests`.
    """


Path: TypeAlias = str | list[str]
"""
A place inside an account: organization, cost center, team, user, seat, key and session, in this order, each at most once; as a text or as a list. The server answers with a list where a name has a slash, which separates the segments of a text.
"""


class PauseAccountRequest(TypedDict):
    """
    Pause an account.
    """

    idempotency_key: NotRequired[Id | None]
    reason: NotRequired[Label | None]
    until: NotRequired[Instant | None]


class PayInvoiceRequest(TypedDict):
    """
    Mark an invoice paid.
    """

    idempotency_key: NotRequired[Id | None]
    reference: NotRequired[Label | None]


class Penalty(TypedDict):
    """
    A score in the penalty box. It halves every ten minutes.
    """

    key: NotRequired[Id | None]
    level: int
    """
    Bursts are divided by two to this power.
    """
    score_milli: int
    """
    Thousandths of a point.
    """


PeriodEnd: TypeAlias = Literal['period_end']
"""
The end of the billing period.
"""


PlanAnchor: TypeAlias = Literal['keep', 'move']
"""
The effect of a change of plan on the billing anchor.
"""


PlanAt: TypeAlias = PeriodEnd | Instant
"""
When the plan changes.
"""


PositiveCredits: TypeAlias = str
"""
Credits above zero, as an exact decimal with up to nine places.
"""


class PriceStep(TypedDict):
    """
    The price of a unit from a position on.
    """

    above: int
    """
    For units above so many.
    """
    unit_price: Credits
    """
    Credits for one unit.
    """


class Problem(TypedDict):
    """
    An error as defined by RFC 9457.
    """

    detail: str
    """
    What is wrong, where, and what to do.
    """
    problems: NotRequired[list[CatalogProblem]]
    """
    Problems of a catalog, line by line; at most 100.
    """
    problems_count: NotRequired[int | None]
    """
    How many problems the catalog has, if it has any.
    """
    status: int
    """
    The HTTP status.
    """
    title: str
    """
    A short title for people.
    """
    type: str
    """
    `urn:headworks:problem:` and a stable word.
    """


Proration: TypeAlias = Literal['instant', 'days']
"""
How a part of a period is measured.
"""


Purpose: TypeAlias = Literal['top_ups', 'signals']
"""
A report that an inbound caller may make.
"""


class RateCard(TypedDict):
    """
    A version of a rate card.
    """

    effective_from: Instant
    """
    When the version came into force.
    """
    name: Name
    """
    The card.
    """


ReceiverUrl: TypeAlias = str
"""
A URL without user, password and fragment.
"""


RecordNumber: TypeAlias = int
"""
The number of a record in its account's log.
"""


class RecordRequest(TypedDict):
    """
    Charge use that has happened.
    """

    account: Id
    """
    The account that pays.
    """
    consent: NotRequired[bool]
    """
    The user agrees to paid sources.
    """
    dimensions: NotRequired[Dimensions]
    """
    Dimensions that prices depend on.
    """
    effective_at: NotRequired[Instant | None]
    feature: Name
    """
    The feature that was used.
    """
    idempotency_key: NotRequired[Id | None]
    parts: NotRequired[list[PartRequest] | None]
    """
    Instead of `dimensions` and `quantities`: the parts of the use, each with its own price.
    """
    path: NotRequired[Path]
    """
    The path within the account.
    """
    quantities: NotRequired[dict[str, int]]
    """
    Units of each meter.
    """


RecurrenceAnchor: TypeAlias = Literal['billing', 'grant']
"""
The instant that the boundaries of a recurring grant are counted from.
"""


RedeemOutcome: TypeAlias = Literal['reset_done', 'nothing_to_reset', 'none_left', 'already_redeemed']
"""
The outcome of redeeming.
"""


Reference: TypeAlias = str
"""
A record of an account, as the server named it.
"""


class RefundRequest(TypedDict):
    """
    Give back a charge, or parts of it until nothing is left.
    """

    amount: NotRequired[PositiveCredits | None]
    charge: Reference
    """
    The charge: the reference that settle, record or authorize with `settle: now` returned.
    """
    idempotency_key: NotRequired[Id | None]
    reason: NotRequired[Label | None]


class RefusedEvent(TypedDict):
    """
    An event that was not recorded.
    """

    id: str
    """
    Its id.
    """
    n: int
    """
    Its place in the batch, from 0.
    """
    problem: Problem
    """
    What is wrong.
    """


class ReleaseRequest(TypedDict):
    """
    End a hold at zero.
    """

    hold: Reference
    """
    The hold.
    """
    idempotency_key: NotRequired[Id | None]


class RemoveOverrideRequest(TypedDict):
    """
    Remove an override.
    """

    reason: NotRequired[Label | None]


class RemoveSeatRequest(TypedDict):
    """
    Remove a seat.
    """

    idempotency_key: NotRequired[Id | None]
    reason: NotRequired[Label | None]


class RepriceRefused(TypedDict):
    """
    A charge that cannot be repriced.
    """

    charge: Reference
    """
    The charge.
    """
    why: str
    """
    Why.
    """


RepriceRequest = TypedDict(
    'RepriceRequest',
    {
        'accounts': NotRequired[list[Id]],
        'after': NotRequired[Reference | None],
        'apply': NotRequired[bool],
        'features': NotRequired[list[Name]],
        'from': Instant,
        'reason': NotRequired[Label | None],
        'to': Instant,
    },
)


RepricedAccount = TypedDict(
    'RepricedAccount',
    {
        'account': Id,
        'changed': int,
        'is': str,
        'unit': str,
        'was': str,
    },
)


RepricedSum = TypedDict(
    'RepricedSum',
    {
        'is': str,
        'was': str,
    },
)


Resume: TypeAlias = Literal['retry', 'pass_over']
"""
How to go on after a receiver has refused a record.
"""


class ResumeAccountRequest(TypedDict):
    """
    End the pause of an account.
    """

    idempotency_key: NotRequired[Id | None]
    reason: NotRequired[Label | None]


class ResumeRequest(TypedDict):
    """
    Let an account resume.
    """

    resume: Resume
    """
    Send the refused record again, or pass over it.
    """


Rule: TypeAlias = Literal['cost_maximum', 'holds', 'velocity', 'ramp', 'penalty', 'identity', 'sub_keys', 'sharing', 'key_spend']
"""
The rules.
"""


class Schedule(TypedDict):
    """
    A recurring grant.
    """

    amount: Credits
    """
    The amount, from the next boundary on.
    """
    began_at: Instant
    """
    When the current period began.
    """
    current: Reference
    """
    The current period's grant.
    """
    every: Every
    """
    The calendar unit.
    """
    id: Reference
    """
    Its name: the first grant's.
    """
    next_at: Instant
    """
    When it ends.
    """
    unit: str
    """
    The unit of its credits.
    """
    until: NotRequired[Instant | None]
    zone: Label
    """
    The zone.
    """


Scope: TypeAlias = Literal['decide', 'record', 'read', 'admin', 'operator', 'catalog', 'gateway']
"""
A scope of an API key.
"""


class SeatCount(TypedDict):
    """
    How many seats there are.
    """

    all: int
    """
    All of them.
    """
    held: int
    """
    Those that a member holds.
    """


Segment: TypeAlias = str
"""
A place in a path: its level, and an id of at most 256 bytes in NFC by the rule of accounts.
"""


class SegmentSettings(TypedDict):
    """
    Settings of one segment of the path.
    """

    consent: NotRequired[Consent | None]
    hourly_cap: NotRequired[CreditsByUnit | None]
    pool_cap: NotRequired[CreditsByUnit | None]
    suspended: NotRequired[bool]
    """
    Whether every request through it is denied.
    """


Settle: TypeAlias = Literal['later', 'now']
"""
When an authorized use is charged.
"""


class SettleRequest(TypedDict):
    """
    End a hold at the actual use.
    """

    dimensions: NotRequired[Dimensions | None]
    hold: Reference
    """
    The hold.
    """
    idempotency_key: NotRequired[Id | None]
    parts: NotRequired[list[PartRequest] | None]
    """
    Instead of `dimensions` and `quantities`: all parts as they turned out. One that names no dimensions has those of the same
    part of the hold; parts of the hold beyond these did not happen.
    """
    quantities: NotRequired[dict[str, int]]
    """
    The actual use. Meters that are left out count zero, `requests` as held.
    """


SignalKind: TypeAlias = Literal['invalid_key', 'forged_webhook', 'dispute']
"""
A report about an account from the operator's own systems.
"""


class SignalRequest(TypedDict):
    """
    Report something about an account.
    """

    idempotency_key: NotRequired[Id | None]
    key: NotRequired[Id | None]
    reason: NotRequired[Label | None]
    signal: SignalKind
    """
    What to report.
    """


class SignedSignal(TypedDict):
    """
    A report about an account, signed by an inbound caller.
    """

    account: Id
    """
    The account.
    """
    report: SignalRequest
    """
    The report.
    """


class SigningKey(TypedDict):
    """
    The key that checkpoints are signed with.
    """

    public: str
    """
    `headworks+ID+KEY`, as C2SP signed notes name Ed25519 keys.
    """


SomeCredits: TypeAlias = str
"""
Credits other than zero, as an exact decimal with up to nine places.
"""


Span: TypeAlias = str
"""
A duration: 30s, 5h, 7d, 1m 30s or PT5H; at most 100 years.
"""


Standing: TypeAlias = Literal['fine', 'low', 'empty']
"""
The standing of an account's balance.
"""


StatementBy: TypeAlias = Literal['recorded', 'effective']
"""
How a record falls into the period of a statement.
"""


StatementPlace: TypeAlias = str
"""
`next` of the page before.
"""


class StatementSource(TypedDict):
    """
    The amount a source paid in a period, less the amount it got back.
    """

    amount: str
    """
    How much.
    """
    category: NotRequired[Category | None]
    layer: Name
    """
    The layer of the waterfall.
    """
    source: str
    """
    `allowance`, `grant`, `overdraft`, `postpaid`, `debt` or `goodwill`.
    """
    unit: str
    """
    The unit of the amount: a unit of credits, `requests` or a meter.
    """
    worth: Credits
    """
    Its part of the prices, in the statement's unit.
    """


class StatementSum(TypedDict):
    """
    A sum of entries.
    """

    amount: Credits
    """
    The sum of their amounts.
    """
    entries: int
    """
    How many entries.
    """


class StatementSums(TypedDict):
    """
    The sums of a statement's entries. By cause and by day they add up to the movement of the period.
    """

    by_cause: dict[str, StatementSum]
    """
    By cause.
    """
    by_day: dict[str, StatementSum]
    """
    By day of the zone, like `2026-10-01`.
    """
    by_feature: dict[str, StatementSum]
    """
    Of the entries that are about the use of a feature, by feature.
    """
    by_source: list[StatementSource]
    """
    By source, less credits given back.
    """


class StopRequest(TypedDict):
    """
    Withdraw the change of plan that is planned, or let a recurring grant end with its period.
    """

    idempotency_key: NotRequired[Id | None]
    reason: NotRequired[Label | None]


StripeValue: TypeAlias = Literal['meters', 'amount']
"""
The value of a Stripe meter event.
"""


class SupplyFeedback(TypedDict):
    """
    The answer of a supply's upstream to one request.
    """

    first_output: NotRequired[Span | None]
    input: NotRequired[int | None]
    """
    The length of its input, such as its tokens: first outputs are compared with those of inputs of like length.
    Default: its cost.
    """
    limit: NotRequired[int | None]
    """
    The limit it states in its headers, in cost per second.
    """
    quantities: NotRequired[dict[str, int]]
    """
    The units of each meter that it served, or was asked for if it refused; their cost follows from them.
    """
    retry_after: NotRequired[Span | None]
    status: int
    """
    Its HTTP status. 429, 503 and 529 are congestion; other errors say nothing about capacity.
    """


SupplySharer = TypedDict(
    'SupplySharer',
    {
        'account': Id,
        'bounded_by': BoundedBy,
        'class': Name,
        'cluster': NotRequired[Name | None],
        'in_flight': int,
        'in_flight_share_milli': int,
        'key': NotRequired[Id | None],
        'rate_share': int,
        'waiting': int,
        'weight': int,
    },
)


class SupplySharers(TypedDict):
    """
    The current users of a supply.
    """

    sharers: list[SupplySharer]
    """
    Sorted by cost in flight and waiting, highest first.
    """


class TestClock(TypedDict):
    """
    The time of a test clock.
    """

    now: Instant
    """
    The time, for everything that this server decides and records.
    """


Tier: TypeAlias = Literal['anonymous', 'verified', 'paid', 'established', 'contract']
"""
How far an account is trusted.
"""


class TierTerms(TypedDict):
    """
    The limits of a tier.
    """

    held_percent: int
    """
    The part of the balance that open holds may set aside, in percent.
    """
    holds: int
    """
    Most open holds.
    """
    key_spend_floor: CreditsByUnit
    """
    Credits that one key may always spend in an hour, by unit.
    """
    networks: int
    """
    Networks that one key may be used from in an hour.
    """
    ramp_floor: int
    """
    Cost in a quarter of an hour that never counts as too steep.
    """
    shared_holds: int
    """
    Open holds of a key that is used from more networks than that.
    """
    sub_keys: int
    """
    Members of one level with counters of their own.
    """
    velocity_ceiling: NotRequired[int | None]
    """
    Cost in ten seconds that is never exceeded.
    """
    velocity_floor: int
    """
    Cost in ten seconds that never counts as too fast.
    """


class TopUpInFlight(TypedDict):
    """
    A top-up that waits for its payment.
    """

    amount: Credits
    """
    How much.
    """
    needed: bool
    """
    Whether the balance still needs it; look at it again before you charge.
    """
    number: int
    """
    The account's top-ups are numbered; charge it under the account and this number as the key.
    """


class UnitTopUps(TypedDict):
    """
    The standing of the balance in one unit of credits, and its automatic top-ups.
    """

    in_flight: NotRequired[TopUpInFlight | None]
    month_total: Credits
    """
    Credits bought this month or in flight.
    """
    standing: Standing
    """
    Where the balance stood when it last crossed a mark.
    """
    unit: str
    """
    The unit.
    """


class UsagePart(TypedDict):
    """
    A part of a use, such as what one of several models did.
    """

    dimensions: dict[str, Label]
    """
    Dimensions.
    """
    rate_card: NotRequired[RateCard | None]
    unpriced: NotRequired[bool]
    """
    Nothing has a price for the part as it turned out: its prices are those of its hold.
    """


class VoidRequest(TypedDict):
    """
    Take back the remainder of a grant. A recurring grant ends.
    """

    idempotency_key: NotRequired[Id | None]
    reason: NotRequired[Label | None]


Volume = TypedDict(
    'Volume',
    {
        'credit_unit': str,
        'due': Credits,
        'from': Instant,
        'held': int,
        'name': Name,
        'until': Instant,
        'used': int,
    },
)


class Way(TypedDict):
    """
    A way to unblock a denial. Everything it names is needed together.
    """

    at: NotRequired[Instant | None]
    certainty: str
    """
    `exact`; `latest` where it rests on the end of a hold, which may come earlier; `estimated` where it rests on a supply.
    """
    consent: NotRequired[bool]
    """
    Whether `consent: true` is needed.
    """
    purchase: NotRequired[Credits | None]


WebhookFormat: TypeAlias = Literal['cloudevents', 'stripe_meter_events']
"""
The format of a webhook's requests.
"""


WebhookFrom: TypeAlias = Literal['now', 'beginning']
"""
Where a new webhook begins.
"""


WebhookRequest = TypedDict(
    'WebhookRequest',
    {
        'end_previous_secret': NotRequired[bool],
        'events': NotRequired[list[EventKind]],
        'format': NotRequired[WebhookFormat],
        'from': NotRequired[WebhookFrom],
        'rotate_secret': NotRequired[bool],
        'stripe': NotRequired[StripeValue],
        'url': ReceiverUrl,
    },
)


class WhatIfTally(TypedDict):
    """
    The outcome of requests.
    """

    charged: str
    """
    Credits charged after corrections and refunds, from free and paid sources alike. What the close of a period of graduated prices
    gives back is taken off.
    """
    denied: int
    """
    Requests denied, or in need of consent; on the other catalog also those that it keeps in quarantine although the ledger charged them.
    """
    granted: int
    """
    Requests granted.
    """
    revenue: str
    """
    The part of them from paid sources: revenue.
    """
    unit: str
    """
    The unit of credits; totals leave out other units.
    """


class Window(TypedDict):
    """
    A window.
    """

    level: Levels
    """
    The level it counts at, or several together.
    """
    limit: str
    """
    The limit, or `none`.
    """
    member: NotRequired[Path | None]
    name: Name
    """
    The guard, `allowance.window`, or pool it belongs to.
    """
    overridden_by: NotRequired[Reference | None]
    remaining: str
    """
    How much is left, or `none` if there is no limit.
    """
    resets_at: NotRequired[Instant | None]
    unit: str
    """
    The unit it counts.
    """
    used: str
    """
    How much is used.
    """


class Windows(TypedDict):
    """
    The windows of an account.
    """

    at: Instant
    """
    As of.
    """
    volumes: NotRequired[list[Volume]]
    """
    The use of graduated prices: of each volume the current period, and the last ones that have ended.
    """
    windows: list[Window]
    """
    Windows of the account itself, used or not, and of members that have used something.
    """


class AbuseEffect(TypedDict):
    """
    An effect of a rule on an account or key, until it expires.
    """

    figure: int
    """
    The measured value: cost in ten seconds, millionths of expired holds, or networks.
    """
    key: NotRequired[Id | None]
    limit: int
    """
    How much is let through: cost in ten seconds for `velocity`, open holds for `holds` and `sharing`.
    """
    mode: Mode
    """
    Whether the rule is enforced now; an effect that is only observed blocks nobody.
    """
    reference: int
    """
    The value it was compared with.
    """
    rule: Rule
    """
    The rule.
    """
    since: Instant
    """
    When it began.
    """
    step_up_at: NotRequired[Instant | None]
    until: Instant
    """
    When it ends by itself.
    """


class AbuseState(TypedDict):
    """
    An account's standing under the abuse rules.
    """

    effects: list[AbuseEffect]
    """
    Effects in force.
    """
    expired_millionths: int
    """
    The share of its holds that expired, in millionths: a moving average over about 20.
    """
    penalties: list[Penalty]
    """
    Keys with a score in the penalty box.
    """
    terms: TierTerms
    """
    The limits of its tier.
    """
    tier: Tier
    """
    How far it is trusted.
    """


class AccountAbuse(AbuseState):
    """
    The standing of one of several accounts.
    """

    account: Id
    """
    The account.
    """


AccountCapacity = TypedDict(
    'AccountCapacity',
    {
        'class': NotRequired[Name | None],
        'cluster': NotRequired[Name | None],
        'floor': NotRequired[int],
        'max': NotRequired[int | None],
        'weight': NotRequired[int],
    },
)


class Accounts(TypedDict):
    """
    A list of accounts.
    """

    accounts: list[Id]
    """
    Names, in order.
    """
    next: NotRequired[Id | None]


class AdjustRequest(TypedDict):
    """
    Correct a grant by hand.
    """

    amount: SomeCredits
    """
    Credits to add, or with a minus sign to take.
    """
    as_debt: NotRequired[bool]
    """
    Turn the part that the grant no longer has into debt: it blocks new requests, and the next grant repays it. For example
    after a chargeback. Default: such a request is refused.
    """
    grant: Reference
    """
    The grant.
    """
    idempotency_key: NotRequired[Id | None]
    reason: NotRequired[Label | None]


class ApproveIncreaseRequest(TypedDict):
    """
    Approve a request for a higher limit: it becomes an override.
    """

    reason: NotRequired[Label | None]
    until: NotRequired[Instant | None]
    value: NotRequired[OverrideValue | None]


class AssignSeatRequest(TypedDict):
    """
    Give a seat to a member, or release it.
    """

    idempotency_key: NotRequired[Id | None]
    member: NotRequired[Segment | None]
    reason: NotRequired[Label | None]


class AuditEntry(TypedDict):
    """
    Equal calls of a few seconds.
    """

    account: NotRequired[Id | None]
    call: NotRequired[Label | None]
    cause: NotRequired[Label | None]
    count: int
    """
    How many.
    """
    first_at: Instant
    """
    The first.
    """
    incident: NotRequired[Name | None]
    key: NotRequired[Name | None]
    kind: AuditKind
    """
    Their subject.
    """
    last_at: Instant
    """
    The last.
    """
    network: NotRequired[Label | None]
    outcome: AuditOutcome
    """
    The outcome of their checks.
    """
    record: int
    """
    The record of the audit log that has them.
    """
    recorded_at: Instant
    """
    When it was written.
    """


class AuditLog(TypedDict):
    """
    Entries of the audit log, newest first.
    """

    entries: list[AuditEntry]
    """
    The entries; none if no matching ones are in the part of the log that this page went through.
    """
    next: NotRequired[int | None]
    """
    If there is more to read: `before` of the next page.
    """


class AuthorizeRequest(TypedDict):
    """
    Ask how much is allowed and hold it, or charge it at once.
    """

    account: Id
    """
    The account that pays.
    """
    consent: NotRequired[bool]
    """
    The user agrees to paid sources.
    """
    dimensions: NotRequired[Dimensions]
    """
    Dimensions that prices depend on, such as the model.
    """
    feature: Name
    """
    The feature that is used.
    """
    idempotency_key: NotRequired[Id | None]
    life: NotRequired[Span | None]
    max_wait: NotRequired[Span | None]
    min: NotRequired[OneMeter | None]
    parts: NotRequired[list[PartRequest] | None]
    """
    Instead of `dimensions` and `quantities`: the parts of the use, such as what each of several models does. Each has its own
    price; all are decided and paid as one request, which is counted with the first part.
    """
    path: NotRequired[Path]
    """
    The path within the account: `team:…/user:…/key:…/session:…`; any level may be left out.
    """
    quantities: NotRequired[dict[str, int]]
    """
    The estimate: units of each meter. If left out, `requests` counts 1 and other meters count the feature's
    `estimate`. If a meter has several caps, the largest counts.
    """
    settle: NotRequired[Settle]
    """
    `now`: charge at once, without a hold. Default `later`.
    """
    source: NotRequired[Address | None]


class BalanceAsOf(TypedDict):
    """
    A balance as of two instants.
    """

    balance: Credits
    """
    Free and held credits, less debt.
    """
    effective_at: Instant
    """
    Events up to this instant count,
    """
    recorded_at: Instant
    """
    as far as they were known at this one.
    """
    unit: str
    """
    The unit of credits.
    """


class BankResetRequest(TypedDict):
    """
    Bank a reset.
    """

    expires_at: NotRequired[Instant | None]
    idempotency_key: NotRequired[Id | None]
    reference: NotRequired[Label | None]
    windows: list[Name]
    """
    The windows it clears: allowances as `allowance.window`, and guards over calendar and first-use windows.
    """


class BankedReset(TypedDict):
    """
    A banked reset.
    """

    expires_at: Instant
    """
    It must be redeemed before this instant.
    """
    id: Reference
    """
    Its name.
    """
    reference: NotRequired[Label | None]
    windows: list[Name]
    """
    The windows it clears.
    """


class BatchItem1(TypedDict):
    """
    As `/v1/authorize`.
    """

    authorize: AuthorizeRequest
    """
    As `/v1/authorize`.
    """


class BatchItem2(TypedDict):
    """
    As `/v1/settle`.
    """

    settle: SettleRequest
    """
    As `/v1/settle`.
    """


class BatchItem3(TypedDict):
    """
    As `/v1/record`.
    """

    record: RecordRequest
    """
    As `/v1/record`.
    """


BatchItem: TypeAlias = BatchItem1 | BatchItem2 | BatchItem3
"""
One operation of a batch.
"""


class BatchItemAnswer4(TypedDict):
    """
    The item was refused.
    """

    problem: Problem
    """
    The item was refused.
    """


class BatchRequest(TypedDict):
    """
    Several operations in one call; each has its own answer.
    """

    items: list[BatchItem]
    """
    At most 1,000, decided in this order. A malformed one is answered with a problem and does not affect the
    others.
    """


class ByUnitAlertMarks1(TypedDict):
    """
    The balances at which the account's owner is alerted.
    """

    low: CreditsFromZero
    """
    Below this the balance is low.
    """
    recovered: CreditsFromZero
    """
    From this balance on it has recovered. At least `low`.
    """
    unit: NotRequired[Name | None]


class ByUnitAlertMark(TypedDict):
    """
    The balances at which the account's owner is alerted.
    """

    low: CreditsFromZero
    """
    Below this the balance is low.
    """
    recovered: CreditsFromZero
    """
    From this balance on it has recovered. At least `low`.
    """
    unit: NotRequired[Name | None]


ByUnitAlertMarks: TypeAlias = ByUnitAlertMarks1 | list[ByUnitAlertMark]
"""
One for each unit of credits: a single one as is, several as a list.
"""


class ByUnitTopUpTerms1(TypedDict):
    """
    Automatic top-ups: credits are bought once each time the balance becomes low or empty.
    """

    amount: PositiveCredits
    """
    How many credits.
    """
    cool_down: Span
    """
    The shortest time between two top-ups.
    """
    monthly_max: PositiveCredits
    """
    The most credits in one calendar month (UTC).
    """
    unit: NotRequired[Name | None]


class ByUnitTopUpTerm(TypedDict):
    """
    Automatic top-ups: credits are bought once each time the balance becomes low or empty.
    """

    amount: PositiveCredits
    """
    How many credits.
    """
    cool_down: Span
    """
    The shortest time between two top-ups.
    """
    monthly_max: PositiveCredits
    """
    The most credits in one calendar month (UTC).
    """
    unit: NotRequired[Name | None]


ByUnitTopUpTerms: TypeAlias = ByUnitTopUpTerms1 | list[ByUnitTopUpTerm]
"""
One for each unit of credits: a single one as is, several as a list.
"""


class CatalogAccepted(TypedDict):
    """
    A catalog that was accepted.
    """

    features: list[Name]
    """
    The features it defines.
    """
    hash: str
    """
    The catalog's identity: BLAKE3 of its text.
    """
    plans: list[Name]
    """
    The plans it defines.
    """
    version: Name
    """
    The label that decisions use for it: the operator's, or `label@hash` if another catalog has used that label.
    """
    warnings: NotRequired[list[str]]
    """
    Warnings; the catalog is accepted all the same.
    """


class CatalogChanges(TypedDict):
    """
    The changes of a catalog to the one in force before it.
    """

    features: NamesChanged
    """
    Features.
    """
    other: list[Name]
    """
    Other parts that differ: `supplies`, `abuse`, `meters` and so on.
    """
    plans: NamesChanged
    """
    Plans.
    """
    rate_cards: NamesChanged
    """
    Rate cards.
    """


class Change(TypedDict):
    """
    A change of an account or its credits.
    """

    at: Instant
    """
    When.
    """
    id: Reference
    """
    Its record.
    """
    kind: str
    """
    The kind of event.
    """
    movements: list[Movement]
    """
    The movements of credits.
    """
    replayed: NotRequired[bool]
    """
    Whether this repeats the first answer.
    """


class ChangeAccountRequest(TypedDict):
    """
    Change an account; fields that are left out stay.
    """

    alerts: NotRequired[ByUnitAlertMarks | None]
    billing_anchor: NotRequired[Instant | None]
    capacity: NotRequired[AccountCapacity | None]
    consent: NotRequired[Consent | None]
    idempotency_key: NotRequired[Id | None]
    plan: NotRequired[Name | None]
    reason: NotRequired[Label | None]
    segments: NotRequired[dict[str, SegmentSettings]]
    """
    Settings of segments, each replaced as a whole; `null` removes them.
    """
    suspended: NotRequired[bool | None]
    """
    Whether every request is denied.
    """
    tier: NotRequired[Tier | None]
    top_up: NotRequired[ByUnitTopUpTerms | None]
    zone: NotRequired[Label | None]


class ClassFigures(TypedDict):
    """
    The figures of a class of requests in a supply; figures left out stay as they were, or have their defaults.
    """

    borrow_percent: NotRequired[int | None]
    """
    How much it may take beyond its floor, in percent of the capacity. Default 100.
    """
    floor_percent: NotRequired[int | None]
    """
    The part it is guaranteed when it asks for it, in percent of the capacity. Default 0.
    """
    lend_percent: NotRequired[int | None]
    """
    How much of an unused floor others may use, in percent of the floor. Default 100.
    """
    priority: NotRequired[int | None]
    """
    Its band: lower numbers are served first. Default 0.
    """
    starvation_percent: NotRequired[int | None]
    """
    The part its band keeps while work is waiting in it, in percent of the capacity. Default 2.
    """
    wait_max: NotRequired[Span | None]
    weight: NotRequired[int | None]
    """
    Its weight among the classes of its band. Default 1.
    """


class ClearedWindow(TypedDict):
    """
    A window that was cleared.
    """

    level: Levels
    """
    The level it counts at.
    """
    name: Name
    """
    Its name.
    """


class ClosePeriodsRequest(TypedDict):
    """
    Close the periods of windows that end when they are closed.
    """

    idempotency_key: NotRequired[Id | None]
    path: NotRequired[Path]
    """
    The member whose periods to close, if they count below the account: a path of requests that they count.
    """
    reason: NotRequired[Label | None]
    windows: list[Name]
    """
    The windows: guards, allowances as `allowance.window`, and pools, each with `every = "manual"`.
    """


class ConfirmTopUpRequest(TypedDict):
    """
    Report the outcome of a top-up's payment.
    """

    expires_at: NotRequired[Instant | None]
    paid: bool
    """
    Whether it was paid.
    """
    reason: NotRequired[Label | None]
    reference: NotRequired[Label | None]


class CorrectRequest(TypedDict):
    """
    Correct a charge. The correction takes its place and can be corrected again.
    """

    charge: Reference
    """
    The charge.
    """
    delete: NotRequired[bool]
    """
    The use did not happen: everything is given back.
    """
    dimensions: NotRequired[Dimensions | None]
    idempotency_key: NotRequired[Id | None]
    parts: NotRequired[list[PartRequest] | None]
    """
    Instead of `dimensions` and `quantities`: all parts of the use as they should have been. What one leaves out is that of the
    same part of the charge; parts of the charge beyond these are taken away.
    """
    quantities: NotRequired[dict[str, int]]
    """
    Quantities that were wrong; the other meters stay.
    """
    reason: NotRequired[Label | None]
    reprice: NotRequired[bool]
    """
    Use the prices that the catalog in force has for the instant of the use.
    """


class DenyIncreaseRequest(TypedDict):
    """
    Deny a request for a higher limit.
    """

    reason: NotRequired[Label | None]


class Draw(TypedDict):
    """
    The part that one source pays.
    """

    amount: str
    """
    How much.
    """
    category: NotRequired[Category | None]
    grant: NotRequired[Reference | None]
    layer: Name
    """
    The layer of the waterfall.
    """
    source: str
    """
    `allowance`, `grant`, `overdraft`, `postpaid`, `debt` or `goodwill`.
    """
    unit: str
    """
    The unit of the amount: a unit of credits, `requests` or a meter.
    """
    worth: Credits
    """
    Its part of the price, in credits: the worths of all draws add up to the price.
    """


class ExtendRequest(TypedDict):
    """
    Grow a hold, move its deadline, or report progress.
    """

    consent: NotRequired[bool]
    """
    The user agrees to paid sources.
    """
    hold: Reference
    """
    The hold.
    """
    idempotency_key: NotRequired[Id | None]
    life: NotRequired[Span | None]
    min: NotRequired[OneMeter | None]
    parts: NotRequired[list[PartRequest] | None]
    """
    Instead of `dimensions` and `quantities`: how much more of each part, in the order of the hold. A further part is a new one, with its
    dimensions.
    """
    progress: NotRequired[dict[str, Any] | None]
    """
    Use so far, of the first part; charged if the hold expires and its feature says so.
    """
    quantities: NotRequired[dict[str, int]]
    """
    How much more of each meter.
    """


class Finding(TypedDict):
    """
    A record that differs from what it should be.
    """

    account: Id
    """
    The account whose log it is in.
    """
    dataset: str
    """
    `chain`, `usage`, `monetization`, `balance` or `state`.
    """
    record: int
    """
    The record.
    """
    what: str
    """
    What it says, and what it should say.
    """


Graduated = TypedDict(
    'Graduated',
    {
        'closes': NotRequired[Credits | None],
        'from': Instant,
        'position': int,
        'position_max': NotRequired[int | None],
        'steps': list[PriceStep],
        'until': Instant,
        'volume': Name,
    },
)


class Grant(TypedDict):
    """
    A grant.
    """

    amount: Credits
    """
    The amount it was opened with, corrections included.
    """
    category: Category
    """
    Its kind.
    """
    effective_from: Instant
    """
    Usable from.
    """
    expires_at: NotRequired[Instant | None]
    features: list[Name]
    """
    The features it pays for; empty: all.
    """
    held: Credits
    """
    Set aside by open holds.
    """
    id: Reference
    """
    Its name.
    """
    priority: int
    """
    Lower numbers are drawn first.
    """
    reference: NotRequired[Label | None]
    remaining: Credits
    """
    Free to draw.
    """
    unit: str
    """
    The unit of its credits.
    """


class HeldBack(TypedDict):
    """
    Accounts that abuse rules hold back now, or would if they were enforced.
    """

    accounts: list[AccountAbuse]
    """
    Accounts with the most recent effect come first.
    """


HeldCapacity = TypedDict(
    'HeldCapacity',
    {
        'class': Name,
        'cost': int,
        'in_flight': int,
        'revocable': bool,
        'supply': Name,
    },
)


class HoldOpened(TypedDict):
    """
    A hold that was opened or grown.
    """

    capacity: NotRequired[HeldCapacity | None]
    expires_at: Instant
    """
    When it expires.
    """
    id: Reference
    """
    Its name.
    """


class Inbound(TypedDict):
    """
    An inbound caller.
    """

    accounts: list[Id]
    """
    Accounts it reaches; empty: all.
    """
    has_previous_secret: bool
    """
    Whether the secret before this one is still valid.
    """
    name: Name
    """
    Its name.
    """
    purposes: list[Purpose]
    """
    The reports that it may make.
    """
    secret: NotRequired[str | None]
    """
    The secret that it signs with, in the form of Standard Webhooks. Absent if it was stored under another signing key.
    """


class InboundRequest(TypedDict):
    """
    Make or replace an inbound caller.
    """

    accounts: NotRequired[list[Id]]
    """
    Accounts it reaches: names, or prefixes that end in `*`. Default: all.
    """
    end_previous_secret: NotRequired[bool]
    """
    End the previous secret at once.
    """
    purposes: list[Purpose]
    """
    The reports that it may make: at least one.
    """
    rotate_secret: NotRequired[bool]
    """
    Replace its secret. The previous one stays valid until the next replacement, or until it is ended.
    """


class Inbounds(TypedDict):
    """
    The inbound callers in force.
    """

    inbound: list[Inbound]
    """
    By name.
    """


class Reset(TypedDict):
    """
    A reset for each account.
    """

    expires_at: NotRequired[Instant | None]
    redeem: NotRequired[bool]
    """
    Redeem it at once for the account itself. Accounts whose windows are unused are skipped. Default: it stays banked.
    """
    windows: list[Name]
    """
    The windows it clears: allowances as `allowance.window`, and guards over calendar and first-use windows.
    """


class IncidentAct2(TypedDict):
    """
    The act of an incident. A grant has neither `reference` nor `idempotency_key` of its own.
    """

    reset: Reset
    """
    A reset for each account.
    """


class Raise(TypedDict):
    """
    A higher limit for each account. Accounts whose limit is as high already are skipped.
    """

    limit: Name
    """
    The limit: a guard, an allowance's window as `allowance.window`, or a postpaid layer of the account's plan.
    """
    until: Instant
    """
    It ends at this instant.
    """
    value: OverrideValue
    """
    The figure, in the limit's unit: a whole number, or credits as `"2.5"`. `"none"` lifts the limit.
    """


IncidentAct3 = TypedDict(
    'IncidentAct3',
    {
        'raise': Raise
    },
)


class IncidentAnswer(TypedDict):
    """
    What an incident does, or would do, to a part of the accounts.
    """

    accounts: list[Id]
    """
    The accounts that got it, or would.
    """
    applied: bool
    """
    Whether it was done.
    """
    before: int
    """
    How many had got it before.
    """
    digest: str
    """
    Names act, cause and match: quote it as `apply` to do what a dry run showed.
    """
    granted: dict[str, str]
    """
    Credits granted, by unit.
    """
    id: Name
    """
    Its name.
    """
    next: NotRequired[Reference | None]
    skipped: list[IncidentSkipped]
    """
    Accounts that match and cannot get it, and why.
    """


IncidentUse = TypedDict(
    'IncidentUse',
    {
        'features': NotRequired[list[Name]],
        'from': Instant,
        'to': Instant,
    },
)


class IncreaseAnswer(TypedDict):
    """
    The answer to a request for a higher limit.
    """

    answered_by: NotRequired[Name | None]
    at: Instant
    """
    When.
    """
    reason: NotRequired[Label | None]
    record: Reference
    """
    The record; of an approval, the override.
    """


class Ingested(TypedDict):
    """
    The outcome of a batch of events.
    """

    accepted: int
    """
    Charged now.
    """
    duplicates: int
    """
    Already recorded.
    """
    quarantined: int
    """
    Too late for the catalog's horizon: they wait for a decision.
    """
    refused: list[RefusedEvent]
    """
    Not recorded, and why.
    """


class InvoiceLine(TypedDict):
    """
    What the charges of a feature come to, less what was given back.
    """

    amount: Credits
    """
    The amount.
    """
    feature: Name
    """
    The feature.
    """
    period: Instant
    """
    The beginning of the period that it was drawn in: an earlier one where it corrects that period's invoice.
    """


class KeyGateway(TypedDict):
    """
    What an API key is used for through the gateway: the caller has no say in it.
    """

    models: NotRequired[list[Label] | None]
    """
    The models it may use. Default: all of the gateway.
    """
    path: NotRequired[Path | None]


class KeyRate(TypedDict):
    """
    Requests over time, in bursts of at most `limit`.
    """

    limit: int
    """
    So many.
    """
    per: Span
    """
    In this time: from one second to one day.
    """


class LiftRequest(TypedDict):
    """
    End an effect early.
    """

    idempotency_key: NotRequired[Id | None]
    key: NotRequired[Id | None]
    reason: NotRequired[Label | None]
    rule: Rule
    """
    The rule.
    """


class LimitWarning(TypedDict):
    """
    A mark of a limit that a use has reached.
    """

    level: Levels
    """
    The level of the path that it counts for, or several together.
    """
    limit: Name
    """
    The limit.
    """
    member: NotRequired[Path | None]
    of: str
    """
    Of how much.
    """
    percent: int
    """
    The highest mark reached, in percent of the limit.
    """
    resets_at: NotRequired[Instant | None]
    unit: str
    """
    The unit of both.
    """
    used: str
    """
    How much is used now.
    """


class Line(TypedDict):
    """
    A quantity of one meter at its price.
    """

    amount: Credits
    """
    The price of the units billed.
    """
    billed: NotRequired[int | None]
    """
    The units billed for them, where the price has a step or a minimum.
    """
    graduated: NotRequired[Graduated | None]
    meter: Name
    """
    The meter.
    """
    part: NotRequired[int | None]
    """
    The part that it belongs to, counted from 1, if there are several.
    """
    quantity: int
    """
    How many units.
    """
    unit_price: Credits
    """
    Credits for one unit; of a graduated price, for the first units of a period.
    """


class OpenAccountRequest(TypedDict):
    """
    Open an account.
    """

    billing_anchor: NotRequired[Instant | None]
    capacity: NotRequired[AccountCapacity | None]
    consent: NotRequired[Consent | None]
    id: AccountName
    """
    Its name.
    """
    idempotency_key: NotRequired[Id | None]
    plan: NotRequired[Name | None]
    segments: NotRequired[dict[str, SegmentSettings]]
    """
    Settings of teams, users, keys and sessions.
    """
    tier: NotRequired[Tier | None]
    zone: NotRequired[Label | None]


class OpenInvoice(TypedDict):
    """
    What the next invoice of a layer has so far.
    """

    end: NotRequired[Instant | None]
    layer: Name
    """
    The postpaid layer.
    """
    lines: list[InvoiceLine]
    """
    What it has so far.
    """
    unit: str
    """
    The unit of credits.
    """


class Override(TypedDict):
    """
    An override in force.
    """

    approves: NotRequired[Reference | None]
    id: Reference
    """
    Its name.
    """
    limit: Name
    """
    The limit.
    """
    path: Path
    """
    The place that it is for; the empty path is the account.
    """
    reason: NotRequired[Label | None]
    set_by: NotRequired[Name | None]
    until: NotRequired[Instant | None]
    value: str
    """
    The figure as it was given, or `none`, even if the account has another plan now.
    """


class OverrideRequest(TypedDict):
    """
    Give one limit another figure. Use that is counted stays counted.
    """

    idempotency_key: NotRequired[Id | None]
    limit: Name
    """
    The limit: a guard, an allowance's window as `allowance.window`, a pool, a postpaid layer, an overdraft or `price_factor` of the account's plan.
    """
    path: NotRequired[Path]
    """
    The place that it is for, such as `user:alice` or `team:research/user:alice`, with everything below it. Default: the account.
    """
    reason: NotRequired[Label | None]
    until: NotRequired[Instant | None]
    value: OverrideValue
    """
    The figure, in the limit's unit: a whole number, or credits as `"2.5"`. `"none"` lifts the limit.
    """


class Overrides(TypedDict):
    """
    The overrides of an account.
    """

    overrides: list[Override]
    """
    Those in force, by limit and path. Of those that apply to a request that of the longest path wins, then the newest.
    """


class Parked(TypedDict):
    """
    An account that waits in a webhook because the receiver refused a record for good.
    """

    account: Id
    """
    The account.
    """
    reason: str
    """
    The refused request, and why.
    """
    record: Reference
    """
    The refused record. It and those after it wait.
    """
    resume: NotRequired[Resume | None]
    since: Instant
    """
    When it began to wait.
    """


class ParkedAccounts(TypedDict):
    """
    The accounts that wait in a webhook.
    """

    parked: list[Parked]
    """
    By name; at most 1,000.
    """


class Pass(TypedDict):
    """
    A pass over every account.
    """

    accounts: int
    """
    Accounts examined.
    """
    books: OperatorBooks
    """
    The operator's books: the sums over all accounts, in `credits`.
    """
    damage: NotRequired[list[str]]
    """
    Damaged places of the journal, each with what is wrong there.
    """
    findings: list[Finding]
    """
    The first thousand of them.
    """
    finished_at: NotRequired[Instant | None]
    found: int
    """
    How many findings there are.
    """
    internal_logs: NotRequired[int]
    """
    The server's own logs that were examined as well.
    """
    other_units: NotRequired[dict[str, OperatorBooks]]
    """
    Its books in other units of credits.
    """
    records: int
    """
    Records examined.
    """
    started_at: NotRequired[Instant | None]


class PastCatalog(TypedDict):
    """
    A catalog that was put in force.
    """

    actor: NotRequired[Name | None]
    at: Instant
    """
    When it came into force.
    """
    changes: CatalogChanges
    """
    Its changes to the catalog before it.
    """
    hash: str
    """
    The catalog's identity: BLAKE3 of its text.
    """
    in_force: bool
    """
    Whether it is in force now.
    """
    version: Name
    """
    The label that decisions use for it.
    """


class Pause(TypedDict):
    """
    The pause that an account is in.
    """

    id: Reference
    """
    The record that began it.
    """
    reason: NotRequired[Label | None]
    since: Instant
    """
    Since when.
    """
    until: NotRequired[Instant | None]


class PlanToCome(TypedDict):
    """
    A change of plan to come.
    """

    at: Instant
    """
    When.
    """
    id: Reference
    """
    The record that planned it.
    """
    plan: Name
    """
    The plan.
    """
    reason: NotRequired[Label | None]


Prorate: TypeAlias = bool | Proration
"""
How the current period is prorated.
"""


class QuarantinedUse(TypedDict):
    """
    Use that was reported later than the catalog's horizon allows.
    """

    dimensions: dict[str, Label]
    """
    Dimensions that prices depend on.
    """
    effective_at: Instant
    """
    When it happened.
    """
    feature: Name
    """
    The feature.
    """
    id: Reference
    """
    Its name.
    """
    parts: NotRequired[list[PartRequest]]
    """
    All its parts, if there are several; `dimensions` and `quantities` are then those of the first.
    """
    path: Path
    """
    The path within the account.
    """
    quantities: dict[str, int]
    """
    Units of each meter.
    """
    recorded_at: Instant
    """
    When it was reported.
    """


class RateLimit(TypedDict):
    """
    A sustained rate and a burst.
    """

    burst: int
    """
    Units at once.
    """
    full_at: Instant
    """
    The latest instant at which it is full again, if nothing is requested until then.
    """
    limit: int
    """
    Units per period.
    """
    period: Span
    """
    The period.
    """


class Reconciliation(TypedDict):
    """
    The state of reconciliation.
    """

    last: NotRequired[Pass | None]
    passes: int
    """
    Completed passes.
    """
    running_records: NotRequired[int | None]
    """
    Records that the running pass has read, if one is running.
    """
    status: str
    """
    `pending` before the first pass has ended, `ok`, or `failed`.
    """


class RedeemResetRequest(TypedDict):
    """
    Redeem a banked reset.
    """

    idempotency_key: NotRequired[Id | None]
    path: NotRequired[Path]
    """
    The member whose windows to clear, if they count below the account.
    """
    reset: NotRequired[Reference | None]


class Redeemed(TypedDict):
    """
    The answer to redeeming a reset.
    """

    cleared: list[ClearedWindow]
    """
    The windows that were cleared.
    """
    id: NotRequired[Reference | None]
    outcome: RedeemOutcome
    """
    The outcome.
    """
    replayed: bool
    """
    Whether this repeats the first answer.
    """
    reset: NotRequired[Reference | None]


class Repriced(TypedDict):
    """
    The result of repricing.
    """

    accounts: list[RepricedAccount]
    """
    By account and unit, the largest difference first; at most 1,000.
    """
    applied: bool
    """
    Whether it was applied.
    """
    by_unit: dict[str, RepricedSum]
    """
    Their cost, by unit of credits.
    """
    changed: int
    """
    Charges whose price changes.
    """
    charges: int
    """
    Charges examined.
    """
    next: NotRequired[Reference | None]
    refunded: int
    """
    Charges left alone because they were refunded.
    """
    refused: list[RepriceRefused]
    """
    Charges that stay as they are: they have no price in the catalog in force, or nobody pays it. At most 1,000.
    """


class Resets(TypedDict):
    """
    The banked resets of an account.
    """

    resets: list[BankedReset]
    """
    Those that can be redeemed, the first to expire first.
    """


class Rollover(TypedDict):
    """
    The amount carried over a boundary, as a grant of its own: `min(max, max(min, fraction × remainder))`.
    """

    fraction: NotRequired[Fraction | None]
    life: NotRequired[Span | None]
    max: Credits
    """
    At most this much.
    """
    min: NotRequired[Credits]
    """
    At least this much, topped up by the operator. Default 0.
    """


class RotateKeyRequest(TypedDict):
    """
    Give an API key a new secret.
    """

    overlap: NotRequired[Span | None]


class Seat(TypedDict):
    """
    A seat.
    """

    member: NotRequired[Segment | None]
    reason: NotRequired[Label | None]
    seat: Name
    """
    Its name.
    """
    set_by: NotRequired[Name | None]
    since: Instant
    """
    Since when that member holds it, or nobody does.
    """
    type: NotRequired[Name | None]


class SeatRequest(TypedDict):
    """
    Add a seat, or change its type or member. What is left out stays.
    """

    idempotency_key: NotRequired[Id | None]
    member: NotRequired[Segment | None]
    reason: NotRequired[Label | None]
    seat: Name
    """
    Its name in the account.
    """
    type: NotRequired[Name | None]


class Seats(TypedDict):
    """
    The seats of an account.
    """

    counts: dict[str, SeatCount]
    """
    How many there are of each type; those without one under the empty text.
    """
    seats: list[Seat]
    """
    By name.
    """


class SignedTopUp(TypedDict):
    """
    The payment of a top-up, signed by an inbound caller.
    """

    account: Id
    """
    The account.
    """
    number: int
    """
    The number of the top-up.
    """
    payment: ConfirmTopUpRequest
    """
    The outcome.
    """


class SupplyChange(TypedDict):
    """
    A change of a supply without a new catalog. It replaces an earlier change as a whole: an empty one goes back to the
    catalog.
    """

    classes: NotRequired[dict[str, ClassFigures]]
    """
    By class: the figures that change.
    """
    in_flight: NotRequired[int | None]
    """
    Most cost in flight.
    """
    rate: NotRequired[int | None]
    """
    Cost per second.
    """
    reason: NotRequired[Label | None]


class SupplyClass(TypedDict):
    """
    The current state of a class of a supply.
    """

    in_flight_share_milli: int
    """
    Cost that they may have in flight, in thousandths of a unit of cost.
    """
    rate_share: int
    """
    The part of the rate that its accounts together may use now.
    """
    terms: ClassFigures
    """
    Its terms in force.
    """


class TopUps(UnitTopUps):
    """
    The state of an account's alerts and automatic top-ups.
    """

    crossings: int
    """
    How often a balance has crossed a mark.
    """
    other_units: NotRequired[list[UnitTopUps]]
    """
    In the other units.
    """


class Unblock(TypedDict):
    """
    The ways to unblock a denial, if nobody uses anything in the meantime.
    """

    at: NotRequired[Instant | None]
    by: str
    """
    Who can lift it: `caller`, `account_admin`, `operator` or `step_up`.
    """
    purchase: NotRequired[Credits | None]
    searched_until: NotRequired[Instant | None]
    ways: NotRequired[list[Way]]
    """
    The possible ways, earliest first. Empty: nothing the caller can wait for, buy or agree to helps (before `searched_until`, if
    that is there).
    """


class UnitBalances(TypedDict):
    """
    Credits of one unit: `available = granted − spent − held − debt`.
    """

    available: Credits
    """
    Credits that can be drawn now, less debt.
    """
    breakage: Credits
    """
    Expired unused.
    """
    debt: Credits
    """
    Owed after overshoots.
    """
    goodwill: Credits
    """
    Shortfalls covered by the operator.
    """
    grants: list[Grant]
    """
    Open grants, in burn order.
    """
    held: Credits
    """
    Set aside by open holds.
    """
    issued: Credits
    """
    Issued by the operator, less credits taken back; below zero if goodwill had paid for those.
    """
    overdraft: Credits
    """
    Drawn from the agreed overdraft.
    """
    postpaid: Credits
    """
    Postpaid: set aside by holds, to come on an invoice, or on an unpaid one. No grant repays it. Below zero, you owe it.
    """
    schedules: list[Schedule]
    """
    Recurring grants.
    """
    spent: Credits
    """
    Charged since the account was opened, less refunds.
    """
    unit: str
    """
    The unit of credits that everything below is in.
    """


class Usage(TypedDict):
    """
    Use, as charged or as requested.
    """

    catalog: Name
    """
    The catalog version.
    """
    credit_unit: str
    """
    The unit of credits that the prices are in.
    """
    dimensions: dict[str, Label]
    """
    Dimensions.
    """
    feature: Name
    """
    The feature.
    """
    lines: list[Line]
    """
    Quantities with their prices.
    """
    parts: NotRequired[list[UsagePart]]
    """
    Its parts, if there are several; `dimensions`, `rate_card` and `unpriced` are then those of the first.
    """
    path: Path
    """
    The path within the account.
    """
    price_factor: NotRequired[Credits | None]
    rate_card: NotRequired[RateCard | None]
    unit: str
    """
    The unit that allowances count: a unit of credits, `requests` or a meter.
    """
    unpriced: NotRequired[bool]
    """
    Nothing has a price for the use as it turned out: its prices are those of its hold.
    """


class Visit(TypedDict):
    """
    One guard or source that was checked.
    """

    after: str
    """
    The value after it.
    """
    before: str
    """
    Windows: used before. Grants and overdraft: free before. Supplies: cost in flight before.
    """
    cost: str
    """
    The amount that the request takes, or would have taken.
    """
    grant: NotRequired[Reference | None]
    kind: str
    """
    `account`, `guard`, `allowance`, `grant`, `member_cap`, `overdraft`, `postpaid`, `supply`, `abuse` or `plan` (one that is tried: `before` is what the use would cost there).
    """
    level: Levels
    """
    The level of the path, or several together.
    """
    limit: NotRequired[str | None]
    """
    The limit of a window.
    """
    name: Id
    """
    Its name in the catalog; of an account its id.
    """
    overridden_by: NotRequired[Reference | None]
    rate: NotRequired[RateLimit | None]
    reason: NotRequired[str | None]
    """
    Why it refused.
    """
    resets_at: NotRequired[Instant | None]
    unit: str
    """
    The unit of the values.
    """
    verdict: str
    """
    `passed`, `paid`, `would_pay` (a source, had the request been granted), `empty`, `refused`, `observed` or `demoted`.
    """


class Webhook(TypedDict):
    """
    A webhook.
    """

    attempts: int
    """
    Attempts at the event that is being sent.
    """
    behind: int
    """
    Records of the ledger that it still has to go through. A lower bound: one answer counts 50,000 further.
    """
    delivered: int
    """
    Events acknowledged since the server started.
    """
    error: NotRequired[str | None]
    """
    Why the last attempt failed.
    """
    events: list[Label]
    """
    The kinds of events; empty: all alerts.
    """
    format: WebhookFormat
    """
    The format of what is sent.
    """
    has_previous_secret: bool
    """
    Whether events are signed with the secret before this one as well.
    """
    name: Name
    """
    Its name.
    """
    parked: int
    """
    Accounts that wait because Stripe refused one of their records.
    """
    secret: NotRequired[str | None]
    """
    The secret that its receiver verifies signatures with, in the form of Standard Webhooks. Absent if it was stored under
    another signing key.
    """
    since: NotRequired[Instant | None]
    state: str
    """
    `ok`, `failing`, or `gone` after an answer 410.
    """
    stripe: NotRequired[StripeValue | None]
    url: str
    """
    Where events are sent.
    """


class Webhooks(TypedDict):
    """
    The webhooks in force.
    """

    webhooks: list[Webhook]
    """
    By name.
    """


class WhatIfRow(TypedDict):
    """
    The recorded outcome and the hypothetical one.
    """

    account: NotRequired[Id | None]
    changed: int
    """
    Requests whose outcome changes.
    """
    feature: NotRequired[Name | None]
    plan: NotRequired[Name | None]
    was: WhatIfTally
    """
    As recorded.
    """
    would_be: WhatIfTally
    """
    On the other catalog.
    """


class Account(TypedDict):
    """
    An account.
    """

    alerts: NotRequired[ByUnitAlertMarks | None]
    billing_anchor: Instant
    """
    The instant that billing windows are counted from.
    """
    capacity: NotRequired[AccountCapacity | None]
    consent: NotRequired[Consent | None]
    hash: str
    """
    Chain hash after it, in hexadecimal.
    """
    id: Id
    """
    Its name.
    """
    opened_at: Instant
    """
    When it was opened.
    """
    paused: NotRequired[Pause | None]
    plan: Name
    """
    Its plan.
    """
    plan_to_come: NotRequired[PlanToCome | None]
    segments: dict[str, SegmentSettings]
    """
    Settings of segments.
    """
    seq: int
    """
    Number of its last record.
    """
    suspended: bool
    """
    Whether every request is denied.
    """
    tier: NotRequired[Tier | None]
    top_up: NotRequired[ByUnitTopUpTerms | None]
    zone: NotRequired[Label | None]


class Balances(UnitBalances):
    """
    The credits of an account in effect now, in one unit; without a unit asked for, the others follow.
    """

    at: Instant
    """
    As of.
    """
    other_units: NotRequired[list[UnitBalances]]
    """
    In the other units.
    """
    units: list[str]
    """
    The units of credits that the account has, `credits` first; the catalog's units if it has none.
    """


class BatchItemAnswer3(TypedDict):
    """
    To a `record` that waits in quarantine.
    """

    quarantined: Change
    """
    To a `record` that waits in quarantine.
    """


class Catalogs(TypedDict):
    """
    Every time a catalog was put in force.
    """

    catalogs: list[PastCatalog]
    """
    Newest first: the first one is in force.
    """


class ChangePlanRequest(TypedDict):
    """
    Change the plan.
    """

    amounts: NotRequired[dict[str, Credits]]
    """
    New amounts of recurring grants, from the next boundary on.
    """
    anchor: NotRequired[PlanAnchor]
    """
    `move`: a new billing period begins now, and with it every grant that recurs with the billing anchor.
    """
    at: NotRequired[PlanAt | None]
    idempotency_key: NotRequired[Id | None]
    plan: Name
    """
    The plan.
    """
    prorate: NotRequired[Prorate | None]
    reason: NotRequired[Label | None]


class ChangedAccount(Account):
    """
    An account as a request left it.
    """

    replayed: NotRequired[bool]
    """
    Whether this repeats the first answer.
    """


class ChangedInbound(Inbound):
    """
    An inbound caller that was made or replaced.
    """

    replayed: bool
    """
    Whether the request was a repetition.
    """


class ChangedWebhook(Webhook):
    """
    A webhook that was made or replaced.
    """

    replayed: bool
    """
    Whether the request was a repetition.
    """


class Charge(TypedDict):
    """
    A charge.
    """

    at: Instant
    """
    When.
    """
    charge: Reference
    """
    Its reference, for refunds.
    """
    draws: list[Draw]
    """
    The sources that paid, in order.
    """
    hold: NotRequired[Reference | None]
    late: bool
    """
    Whether the hold had expired.
    """
    owed: Credits
    """
    Credits beyond the hold that the account owes.
    """
    price: Credits
    """
    Its cost.
    """
    refunded: Credits
    """
    Credits beyond the hold that the operator covered.
    """
    replayed: NotRequired[bool]
    """
    Whether this repeats the first answer.
    """
    returned: Credits
    """
    Credits of the hold that were returned.
    """
    said_at: NotRequired[Instant | None]
    usage: Usage
    """
    The use.
    """
    warnings: NotRequired[list[LimitWarning]]
    """
    The marks of the plan's warnings (`warn_at`) that this use has reached.
    """


class Decision(TypedDict):
    """
    A decision with its explanation.
    """

    account: Id
    """
    The account.
    """
    at: Instant
    """
    When it was decided.
    """
    charge: NotRequired[Reference | None]
    decision_id: NotRequired[Reference | None]
    draws: list[Draw]
    """
    The sources that pay, in order.
    """
    hold: NotRequired[HoldOpened | None]
    kept: NotRequired[bool | None]
    """
    `false` if there were too many denials to keep every explanation: it then has no `decision_id`.
    """
    outcome: str
    """
    `allow`, `partial`, `needs_consent`, `deny`, or `wait`: everything passes, but there is no capacity now.
    """
    paid_price: Credits
    """
    The part that paid sources pay, or would pay with consent.
    """
    price: Credits
    """
    Its cost at the pinned price, over all sources.
    """
    reason: str
    """
    Why: one of the documented reasons.
    """
    refused_by: NotRequired[Id | None]
    replayed: NotRequired[bool]
    """
    Whether this repeats the first answer.
    """
    transient: bool
    """
    Whether waiting alone can change the answer.
    """
    unblock: NotRequired[Unblock | None]
    usage: Usage
    """
    The use that the decision is about.
    """
    visits: list[Visit]
    """
    Every guard and source that was checked, in order.
    """
    wall: NotRequired[str | None]
    """
    Whose wall it was: a level of the path, `plan`, `operator`, `capacity` or `abuse`.
    """
    warnings: NotRequired[list[LimitWarning]]
    """
    The marks of the plan's warnings (`warn_at`) that this use has reached.
    """


class Hold(TypedDict):
    """
    An open hold.
    """

    capacity: NotRequired[HeldCapacity | None]
    draws: list[Draw]
    """
    The sources that pay, in order.
    """
    expires_at: Instant
    """
    When it expires.
    """
    extensions: int
    """
    Extensions of the deadline so far.
    """
    held: Credits
    """
    Credits set aside.
    """
    id: Reference
    """
    Its name.
    """
    opened_at: Instant
    """
    When it was opened.
    """
    usage: Usage
    """
    The use it covers.
    """


class Holds(TypedDict):
    """
    The open holds of an account.
    """

    at: Instant
    """
    As of.
    """
    holds: list[Hold]
    """
    Oldest first.
    """


class Increase(TypedDict):
    """
    A request for a higher limit.
    """

    answer: NotRequired[IncreaseAnswer | None]
    asked_at: Instant
    """
    When it was asked for.
    """
    asked_by: NotRequired[Name | None]
    id: Reference
    """
    Its name.
    """
    limit: Name
    """
    The limit.
    """
    path: Path
    """
    The place that it is for; the empty path is the account.
    """
    reason: NotRequired[Label | None]
    status: IncreaseStatus
    """
    Whether it has been answered.
    """
    until: NotRequired[Instant | None]
    value: str
    """
    The figure that was asked for, or `none`.
    """


class Increases(TypedDict):
    """
    The requests for higher limits of an account.
    """

    increases: list[Increase]
    """
    Those that wait, and the latest 100 that were answered, oldest first.
    """


Invoice = TypedDict(
    'Invoice',
    {
        'end': Instant,
        'from': Reference,
        'id': Reference,
        'layer': Name,
        'lines': list[InvoiceLine],
        'number': int,
        'paid_at': NotRequired[Instant | None],
        'start': Instant,
        'state': str,
        'total': Credits,
        'unit': str,
    },
)


class Invoices(TypedDict):
    """
    The invoices of an account.
    """

    invoices: list[Invoice]
    """
    All that are unpaid, and the last 24 others; in the order in which they closed.
    """
    open: list[OpenInvoice]
    """
    What the next ones have so far.
    """


class KeyLimits(TypedDict):
    """
    How much an API key may be used.
    """

    concurrent: NotRequired[int | None]
    """
    Requests at once.
    """
    rate: NotRequired[KeyRate | None]
    warn_at: NotRequired[list[WarnAtItem] | None]
    """
    Percentages, rising, such as `[50, 80, 100]`: a request that brings the use of a limit to one of them says so in its answer, and webhooks get `key.warning`.
    """


class Quarantine(TypedDict):
    """
    The use that waits in an account's quarantine.
    """

    uses: list[QuarantinedUse]
    """
    Oldest record first.
    """


class Record(TypedDict):
    """
    A stored record.
    """

    actor: NotRequired[Name | None]
    bytes: str
    """
    The canonical bytes, in hexadecimal: `hash = BLAKE3(hash of the record before ‖ bytes)`.
    """
    charge: NotRequired[Charge | None]
    decision: NotRequired[Decision | None]
    effective_at: Instant
    """
    When it takes effect.
    """
    hash: str
    """
    Chain hash after it, in hexadecimal.
    """
    id: Reference
    """
    Its name.
    """
    idempotency_key: NotRequired[str | None]
    """
    The idempotency key.
    """
    kind: str
    """
    The kind of event.
    """
    movements: list[Movement]
    """
    Balance updates; each journal sums to zero.
    """
    parents: list[Reference]
    """
    Records it follows from.
    """
    reason: NotRequired[Label | None]
    recorded_at: Instant
    """
    When it was written.
    """
    seq: int
    """
    Its number in the account's log.
    """


class Records(TypedDict):
    """
    Records of an account.
    """

    next: NotRequired[int | None]
    """
    Pass as `from` for the next page.
    """
    records: list[Record]
    """
    In order.
    """


class Recurrence(TypedDict):
    """
    How a grant recurs. Each grant expires at the next boundary.
    """

    anchor: NotRequired[RecurrenceAnchor]
    """
    The instant that boundaries are counted from. Default `billing`.
    """
    every: Every
    """
    The calendar unit.
    """
    overage: NotRequired[Overage]
    """
    What happens to debt at a boundary. Default `keep`: the new grant repays it.
    """
    prorate: NotRequired[Proration | None]
    rollover: NotRequired[Rollover | None]
    zone: NotRequired[Label | None]


class StatementEntry(TypedDict):
    """
    One line of a statement.
    """

    amount: Credits
    """
    Credits in; negative: credits out.
    """
    at: Instant
    """
    When it was written.
    """
    balance: Credits
    """
    The balance after it.
    """
    cause: str
    """
    `grant`, `charge`, `refund`, `goodwill`, `expiry`, `void` or `adjustment`.
    """
    effective_at: Instant
    """
    When it takes effect.
    """
    event_id: NotRequired[str | None]
    """
    The caller's own name for the use that it is about: the idempotency key that the use was recorded or authorized with, or
    `source` and `id` of the event that reported it.
    """
    feature: NotRequired[Name | None]
    idempotency_key: NotRequired[str | None]
    """
    The idempotency key of the record.
    """
    reason: NotRequired[Label | None]
    record: Reference
    """
    The record it comes from.
    """
    usage: NotRequired[Usage | None]


class Supply(TypedDict):
    """
    The current state of a supply. Rates are cost per second; the supply's `cost` in the catalog says what a request costs.
    """

    active: int
    """
    Keys of accounts with work in the last ten seconds.
    """
    change: NotRequired[SupplyChange | None]
    classes: dict[str, SupplyClass]
    """
    Its classes.
    """
    in_flight: int
    """
    Cost in flight.
    """
    in_flight_max: NotRequired[int | None]
    """
    Most cost in flight. Absent: no limit.
    """
    name: Name
    """
    Its name.
    """
    rate: NotRequired[int | None]
    """
    The rate in force, learned or known. Absent: no limit.
    """
    served: int
    """
    Cost per second admitted during the last 100 ms.
    """
    waiting: int
    """
    Requests that wait for room.
    """
    waiting_cost: int
    """
    Their cost.
    """


class WhatIf(TypedDict):
    """
    The effect that another catalog would have had on the recorded requests.
    """

    accounts: int
    """
    Accounts whose logs were run again.
    """
    accounts_changed: int
    """
    Accounts for which anything changes.
    """
    by_account: list[WhatIfRow]
    """
    The accounts that change most, by revenue.
    """
    by_feature: list[WhatIfRow]
    """
    By plan and feature.
    """
    catalog: Name
    """
    The other catalog's version.
    """
    records: int
    """
    Records examined.
    """
    refusals: list[Finding]
    """
    The first thousand of them.
    """
    refused: int
    """
    Operations that cannot be run again: those that the catalog refuses, such as those of a plan that it lacks, and corrections and
    refunds of what is no charge there.
    """
    total: WhatIfRow
    """
    The total, including denials that were counted without their explanation: these are denied in both.
    """
    unexplained_denials: int
    """
    Denials whose explanation was not kept, so they could not be run again; they count only in the total.
    """


class BatchItemAnswer1(TypedDict):
    """
    To an `authorize`.
    """

    decision: Decision
    """
    To an `authorize`.
    """


class BatchItemAnswer2(TypedDict):
    """
    To a `settle` or `record`.
    """

    charge: Charge
    """
    To a `settle` or `record`.
    """


BatchItemAnswer: TypeAlias = BatchItemAnswer1 | BatchItemAnswer2 | BatchItemAnswer3 | BatchItemAnswer4
"""
The answer to one item of a batch.
"""


class CreateKeyRequest(TypedDict):
    """
    Make an API key.
    """

    accounts: NotRequired[list[Id]]
    """
    Accounts it reaches: names, or prefixes that end in `*`. Default: all.
    """
    expires_at: NotRequired[Instant | None]
    gateway: NotRequired[KeyGateway | None]
    limits: NotRequired[KeyLimits | None]
    note: NotRequired[Label | None]
    scopes: list[Scope]
    """
    Its scopes.
    """


class GrantRequest(TypedDict):
    """
    Add credits.
    """

    amount: PositiveCredits
    """
    How many credits.
    """
    category: Category
    """
    Their kind.
    """
    effective_from: NotRequired[Instant | None]
    expires_at: NotRequired[Instant | None]
    features: NotRequired[list[Name]]
    """
    The features they pay for. Default: all.
    """
    idempotency_key: NotRequired[Id | None]
    priority: NotRequired[int]
    """
    Lower numbers are drawn first.
    """
    recurrence: NotRequired[Recurrence | None]
    reference: NotRequired[Label | None]
    unit: NotRequired[Name | None]


class Grant1(TypedDict):
    """
    Add credits.
    """

    amount: PositiveCredits
    """
    How many credits.
    """
    category: Category
    """
    Their kind.
    """
    effective_from: NotRequired[Instant | None]
    expires_at: NotRequired[Instant | None]
    features: NotRequired[list[Name]]
    """
    The features they pay for. Default: all.
    """
    idempotency_key: NotRequired[Id | None]
    priority: NotRequired[int]
    """
    Lower numbers are drawn first.
    """
    recurrence: NotRequired[Recurrence | None]
    reference: NotRequired[Label | None]
    unit: NotRequired[Name | None]


class IncidentAct1(TypedDict):
    """
    The act of an incident. A grant has neither `reference` nor `idempotency_key` of its own.
    """

    grant: Grant1
    """
    Add credits.
    """


IncidentAct: TypeAlias = IncidentAct1 | IncidentAct2 | IncidentAct3
"""
The act of an incident. A grant has neither `reference` nor `idempotency_key` of its own.
"""


class IncidentRequest(TypedDict):
    """
    Give all accounts that match a grant, a reset or a higher limit, for example after an outage: first as a dry run, then for real.
    """

    accounts: NotRequired[list[Id]]
    """
    The accounts. Default: all.
    """
    act: IncidentAct
    """
    What each account gets.
    """
    after: NotRequired[Reference | None]
    apply: NotRequired[str | None]
    """
    The `digest` of the dry run: do it. If a run is cut off, send it again: no account gets it twice. Default: a dry run.
    """
    cause: Label
    """
    Why, for the ledger: it is the reference or reason of every record.
    """
    id: Name
    """
    Its name, at most 119 bytes. An account gets the act of each name once.
    """
    plans: NotRequired[list[Name]]
    """
    The plans that they are on when they get it. Default: all.
    """
    used: NotRequired[IncidentUse | None]


class Key(TypedDict):
    """
    An API key, without its secret.
    """

    accounts: list[Id]
    """
    Accounts it reaches; empty: all.
    """
    expires_at: NotRequired[Instant | None]
    expires_soon: bool
    """
    Whether it stops working within 14 days.
    """
    gateway: NotRequired[KeyGateway | None]
    id: Name
    """
    Its public part.
    """
    last_used_at: NotRequired[Instant | None]
    limits: NotRequired[KeyLimits | None]
    note: NotRequired[Label | None]
    previous_until: NotRequired[Instant | None]
    scopes: list[Scope]
    """
    Its scopes.
    """


class KeyCreated(TypedDict):
    """
    An API key that was made, or got a new secret; the only time that secret is shown.
    """

    hint: NotRequired[str | None]
    """
    What to do if the secret was lost with the first answer.
    """
    key: Key
    """
    The key.
    """
    replayed: bool
    """
    Whether the request was a repetition.
    """
    secret: NotRequired[str | None]
    """
    The secret, to be sent as `Authorization: Bearer …`. Absent from the answer to a repetition: only its hash is stored.
    """


class Keys(TypedDict):
    """
    The API keys in force.
    """

    keys: list[Key]
    """
    By name.
    """


Statement = TypedDict(
    'Statement',
    {
        'account': Id,
        'by': StatementBy,
        'carried': NotRequired[Credits | None],
        'checkpoint': NotRequired[str | None],
        'closing': Credits,
        'entries': list[StatementEntry],
        'from': Instant,
        'next': NotRequired[str | None],
        'opening': Credits,
        'recorded_at': NotRequired[Instant | None],
        'seq': int,
        'sums': StatementSums,
        'to': Instant,
        'unit': str,
        'zone': str,
    },
)


class Supplies(TypedDict):
    """
    The supplies in force.
    """

    supplies: list[Supply]
    """
    By name.
    """


class BatchAnswer(TypedDict):
    """
    The answers to a batch, item by item.
    """

    items: list[BatchItemAnswer]
    """
    In the order of the request.
    """
