//! Invoices of postpaid layers: their periods, their closing, and marking them paid.

use super::draft::{Draft, Moves};
use super::history::{History, Stop};
use crate::account::Account;
use crate::record::{
    Book, Credits, CycleEvent, Event, InvoicePeriod, Label, Levels, Name, Once, Path, Seq, Terms,
};
use crate::waterfall::{Context, Refusal};

/// What is due for a layer's next invoice: its period begins to be known, or has ended.
pub(crate) fn invoice_due(ctx: Context<'_>, at: usize) -> Option<Draft> {
    let Some((invoice, unit)) = ctx.account.next_invoice(at) else { return open_period(ctx, at) };
    let (end, from) = (invoice.period.end, invoice.from);
    let draft = Draft::of_cycle(CycleEvent::InvoiceClosed(invoice)).following(from);
    Some(Draft { effective_at: Some(end), unit, ..draft })
}

/// The period is the one that the layer's window was in when the first line came. Where the plan no longer has the layer, it ends
/// at once.
fn open_period(ctx: Context<'_>, at: usize) -> Option<Draft> {
    let Context { account, catalog, now, .. } = ctx;
    let open = account.postpaid()?.uninvoiced.get(at)?;
    let plan = catalog.plan_of(account);
    let window = plan.and_then(|plan| plan.postpaid(&open.layer, open.unit.as_ref()));
    let used = account.window(&open.layer, Levels::ACCOUNT, &Path::default());
    let since = open.since;
    let terms = window.map(|window| window.terms_then(used, (since, now), account.billing()));
    let (start, end) = match terms {
        Some(Terms::Period { start, end, .. }) => (start, end),
        Some(
            Terms::Rate { .. }
            | Terms::Sliding { .. }
            | Terms::Slots { .. }
            | Terms::Growth { .. }
            | Terms::Habit { .. },
        )
        | None => (since, since),
    };
    let period = InvoicePeriod { layer: open.layer.clone(), start, end };
    let draft = Draft::of_cycle(CycleEvent::InvoiceOpened(period)).following(open.from);
    Some(Draft { unit: open.unit.clone(), ..draft })
}

/// Marks an invoice paid: the operator's book pays the postpaid one, or gets back what it owed.
pub(super) fn pay(
    ctx: Context<'_>,
    id: Seq,
    reference: Option<Label>,
    history: &History,
) -> Result<Draft, Stop> {
    let Some(closed) = known(ctx.account, id) else {
        if let Some(paid) = history.once(ctx, Once::PaysInvoice(id))? {
            return Err(Refusal::InvoicePaid(id, paid.seq).into());
        }
        return Err(nothing_to_pay(ctx, id, history)?.into());
    };
    let (unit, total) = closed;
    let mut moves = Moves::new(unit);
    moves.add(Book::Operator, Book::Postpaid, total);
    moves.add(Book::Postpaid, Book::Operator, Credits::ZERO.checked_sub(total).ok_or(Refusal::TooLarge)?);
    let event = CycleEvent::InvoicePaid { invoice: id, reference };
    Ok(Draft::moving(Event::Cycle(alloc::boxed::Box::new(event)), moves).following(id))
}

/// The unit and total of an unpaid invoice.
fn known(account: &Account, id: Seq) -> Option<(Option<Name>, Credits)> {
    let unpaid = account.postpaid()?.invoices.iter().find(|closed| closed.id == id && closed.is_unpaid())?;
    Some((unpaid.unit.clone(), unpaid.invoice.total))
}

/// Why an invoice that is not unpaid cannot be paid: it came to zero, or there is none.
fn nothing_to_pay(ctx: Context<'_>, id: Seq, history: &History) -> Result<Refusal, Stop> {
    if id == 0 || id > ctx.account.seq {
        return Ok(Refusal::UnknownInvoice(id));
    }
    let Event::Cycle(cycle) = &history.record(ctx, id)?.event else {
        return Ok(Refusal::UnknownInvoice(id));
    };
    let is_invoice = matches!(**cycle, CycleEvent::InvoiceClosed(_));
    Ok(if is_invoice { Refusal::NothingToPay(id) } else { Refusal::UnknownInvoice(id) })
}
