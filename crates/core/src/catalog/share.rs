//! A share of all accounts, chosen by a hash of a name and the account: always the same ones, and others for another name.

use crate::record::Name;

/// In percent, 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share(u8);

impl Share {
    pub(super) const NONE: Self = Self(0);

    /// So many percent.
    pub(super) fn percent(percent: u8) -> Self {
        Self(percent.min(100))
    }

    pub(super) fn in_percent(self) -> u8 {
        self.0
    }

    /// Whether an account is among those chosen for a name.
    pub(crate) fn has(self, name: &Name, account: &Name) -> bool {
        match self.0 {
            100.. => true,
            0 => false,
            percent => {
                let mut hasher = blake3::Hasher::new();
                hasher.update(name.as_str().as_bytes()).update(&[0]).update(account.as_str().as_bytes());
                let [first, second, ..] = *hasher.finalize().as_bytes();
                // Of 65,536 equally likely values.
                u32::from(u16::from_be_bytes([first, second])) < u32::from(percent) * 65_536 / 100
            }
        }
    }
}
