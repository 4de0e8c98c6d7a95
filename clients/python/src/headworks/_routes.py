# Made by tools/generate.py from the OpenAPI document.
"""One signature of `request` for each call. Never sends anything: clients do."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, overload

if TYPE_CHECKING:
    from . import schema

if sys.version_info >= (3, 11):
    from typing import Unpack
else:
    from typing_extensions import Unpack


class Options(TypedDict, total=False):
    """What any call may be told about how it is sent."""

    timeout: float | None
    max_retries: int | None



class Routes:
    """Every call of the API, by method and path."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/healthz'],
        /,
        **options: Unpack[Options],
    ) -> str:
        """Whether the process is up."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/metrics'],
        /,
        **options: Unpack[Options],
    ) -> str:
        """Metrics in the OpenMetrics text format."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/readyz'],
        /,
        **options: Unpack[Options],
    ) -> str:
        """Whether requests are taken."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/abuse'],
        /,
        *,
        query: Mapping[str, str | int | bool] | None = None,
        **options: Unpack[Options],
    ) -> schema.HeldBack:
        """List the accounts that abuse rules hold back now."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts'],
        /,
        *,
        query: Mapping[str, str | int | bool] | None = None,
        **options: Unpack[Options],
    ) -> schema.Accounts:
        """List accounts by name."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts'],
        /,
        *,
        body: schema.OpenAccountRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.ChangedAccount:
        """Open an account."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Account:
        """Show an account."""

    @overload
    def request(
        self,
        method: Literal['PATCH'],
        path: Literal['/v1/accounts/{id}'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.ChangeAccountRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.ChangedAccount:
        """Change an account's plan and settings."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/abuse'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.AbuseState:
        """Show an account's standing under the abuse rules."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/abuse/lift'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.LiftRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """End an effect of an abuse rule early."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/adjustments'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.AdjustRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Correct a grant by hand."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/balances'],
        /,
        *,
        params: Mapping[str, str],
        query: Mapping[str, str | int | bool] | None = None,
        **options: Unpack[Options],
    ) -> schema.Balances:
        """Show an account's credits, now or as planned."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/balances/as-of'],
        /,
        *,
        params: Mapping[str, str],
        query: Mapping[str, str | int | bool] | None = None,
        **options: Unpack[Options],
    ) -> schema.BalanceAsOf:
        """Show a balance as of two instants: events up to one, as known at the other."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/corrections'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.CorrectRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Charge:
        """Correct a charge: its quantities, its prices, or that it happened at all."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/grants'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.GrantRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Add credits."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/grants/{grant}/stop'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.StopRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Let a recurring grant keep its period and not renew."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/grants/{grant}/void'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.VoidRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Take back the remainder of a grant."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/holds'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Holds:
        """Show an account's open holds."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/increases'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Increases:
        """Show an account's requests for higher limits."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/increases'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.OverrideRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Ask for a higher limit."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/increases/{increase}/approve'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.ApproveIncreaseRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Approve a request for a higher limit."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/increases/{increase}/deny'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.DenyIncreaseRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Deny a request for a higher limit."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/invoices'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Invoices:
        """Show an account's invoices."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/invoices/{invoice}/pay'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.PayInvoiceRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Mark an invoice paid."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/overrides'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Overrides:
        """Show an account's overrides."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/overrides'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.OverrideRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Override a limit of an account or a segment."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/overrides/{override}/remove'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.RemoveOverrideRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Remove an override."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/pause'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.PauseAccountRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Pause an account: nothing of it is used, renews or expires."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/plan'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.ChangePlanRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Change the plan, and with it recurring grants."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/plan/withdraw'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.StopRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Withdraw the change of plan that is planned."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/quarantine'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Quarantine:
        """Show the use that waits in an account's quarantine."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/quarantine/{use}'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.LateRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Charge use in quarantine after all, or discard it."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/records'],
        /,
        *,
        params: Mapping[str, str],
        query: Mapping[str, str | int | bool] | None = None,
        **options: Unpack[Options],
    ) -> schema.Records:
        """Read an account's log."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/refunds'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.RefundRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Give back a charge, once, wholly or in part."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/resets'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Resets:
        """Show an account's banked resets."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/resets'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.BankResetRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Bank a reset."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/resets/redeem'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.RedeemResetRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Redeemed:
        """Redeem a banked reset."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/resume'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.ResumeAccountRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """End the pause of an account."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/seats'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Seats:
        """Show an account's seats."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/seats'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.SeatRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Add a seat, or change its type or member."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/seats/{seat}/assign'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.AssignSeatRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Give a seat to a member, or release it."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/seats/{seat}/remove'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.RemoveSeatRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Remove a seat."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/signals'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.SignalRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Report an observation about an account from the operator's own systems."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/statement'],
        /,
        *,
        params: Mapping[str, str],
        query: Mapping[str, str | int | bool] | None = None,
        **options: Unpack[Options],
    ) -> schema.Statement:
        """Show what moved an account's balance in a period, signed."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/top-ups'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.TopUps:
        """Show the state of an account's alerts and automatic top-ups."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/top-ups/{number}'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.ConfirmTopUpRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Report the outcome of a top-up's payment."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/windows'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Windows:
        """Show an account's windows."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/windows/close'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.ClosePeriodsRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Close periods that end when they are closed."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/audit'],
        /,
        *,
        query: Mapping[str, str | int | bool] | None = None,
        **options: Unpack[Options],
    ) -> schema.AuditLog:
        """Show failed authentication, administrative calls and reads of other people's data."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/authorize'],
        /,
        *,
        body: schema.AuthorizeRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Decision:
        """Decide how much is allowed, and hold it or charge it at once."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/batch'],
        /,
        *,
        body: schema.BatchRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.BatchAnswer:
        """Run several operations; each has its own answer, and one that fails does not stop the others."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/catalog'],
        /,
        **options: Unpack[Options],
    ) -> str:
        """Show the catalog in force, as it was written."""

    @overload
    def request(
        self,
        method: Literal['PUT'],
        path: Literal['/v1/catalog'],
        /,
        *,
        body: str,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.CatalogAccepted:
        """Put a catalog in force, whole or not at all."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/catalog/check'],
        /,
        *,
        body: str,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.CatalogAccepted:
        """Check a catalog without putting it in force."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/catalog/corrections'],
        /,
        *,
        body: schema.RepriceRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Repriced:
        """Reprice every charge of a period: first as a dry run, then for real."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/catalog/schema'],
        /,
        **options: Unpack[Options],
    ) -> Any:
        """The JSON Schema of the catalog."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/catalog/what-if'],
        /,
        *,
        body: str,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.WhatIf:
        """Try a catalog on every recorded request, without putting it in force."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/catalogs'],
        /,
        **options: Unpack[Options],
    ) -> schema.Catalogs:
        """List every time a catalog was put in force, newest first."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/catalogs/{hash}'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> str:
        """Show a catalog that was in force, as it was written."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/catalogs/{hash}/restore'],
        /,
        *,
        params: Mapping[str, str],
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.CatalogAccepted:
        """Put a catalog that was in force back."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/check'],
        /,
        *,
        body: schema.AuthorizeRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Decision:
        """Decide without any effect."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/decisions/{id}'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Decision:
        """Explain a past decision from what was stored with it."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/events'],
        /,
        *,
        body: Sequence[Mapping[str, Any]],
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Ingested:
        """Record use sent as CloudEvents: structured, batched, or binary."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/extend'],
        /,
        *,
        body: schema.ExtendRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Decision:
        """Grow a hold, move its deadline, or report progress."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/inbound'],
        /,
        **options: Unpack[Options],
    ) -> schema.Inbounds:
        """List the inbound callers."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/inbound/{name}'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Inbound:
        """Show an inbound caller and its secret."""

    @overload
    def request(
        self,
        method: Literal['PUT'],
        path: Literal['/v1/inbound/{name}'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.InboundRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.ChangedInbound:
        """Make or replace an inbound caller."""

    @overload
    def request(
        self,
        method: Literal['DELETE'],
        path: Literal['/v1/inbound/{name}'],
        /,
        *,
        params: Mapping[str, str],
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Remove an inbound caller; its secrets sign nothing any more."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/incidents'],
        /,
        *,
        body: schema.IncidentRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.IncidentAnswer:
        """Give all accounts that match a grant, a reset or a higher limit: first as a dry run, then for real."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/keys'],
        /,
        **options: Unpack[Options],
    ) -> schema.Keys:
        """List the API keys in force, without their secrets."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/keys'],
        /,
        *,
        body: schema.CreateKeyRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.KeyCreated:
        """Make an API key; its secret is shown only once."""

    @overload
    def request(
        self,
        method: Literal['DELETE'],
        path: Literal['/v1/keys/{id}'],
        /,
        *,
        params: Mapping[str, str],
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Revoke an API key at once."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/keys/{id}/rotate'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.RotateKeyRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.KeyCreated:
        """Give an API key a new secret; the one before it works a while longer."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/reconcile'],
        /,
        **options: Unpack[Options],
    ) -> schema.Reconciliation:
        """Show whether the ledger reconciles."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/reconcile'],
        /,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Reconciliation:
        """Reconcile every account again, starting now."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/record'],
        /,
        *,
        body: schema.RecordRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Charge | schema.Change:
        """Charge use that has happened."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/release'],
        /,
        *,
        body: schema.ReleaseRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """End a hold at zero."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/settle'],
        /,
        *,
        body: schema.SettleRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Charge:
        """End a hold at the actual use."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/signing-key'],
        /,
        **options: Unpack[Options],
    ) -> schema.SigningKey:
        """Show the key that checkpoints are signed with."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/supplies'],
        /,
        **options: Unpack[Options],
    ) -> schema.Supplies:
        """List the supplies and how they are used."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/supplies/{name}'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Supply:
        """Show a supply and how it is used."""

    @overload
    def request(
        self,
        method: Literal['PUT'],
        path: Literal['/v1/supplies/{name}'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.SupplyChange,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Supply:
        """Change a supply without a new catalog; in force within 100 ms."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/supplies/{name}/feedback'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.SupplyFeedback,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Report an answer of the upstream to a supply."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/supplies/{name}/sharers'],
        /,
        *,
        params: Mapping[str, str],
        query: Mapping[str, str | int | bool] | None = None,
        **options: Unpack[Options],
    ) -> schema.SupplySharers:
        """Show who uses a supply now."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/test-clock'],
        /,
        **options: Unpack[Options],
    ) -> schema.TestClock:
        """Show the time of the test clock."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/test-clock/advance'],
        /,
        *,
        body: schema.AdvanceRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.TestClock:
        """Move the test clock ahead; everything due on the way is stored when this answers."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/webhooks'],
        /,
        **options: Unpack[Options],
    ) -> schema.Webhooks:
        """List the webhooks and how they are doing."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/webhooks/{name}'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Webhook:
        """Show a webhook and how it is doing."""

    @overload
    def request(
        self,
        method: Literal['PUT'],
        path: Literal['/v1/webhooks/{name}'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.WebhookRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.ChangedWebhook:
        """Make or replace a webhook."""

    @overload
    def request(
        self,
        method: Literal['DELETE'],
        path: Literal['/v1/webhooks/{name}'],
        /,
        *,
        params: Mapping[str, str],
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Remove a webhook; events that it has not sent yet are dropped."""

    @overload
    def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/webhooks/{name}/parked'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.ParkedAccounts:
        """List the accounts that wait in a webhook, because Stripe refused one of their records."""

    @overload
    def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/webhooks/{name}/parked/{account}'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.ResumeRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Let an account that waits in a webhook resume: send the refused record again, or pass over it."""

    def request(self, method: str, path: str, /, **arguments: Any) -> Any:
        """Makes a call that has no method of its own. `params` are the names in the path; they are percent-encoded here."""
        return self._request(method, path, **arguments)

    def _request(self, method: str, path: str, **arguments: Any) -> Any:
        raise NotImplementedError


class AsyncRoutes:
    """Every call of the API, by method and path."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/healthz'],
        /,
        **options: Unpack[Options],
    ) -> str:
        """Whether the process is up."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/metrics'],
        /,
        **options: Unpack[Options],
    ) -> str:
        """Metrics in the OpenMetrics text format."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/readyz'],
        /,
        **options: Unpack[Options],
    ) -> str:
        """Whether requests are taken."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/abuse'],
        /,
        *,
        query: Mapping[str, str | int | bool] | None = None,
        **options: Unpack[Options],
    ) -> schema.HeldBack:
        """List the accounts that abuse rules hold back now."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts'],
        /,
        *,
        query: Mapping[str, str | int | bool] | None = None,
        **options: Unpack[Options],
    ) -> schema.Accounts:
        """List accounts by name."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts'],
        /,
        *,
        body: schema.OpenAccountRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.ChangedAccount:
        """Open an account."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Account:
        """Show an account."""

    @overload
    async def request(
        self,
        method: Literal['PATCH'],
        path: Literal['/v1/accounts/{id}'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.ChangeAccountRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.ChangedAccount:
        """Change an account's plan and settings."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/abuse'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.AbuseState:
        """Show an account's standing under the abuse rules."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/abuse/lift'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.LiftRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """End an effect of an abuse rule early."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/adjustments'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.AdjustRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Correct a grant by hand."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/balances'],
        /,
        *,
        params: Mapping[str, str],
        query: Mapping[str, str | int | bool] | None = None,
        **options: Unpack[Options],
    ) -> schema.Balances:
        """Show an account's credits, now or as planned."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/balances/as-of'],
        /,
        *,
        params: Mapping[str, str],
        query: Mapping[str, str | int | bool] | None = None,
        **options: Unpack[Options],
    ) -> schema.BalanceAsOf:
        """Show a balance as of two instants: events up to one, as known at the other."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/corrections'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.CorrectRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Charge:
        """Correct a charge: its quantities, its prices, or that it happened at all."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/grants'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.GrantRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Add credits."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/grants/{grant}/stop'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.StopRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Let a recurring grant keep its period and not renew."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/grants/{grant}/void'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.VoidRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Take back the remainder of a grant."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/holds'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Holds:
        """Show an account's open holds."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/increases'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Increases:
        """Show an account's requests for higher limits."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/increases'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.OverrideRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Ask for a higher limit."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/increases/{increase}/approve'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.ApproveIncreaseRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Approve a request for a higher limit."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/increases/{increase}/deny'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.DenyIncreaseRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Deny a request for a higher limit."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/invoices'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Invoices:
        """Show an account's invoices."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/invoices/{invoice}/pay'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.PayInvoiceRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Mark an invoice paid."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/overrides'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Overrides:
        """Show an account's overrides."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/overrides'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.OverrideRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Override a limit of an account or a segment."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/overrides/{override}/remove'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.RemoveOverrideRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Remove an override."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/pause'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.PauseAccountRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Pause an account: nothing of it is used, renews or expires."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/plan'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.ChangePlanRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Change the plan, and with it recurring grants."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/plan/withdraw'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.StopRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Withdraw the change of plan that is planned."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/quarantine'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Quarantine:
        """Show the use that waits in an account's quarantine."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/quarantine/{use}'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.LateRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Charge use in quarantine after all, or discard it."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/records'],
        /,
        *,
        params: Mapping[str, str],
        query: Mapping[str, str | int | bool] | None = None,
        **options: Unpack[Options],
    ) -> schema.Records:
        """Read an account's log."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/refunds'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.RefundRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Give back a charge, once, wholly or in part."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/resets'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Resets:
        """Show an account's banked resets."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/resets'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.BankResetRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Bank a reset."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/resets/redeem'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.RedeemResetRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Redeemed:
        """Redeem a banked reset."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/resume'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.ResumeAccountRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """End the pause of an account."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/seats'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Seats:
        """Show an account's seats."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/seats'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.SeatRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Add a seat, or change its type or member."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/seats/{seat}/assign'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.AssignSeatRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Give a seat to a member, or release it."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/seats/{seat}/remove'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.RemoveSeatRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Remove a seat."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/signals'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.SignalRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Report an observation about an account from the operator's own systems."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/statement'],
        /,
        *,
        params: Mapping[str, str],
        query: Mapping[str, str | int | bool] | None = None,
        **options: Unpack[Options],
    ) -> schema.Statement:
        """Show what moved an account's balance in a period, signed."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/top-ups'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.TopUps:
        """Show the state of an account's alerts and automatic top-ups."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/top-ups/{number}'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.ConfirmTopUpRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Report the outcome of a top-up's payment."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/accounts/{id}/windows'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Windows:
        """Show an account's windows."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/accounts/{id}/windows/close'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.ClosePeriodsRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """Close periods that end when they are closed."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/audit'],
        /,
        *,
        query: Mapping[str, str | int | bool] | None = None,
        **options: Unpack[Options],
    ) -> schema.AuditLog:
        """Show failed authentication, administrative calls and reads of other people's data."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/authorize'],
        /,
        *,
        body: schema.AuthorizeRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Decision:
        """Decide how much is allowed, and hold it or charge it at once."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/batch'],
        /,
        *,
        body: schema.BatchRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.BatchAnswer:
        """Run several operations; each has its own answer, and one that fails does not stop the others."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/catalog'],
        /,
        **options: Unpack[Options],
    ) -> str:
        """Show the catalog in force, as it was written."""

    @overload
    async def request(
        self,
        method: Literal['PUT'],
        path: Literal['/v1/catalog'],
        /,
        *,
        body: str,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.CatalogAccepted:
        """Put a catalog in force, whole or not at all."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/catalog/check'],
        /,
        *,
        body: str,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.CatalogAccepted:
        """Check a catalog without putting it in force."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/catalog/corrections'],
        /,
        *,
        body: schema.RepriceRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Repriced:
        """Reprice every charge of a period: first as a dry run, then for real."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/catalog/schema'],
        /,
        **options: Unpack[Options],
    ) -> Any:
        """The JSON Schema of the catalog."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/catalog/what-if'],
        /,
        *,
        body: str,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.WhatIf:
        """Try a catalog on every recorded request, without putting it in force."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/catalogs'],
        /,
        **options: Unpack[Options],
    ) -> schema.Catalogs:
        """List every time a catalog was put in force, newest first."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/catalogs/{hash}'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> str:
        """Show a catalog that was in force, as it was written."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/catalogs/{hash}/restore'],
        /,
        *,
        params: Mapping[str, str],
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.CatalogAccepted:
        """Put a catalog that was in force back."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/check'],
        /,
        *,
        body: schema.AuthorizeRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Decision:
        """Decide without any effect."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/decisions/{id}'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Decision:
        """Explain a past decision from what was stored with it."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/events'],
        /,
        *,
        body: Sequence[Mapping[str, Any]],
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Ingested:
        """Record use sent as CloudEvents: structured, batched, or binary."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/extend'],
        /,
        *,
        body: schema.ExtendRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Decision:
        """Grow a hold, move its deadline, or report progress."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/inbound'],
        /,
        **options: Unpack[Options],
    ) -> schema.Inbounds:
        """List the inbound callers."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/inbound/{name}'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Inbound:
        """Show an inbound caller and its secret."""

    @overload
    async def request(
        self,
        method: Literal['PUT'],
        path: Literal['/v1/inbound/{name}'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.InboundRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.ChangedInbound:
        """Make or replace an inbound caller."""

    @overload
    async def request(
        self,
        method: Literal['DELETE'],
        path: Literal['/v1/inbound/{name}'],
        /,
        *,
        params: Mapping[str, str],
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Remove an inbound caller; its secrets sign nothing any more."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/incidents'],
        /,
        *,
        body: schema.IncidentRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.IncidentAnswer:
        """Give all accounts that match a grant, a reset or a higher limit: first as a dry run, then for real."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/keys'],
        /,
        **options: Unpack[Options],
    ) -> schema.Keys:
        """List the API keys in force, without their secrets."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/keys'],
        /,
        *,
        body: schema.CreateKeyRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.KeyCreated:
        """Make an API key; its secret is shown only once."""

    @overload
    async def request(
        self,
        method: Literal['DELETE'],
        path: Literal['/v1/keys/{id}'],
        /,
        *,
        params: Mapping[str, str],
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Revoke an API key at once."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/keys/{id}/rotate'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.RotateKeyRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.KeyCreated:
        """Give an API key a new secret; the one before it works a while longer."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/reconcile'],
        /,
        **options: Unpack[Options],
    ) -> schema.Reconciliation:
        """Show whether the ledger reconciles."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/reconcile'],
        /,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Reconciliation:
        """Reconcile every account again, starting now."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/record'],
        /,
        *,
        body: schema.RecordRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Charge | schema.Change:
        """Charge use that has happened."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/release'],
        /,
        *,
        body: schema.ReleaseRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Change:
        """End a hold at zero."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/settle'],
        /,
        *,
        body: schema.SettleRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Charge:
        """End a hold at the actual use."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/signing-key'],
        /,
        **options: Unpack[Options],
    ) -> schema.SigningKey:
        """Show the key that checkpoints are signed with."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/supplies'],
        /,
        **options: Unpack[Options],
    ) -> schema.Supplies:
        """List the supplies and how they are used."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/supplies/{name}'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Supply:
        """Show a supply and how it is used."""

    @overload
    async def request(
        self,
        method: Literal['PUT'],
        path: Literal['/v1/supplies/{name}'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.SupplyChange,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.Supply:
        """Change a supply without a new catalog; in force within 100 ms."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/supplies/{name}/feedback'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.SupplyFeedback,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Report an answer of the upstream to a supply."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/supplies/{name}/sharers'],
        /,
        *,
        params: Mapping[str, str],
        query: Mapping[str, str | int | bool] | None = None,
        **options: Unpack[Options],
    ) -> schema.SupplySharers:
        """Show who uses a supply now."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/test-clock'],
        /,
        **options: Unpack[Options],
    ) -> schema.TestClock:
        """Show the time of the test clock."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/test-clock/advance'],
        /,
        *,
        body: schema.AdvanceRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.TestClock:
        """Move the test clock ahead; everything due on the way is stored when this answers."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/webhooks'],
        /,
        **options: Unpack[Options],
    ) -> schema.Webhooks:
        """List the webhooks and how they are doing."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/webhooks/{name}'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.Webhook:
        """Show a webhook and how it is doing."""

    @overload
    async def request(
        self,
        method: Literal['PUT'],
        path: Literal['/v1/webhooks/{name}'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.WebhookRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> schema.ChangedWebhook:
        """Make or replace a webhook."""

    @overload
    async def request(
        self,
        method: Literal['DELETE'],
        path: Literal['/v1/webhooks/{name}'],
        /,
        *,
        params: Mapping[str, str],
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Remove a webhook; events that it has not sent yet are dropped."""

    @overload
    async def request(
        self,
        method: Literal['GET'],
        path: Literal['/v1/webhooks/{name}/parked'],
        /,
        *,
        params: Mapping[str, str],
        **options: Unpack[Options],
    ) -> schema.ParkedAccounts:
        """List the accounts that wait in a webhook, because Stripe refused one of their records."""

    @overload
    async def request(
        self,
        method: Literal['POST'],
        path: Literal['/v1/webhooks/{name}/parked/{account}'],
        /,
        *,
        params: Mapping[str, str],
        body: schema.ResumeRequest,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Let an account that waits in a webhook resume: send the refused record again, or pass over it."""

    async def request(self, method: str, path: str, /, **arguments: Any) -> Any:
        """Makes a call that has no method of its own. `params` are the names in the path; they are percent-encoded here."""
        return await self._request(method, path, **arguments)

    async def _request(self, method: str, path: str, **arguments: Any) -> Any:
        raise NotImplementedError

