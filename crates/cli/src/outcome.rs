//! How a command ends.

/// Why something failed: a message for people.
pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;

/// What a command ends with.
pub(crate) type Outcome = Result<(), Failed>;
