//! Where commands print: a reader that has enough and closes the pipe ends the command quietly.
//!
//! O1 no command panics when its output is closed (`a_closed_pipe_ends_a_command_quietly`).

use std::fmt::Arguments;
use std::io::{ErrorKind, Result, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::outcome::Outcome;

static IS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Standard output. A write after the reader has closed it is an error like any other; [`exit`] is quiet about it.
pub struct Output;

impl Output {
    fn noting<T>(result: Result<T>) -> Result<T> {
        if result.as_ref().is_err_and(|e| e.kind() == ErrorKind::BrokenPipe) {
            IS_CLOSED.store(true, Ordering::Relaxed);
        }
        result
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        Self::noting(std::io::stdout().write(bytes))
    }

    fn flush(&mut self) -> Result<()> {
        Self::noting(std::io::stdout().flush())
    }
}

/// Prints a text as it is.
///
/// # Errors
/// When standard output is closed.
pub fn print(text: Arguments<'_>) -> Outcome {
    Output.write_fmt(text)?;
    Ok(Output.flush()?)
}

/// Reports progress on standard error, beside the answer. A closed one changes nothing.
pub fn remark(text: Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// How the process ends: with the status of one that a closed pipe has ended, where that is why.
pub fn exit(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // 128 + SIGPIPE, as shells count.
        Err(_) if IS_CLOSED.load(Ordering::Relaxed) => ExitCode::from(141),
        Err(e) => {
            remark(format_args!("headworks: {e}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints a line of the answer.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => {
        $crate::output::print(format_args!("{}\n", format_args!($($text)*)))
    };
}

/// Prints a part of the answer, without a new line behind it.
#[macro_export]
macro_rules! say_part {
    ($($text:tt)*) => {
        $crate::output::print(format_args!($($text)*))
    };
}

/// Reports progress on standard error.
#[macro_export]
macro_rules! tell {
    ($($text:tt)*) => {
        $crate::output::remark(format_args!($($text)*))
    };
}
