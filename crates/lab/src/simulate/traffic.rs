//! Traffic: clients, and their requests over time.

use headworks_core::record::Name;
use headworks_terminal::Failed;

/// One request of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Traced {
    /// Arrival, in microseconds from the beginning.
    pub(crate) at: u64,
    /// Place in the list of clients.
    pub(crate) client: usize,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
}

/// A client of a trace: an account of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) name: Name,
    /// Its plan; `None`: the catalog's default.
    pub(crate) plan: Option<Name>,
    /// Its class in supplies; `None`: the plan's.
    pub(crate) class: Option<Name>,
    /// The identity it shares with others.
    pub(crate) cluster: Option<Name>,
    pub(crate) weight: u32,
}

impl Client {
    pub(crate) fn new(name: Name) -> Self {
        Self { name, plan: None, class: None, cluster: None, weight: 1 }
    }
}

/// All requests, by arrival.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) clients: Vec<Client>,
    pub(crate) requests: Vec<Traced>,
}

pub(crate) fn name(text: &str) -> Result<Name, Failed> {
    Name::new(text).map_err(|e| format!("`{text}`: {e}").into())
}
