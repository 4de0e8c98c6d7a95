//! How a command ends.

/// Why something failed: a message for people.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// The result of a command.
pub type Outcome = Result<(), Failed>;
