//! A small world: one account that is fed commands and folded.

use std::convert::Infallible;

use headworks_core::account::Account;
use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{
    self, Adjust, Command, Correct, Draft, History, NewFigure, NewGrant, NewOverride, Patch, Step, run_with,
};
use headworks_core::life;
use headworks_core::record::{
    Category, Charge, Credits, Decision, Dimension, Event, GrantId, HoldId, Instant, Key, Label, Name, Once,
    Operation, Path, Record, Seq, Settings, Span, Use, chain,
};
use headworks_core::unblock;
use headworks_core::waterfall::{Authorize, Context, Live, Minimum, Quantities, Refusal, Request};

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect(text)
}

pub(crate) fn credits(text: &str) -> Credits {
    text.parse().expect(text)
}

pub(crate) fn at(text: &str) -> Instant {
    text.parse().expect(text)
}

pub(crate) fn catalog(text: &str) -> Catalog {
    Catalog::parse(text, Format::Toml).unwrap_or_else(|problems| panic!("{problems}"))
}

/// One account in one catalog, at one instant.
pub(crate) struct World {
    pub(crate) catalog: Catalog,
    pub(crate) account: Account,
    pub(crate) now: Instant,
    pub(crate) log: Vec<Record>,
    /// Whether meters that a test does not name are named with zero.
    pub(crate) fills: bool,
}

pub(crate) fn quantities(list: &[(&str, u64)]) -> Quantities {
    list.iter().map(|(meter, n)| (name(meter), *n)).collect()
}

/// What commands refer back to, among records in memory.
pub(crate) struct Log<'a>(pub(crate) &'a [Record]);

impl command::Log for Log<'_> {
    type Error = Infallible;

    fn record(&self, seq: Seq) -> Result<Option<Record>, Infallible> {
        Ok(self.0.iter().find(|r| r.seq == seq).cloned())
    }

    fn once(&self, once: Once) -> Result<Option<Record>, Infallible> {
        Ok(self.0.iter().find(|r| r.event.once() == Some(once)).cloned())
    }
}

pub(crate) fn release(hold: Seq) -> Command {
    Command::Release { hold: HoldId(hold) }
}

pub(crate) fn settle(hold: Seq, list: &[(&str, u64)]) -> Command {
    Command::settle(HoldId(hold), quantities(list))
}

pub(crate) fn void(grant: Seq) -> Command {
    Command::Void { grant: GrantId(grant), reason: None }
}

pub(crate) fn adjust(grant: Seq, by: &str) -> Command {
    Command::Adjust(Adjust { grant: GrantId(grant), by: credits(by), as_debt: false, reason: None })
}

/// Gives back an amount of a charge, or all of it.
pub(crate) fn refund(charge: Seq, amount: Option<&str>) -> Command {
    Command::Refund { charge, amount: amount.map(credits), reason: None }
}

pub(crate) fn correct(charge: Seq, to: &Correct) -> Command {
    Command::Correct { charge, to: to.clone(), reason: None }
}

/// Other quantities, at the prices that were charged.
pub(crate) fn to(list: &[(&str, u64)]) -> Correct {
    Correct::To { quantities: quantities(list), dimensions: None, more: None, reprice: false }
}

/// An override of the whole account's limit without an end; `none` lifts it.
pub(crate) fn overriding(limit: &str, value: &str) -> NewOverride {
    let figure = match value {
        "none" => NewFigure::Unlimited,
        value => NewFigure::Written(Label::new(value).expect(value)),
    };
    NewOverride { limit: name(limit), path: Path::default(), figure, until: None, reason: None }
}

/// What was asked, as it was decided.
pub(crate) fn asked(step: &Step) -> &Use {
    match step {
        Step::Count(usage, _) | Step::Deny(usage, _) => usage,
        Step::Append(draft) => {
            if let Event::Authorized { usage, .. } | Event::Extended { usage, .. } = &draft.event {
                return usage;
            }
            &draft.event.charge().expect("a charge").usage
        }
        Step::Needs(need) => panic!("{need:?}"),
    }
}

