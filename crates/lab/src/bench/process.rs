//! Processes that measurements start on loopback, each of which ends with its value.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};

use headworks_terminal::Failed;

/// A process that ends with this value.
pub(super) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, and that is seen elsewhere.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// This binary, for a process of its own.
pub(super) fn headworks() -> Result<Command, Failed> {
    Ok(Command::new(std::env::current_exe()?))
}

/// The address of loopback that a line of a log names.
fn address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("127.0.0.1:")?;
    let port = rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    Some((Ipv4Addr::LOCALHOST, port).into())
}

impl Running {
    /// Starts a command that listens on loopback, and waits until its log says where.
    pub(super) fn start(command: &mut Command) -> Result<(Self, SocketAddr), Failed> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut running = Self(child);
        let mut log = BufReader::new(running.0.stderr.take().ok_or("no log")?);
        let mut all = String::new();
        let address = loop {
            let from = all.len();
            if log.read_line(&mut all)? == 0 {
                return Err(format!("{:?} ended at once: {all}", command.get_program()).into());
            }
            if let Some(address) = all.get(from..).and_then(address) {
                break address;
            }
        };
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Ok((running, address))
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }
}
