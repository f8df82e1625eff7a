//! A contestant that runs: where it listens, which processes are the gateway and which are the
//! plugin behind it, and what the kernel says of them.

use crate::admin::Admin;
use crate::kernel::{cpu_ns, descendants, resident_kib};
use crate::program::Program;
use anyhow::Result;
use std::fs;
use std::net::SocketAddr;
use std::rc::Rc;

/// One of those that are compared.
#[derive(Debug)]
pub struct Contestant {
    /// How reports call it.
    pub name: String,
    /// Where clients connect.
    pub addr: SocketAddr,
    /// Tokens it knows, if it checks any; else one nobody looks at.
    pub tokens: Vec<String>,
    /// Its admin API, if it has one.
    pub admin: Option<Admin>,
    /// What stands in front.
    pub gateway: Program,
    /// What stands behind, where the gateway does not start it itself; others may share it.
    pub backend: Option<Rc<Program>>,
}

/// What gateway and plugin have used so far, or hold now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Of the gateway.
    pub gateway: u64,
    /// Of the plugin, or whatever stands for it.
    pub plugin: u64,
}

impl Account {
    /// What came on top since `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            gateway: self.gateway.saturating_sub(before.gateway),
            plugin: self.plugin.saturating_sub(before.plugin),
        }
    }
}

impl Contestant {
    /// A token; the first where there are many.
    pub fn token(&self) -> Option<&str> {
        self.tokens.first().map(String::as_str)
    }

    /// The processes of the gateway itself.
    pub fn gateway_pids(&self) -> Vec<u32> {
        let family = self.gateway.family();
        family.into_iter().filter(|pid| self.backend.is_some() || !is_plugin(*pid)).collect()
    }

    /// The processes behind it.
    pub fn plugin_pids(&self) -> Vec<u32> {
        match &self.backend {
            Some(backend) => backend.family(),
            None => descendants(self.gateway.pid()).into_iter().filter(|p| is_plugin(*p)).collect(),
        }
    }

    /// Processor time in nanoseconds.
    ///
    /// # Errors
    /// When a process has ended.
    pub fn cpu(&self) -> Result<Account> {
        self.account(cpu_ns)
    }

    /// Resident memory in KiB. Only the processes that serve count, no guard and no master.
    ///
    /// # Errors
    /// When a process has ended.
    pub fn resident(&self) -> Result<Account> {
        self.account(resident_kib)
    }

    fn account(&self, of: fn(u32) -> Result<u64>) -> Result<Account> {
        let sum = |pids: Vec<u32>| pids.into_iter().map(of).sum::<Result<u64>>();
        Ok(Account { gateway: sum(self.gateway_pids())?, plugin: sum(self.plugin_pids())? })
    }
}

/// Whether it is one of the plugins that are measured. The kernel keeps 15 characters of a name.
fn is_plugin(pid: u32) -> bool {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name = name.trim_end();
    ["bench-plugin", "bench-tonic-plugin", "sidegate-plugin-mcp"]
        .iter()
        .any(|known| known.get(..15).unwrap_or(known) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_a_difference_that_is_never_negative() {
        let before = Account { gateway: 10, plugin: 5 };
        let after = Account { gateway: 25, plugin: 4 };
        assert_eq!(after.since(before), Account { gateway: 15, plugin: 0 });
    }
}
