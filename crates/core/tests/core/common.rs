//! A small world: one account that is fed operations and folded.

use headworks_core::account::Account;
use headworks_core::audit::replay::decision_of;
use headworks_core::catalog::{Catalog, Format};
use headworks_core::operation::{
    self, Authorize, Context, Decided, Draft, Minimum, NewGrant, Refusal, Request,
};
use headworks_core::record::{
    Category, Credits, Decision, Dimension, HoldId, Instant, Label, Name, Record, Settings, Span, chain,
};

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
}

pub(crate) fn quantities(list: &[(&str, u64)]) -> smallvec::SmallVec<[(Name, u64); 3]> {
    list.iter().map(|(meter, n)| (name(meter), *n)).collect()
}

impl World {
    pub(crate) fn new(catalog_text: &str, plan: &str) -> Self {
        let mut world = Self {
            catalog: catalog(catalog_text),
            account: Account::empty(name("acme")),
            now: at("2026-06-01T12:00:00Z"),
            log: Vec::new(),
        };
        let settings = Settings::new(name(plan), world.now);
        let draft = operation::open(world.ctx(), settings).expect("opens");
        world.append(draft);
        world
    }

    pub(crate) fn ctx(&self) -> Context<'_> {
        Context::new(&self.account, &self.catalog, self.account.tick(self.now))
    }

    /// Folds a draft as the next record, through its bytes as a reader would.
    pub(crate) fn append(&mut self, draft: Draft) -> u64 {
        let record = draft.into_record(&self.account, self.account.tick(self.now), None, None);
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
        let draft = operation::change(self.ctx(), settings, None).expect("changes");
        self.append(draft);
    }

    pub(crate) fn grant(&mut self, amount: &str, category: Category) -> u64 {
        self.grant_with(amount, |g| g.category = category)
    }

    pub(crate) fn grant_with(&mut self, amount: &str, change: impl FnOnce(&mut NewGrant)) -> u64 {
        let mut new = NewGrant::new(credits(amount), Category::Purchased);
        change(&mut new);
        let draft = operation::grant(self.ctx(), &new).expect("grants");
        self.append(draft)
    }

    /// Asks, and folds what comes of it.
    pub(crate) fn ask(&mut self, ask: &Authorize) -> Decision {
        let before = self.account.clone();
        let decided = operation::authorize(self.ctx(), ask).unwrap_or_else(|e| panic!("{e}"));
        let decision = self.fold(decided);
        if !decision.outcome.is_granted() {
            assert_eq!(self.account, before, "a denial changes nothing");
        }
        decision
    }

    /// Appends what was granted; tells the decision.
    pub(crate) fn fold(&mut self, decided: Decided) -> Decision {
        match decided {
            Decided::Counted(_, decision) | Decided::Denied(_, decision) => decision,
            Decided::Granted(draft) => {
                let decision = decision_of(&draft.event).expect("a decision").clone();
                self.append(*draft);
                decision
            }
        }
    }

    pub(crate) fn hold(&mut self, feature: &str, list: &[(&str, u64)]) -> Decision {
        self.ask(&ask(feature, list))
    }

    pub(crate) fn settle(&mut self, hold: u64, list: &[(&str, u64)]) -> Result<u64, Refusal> {
        let draft = operation::settle(self.ctx(), HoldId(hold), &quantities(list))?;
        Ok(self.append(draft))
    }

    pub(crate) fn available(&self) -> String {
        self.account.available(self.account.tick(self.now), None).to_string()
    }
}

pub(crate) fn ask(feature: &str, list: &[(&str, u64)]) -> Authorize {
    Authorize {
        request: Request {
            feature: name(feature),
            path: headworks_core::record::Path::default(),
            dimensions: smallvec::SmallVec::new(),
            quantities: quantities(list),
            consented: false,
        },
        minimum: None,
        life: None,
        settle_now: false,
    }
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
        ask.request
            .dimensions
            .push(Dimension { name: name("model"), value: Label::new(value).expect(value) });
        ask
    }
}