impl World {
    pub(crate) fn new(catalog_text: &str, plan: &str) -> Self {
        let mut world = Self {
            catalog: catalog(catalog_text),
            account: Account::empty(name("acme")),
            now: at("2026-06-01T12:00:00Z"),
            log: Vec::new(),
            fills: true,
        };
        let patch = Patch { plan: Some(name(plan)), ..Patch::default() };
        world.apply(Command::Open(patch)).expect("opens");
        world
    }

    /// The charge of the last record.
    pub(crate) fn charge(&self) -> &Charge {
        self.log.last().and_then(Record::charge).expect("a charge")
    }

    /// The charge of a record.
    pub(crate) fn charge_of(&self, seq: Seq) -> &Charge {
        self.log.iter().find(|r| r.seq == seq).and_then(Record::charge).expect("a charge")
    }

    pub(crate) fn ctx(&self) -> Context<'_> {
        Context::new(&self.account, &self.catalog, self.account.tick(self.now))
    }

    /// A command that names every meter of its feature: tests name those that they are about.
    fn naming_all(&self, command: &Command) -> Command {
        let mut command = command.clone();
        let fill = |feature: &Name, quantities: &mut Quantities| {
            let meters = self.catalog.feature(feature.as_str()).map_or(&[][..], |f| &f.meters);
            for meter in meters.iter().filter(|m| m.as_str() != "requests" && self.fills) {
                if !quantities.iter().any(|(named, _)| named == meter) {
                    quantities.push((meter.clone(), 0));
                }
            }
        };
        if let Command::Authorize(ask) = &mut command {
            fill(&ask.request.feature.clone(), &mut ask.request.quantities);
        } else if let Command::Settle { hold, quantities, .. } = &mut command {
            let held = self.log.iter().find(|r| r.seq == hold.0).map(|r| &r.event);
            if let Some(Event::Authorized { usage, .. }) = held {
                fill(&usage.feature, quantities);
            }
        }
        command
    }

    /// What comes of a command.
    pub(crate) fn run(&self, command: &Command) -> Result<Step, Refusal> {
        self.run_with(Live::default(), command)
    }

    /// What comes of a command, with what a running engine knows of it.
    pub(crate) fn run_with(&self, live: Live<'_>, command: &Command) -> Result<Step, Refusal> {
        let command = &self.naming_all(command);
        let ctx = Context { live: Some(live), ..self.ctx() };
        let Ok(step) = run_with(ctx, command, &mut History::new(), &Log(&self.log));
        step.map(|step| unblock::told(ctx, command, step))
    }

    /// What comes of a command, without what would unblock it.
    pub(crate) fn bare(&self, command: &Command) -> Result<Step, Refusal> {
        let Ok(step) = run_with(self.ctx(), command, &mut History::new(), &Log(&self.log));
        step
    }

    /// The record that a command makes.
    pub(crate) fn draft(&self, command: Command) -> Result<Draft, Refusal> {
        let step = self.run(&command)?;
        let Step::Append(draft) = step else { panic!("{step:?}") };
        Ok(*draft)
    }

    /// Folds the record that a command makes.
    pub(crate) fn apply(&mut self, command: Command) -> Result<Seq, Refusal> {
        // Use that has happened is known by its key.
        let operation = command.operation();
        let text = Label::new("recorded").expect("a label");
        let key = (operation == Operation::Record).then_some(Key { operation, text, digest: [0; 16] });
        let draft = self.draft(command)?;
        Ok(self.append_under(key, draft))
    }

    /// Does what is due, one thing after the other; tells what.
    pub(crate) fn due(&mut self) -> Vec<&'static str> {
        let mut done = Vec::new();
        while let Some(draft) = life::next(self.ctx()) {
            done.push(draft.event.kind());
            self.append(draft);
        }
        done
    }

    /// Lets the hold or grant with this number end by itself, at its deadline or now.
    pub(crate) fn expire(&mut self, id: Seq) {
        let hold = self.account.hold(HoldId(id)).map(|h| h.terms.deadline);
        let grant = self.account.grant(GrantId(id)).map(|g| g.terms.expires_at);
        self.now = self.now.max(hold.or(grant).expect("open"));
        let ends = |r: &Record| {
            let is_end = r.event.ends() == Some(HoldId(id)) || r.event == Event::GrantExpired(GrantId(id));
            is_end && life::wrote(&r.event)
        };
        while !self.log.last().is_some_and(ends) {
            let draft = life::next(self.ctx()).expect("it ends");
            self.append(draft);
        }
    }

    /// Folds a draft as the next record, through its bytes as a reader would.
    pub(crate) fn append(&mut self, draft: Draft) -> u64 {
        self.append_under(None, draft)
    }

    fn append_under(&mut self, key: Option<Key>, draft: Draft) -> u64 {
        let record = draft.into_record(&self.account, self.account.tick(self.now), key, None);
        let bytes = record.to_bytes();
        assert_eq!(Record::from_bytes(&bytes).expect("reads back"), record);
        let hash = chain(&self.account.chain, &bytes);
        self.account.apply(&record, hash).unwrap_or_else(|e| panic!("{e}: {record:?}"));
        self.account.check().unwrap_or_else(|e| panic!("{e} after {record:?}"));
        self.log.push(record);
        self.account.seq
    }

    pub(crate) fn pass(&mut self, span: &str) {
        self.now = self.now.after(span.parse::<Span>().expect(span));
    }

    pub(crate) fn settings(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.account.settings.clone();
        change(&mut settings);
        self.apply(Command::Change { patch: settings.into(), reason: None }).expect("changes");
    }

    pub(crate) fn grant(&mut self, amount: &str, category: Category) -> u64 {
        self.grant_with(amount, |g| g.category = category)
    }

    pub(crate) fn grant_with(&mut self, amount: &str, change: impl FnOnce(&mut NewGrant)) -> u64 {
        let mut new = NewGrant::new(credits(amount), Category::Purchased);
        change(&mut new);
        self.apply(Command::Grant(new)).expect("grants")
    }

    /// Asks, and folds what comes of it.
    pub(crate) fn ask(&mut self, ask: &Authorize) -> Decision {
        let before = self.account.clone();
        let step = self.run(&Command::Authorize(ask.clone())).unwrap_or_else(|e| panic!("{e}"));
        let decision = self.fold(step);
        if !decision.outcome.is_granted() {
            assert_eq!(self.account, before, "a denial changes nothing");
        }
        decision
    }

    /// Appends what was granted; tells the decision.
    pub(crate) fn fold(&mut self, step: Step) -> Decision {
        match step {
            Step::Count(_, decision) | Step::Deny(_, decision) => decision,
            Step::Append(draft) => {
                let decision = draft.event.decision().expect("a decision").clone();
                self.append(*draft);
                decision
            }
            Step::Needs(need) => panic!("{need:?}"),
        }
    }

    pub(crate) fn hold(&mut self, feature: &str, list: &[(&str, u64)]) -> Decision {
        self.ask(&ask(feature, list))
    }

    pub(crate) fn settle(&mut self, hold: u64, list: &[(&str, u64)]) -> Result<u64, Refusal> {
        self.apply(settle(hold, list))
    }

    pub(crate) fn available(&self) -> String {
        self.account.available(self.account.tick(self.now), None).to_string()
    }
}

pub(crate) fn ask(feature: &str, list: &[(&str, u64)]) -> Authorize {
    Authorize::new(Request::new(name(feature), quantities(list)))
}

impl AskExt for Authorize {}

/// Variations of a request, so that a row of a table says only what it is about.
pub(crate) trait AskExt: Into<Authorize> {
    fn on_path(self, path: &str) -> Authorize {
        let mut ask = self.into();
        ask.request.path = path.parse().expect(path);
        ask
    }

    fn with_consent(self) -> Authorize {
        let mut ask = self.into();
        ask.request.consented = true;
        ask
    }

    fn at_least(self, meter: &str, quantity: u64) -> Authorize {
        let mut ask = self.into();
        ask.minimum = Some(Minimum { meter: name(meter), quantity });
        ask
    }

    fn now(self) -> Authorize {
        let mut ask = self.into();
        ask.settle_now = true;
        ask
    }

    fn model(self, value: &str) -> Authorize {
        let mut ask = self.into();
        ask.request.dimensions.push(Dimension::new(name("model"), Label::new(value).expect(value)));
        ask
    }
}
