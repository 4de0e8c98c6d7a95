//! How a command ends.

/// Why something failed: a message for people.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// What a command ends with.
pub type Outcome = Result<(), Failed>;
