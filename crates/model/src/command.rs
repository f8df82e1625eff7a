//! The command: how a plugin is reached, as an operator writes it.

use std::path::PathBuf;

/// Most addresses of one running plugin.
const MAX_ADDRESSES: usize = 64;

/// How a plugin is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `file:///absolute/path`: a program the gateway starts.
    File(PathBuf),
    /// `grpc://host:port[,host:port…]`: a plugin that runs already, at one or more addresses.
    Remote(Vec<String>),
}

/// A command that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCommand {
    /// No form this gateway knows.
    #[error(
        "command {0:?} is not supported: use file:///absolute/path/to/program, or grpc://host:port for one that runs already"
    )]
    Form(String),
    /// A relative path.
    #[error("command {0:?} is not absolute: use file:///absolute/path/to/program")]
    Relative(String),
    /// Something that could mean another file than it says.
    #[error("command {0:?} contains '..' or a control character: give the plain absolute path")]
    Suspicious(String),
    /// No address.
    #[error(
        "command {0:?} has an address that is not host:port: use grpc://host:port, several with commas between"
    )]
    Address(String),
}

impl Command {
    /// Reads a command: `file:///abs/path`, the bare absolute path, or `grpc://host:port`.
    ///
    /// # Errors
    /// [`InvalidCommand`] names the command and the accepted form.
    ///
    /// ```
    /// use sidegate_model::command::Command;
    /// assert_eq!(Command::parse("file:///opt/p"), Ok(Command::File("/opt/p".into())));
    /// assert_eq!(Command::parse("grpc://a:1"), Ok(Command::Remote(vec!["a:1".into()])));
    /// assert!(Command::parse("relative/p").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, InvalidCommand> {
        let shown = || text.chars().take(200).collect::<String>();
        if text.len() > 1024 {
            return Err(InvalidCommand::Form(shown()));
        }
        let path = match text.split_once("://") {
            Some(("file", path)) => path,
            Some(("grpc", addresses)) => {
                return addresses_of(addresses).ok_or_else(|| InvalidCommand::Address(shown()));
            }
            Some(_) => return Err(InvalidCommand::Form(shown())),
            None => text,
        };
        if path.is_empty() {
            return Err(InvalidCommand::Form(shown()));
        }
        if path.chars().any(char::is_control) || path.split('/').any(|part| part == "..") {
            return Err(InvalidCommand::Suspicious(shown()));
        }
        if !path.starts_with('/') {
            return Err(InvalidCommand::Relative(shown()));
        }
        Ok(Self::File(PathBuf::from(path)))
    }
}

fn addresses_of(text: &str) -> Option<Command> {
    let addresses: Vec<_> = text.split(',').map(str::to_owned).collect();
    let fine = addresses.len() <= MAX_ADDRESSES && addresses.iter().all(|a| is_address(a));
    fine.then_some(Command::Remote(addresses))
}

fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let host_ok = match inner {
        Some(ip) => ip.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            (1..=253).contains(&host.len()) && host.bytes().all(allowed)
        }
    };
    host_ok && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_absolute_files_or_addresses_and_nothing_else() {
        assert_eq!(Command::parse("/opt/p"), Ok(Command::File("/opt/p".into())));
        for bad in
            ["", "file://", "file://rel/p", "p", "http://x/y", "file:///a/../b", "file:///a\nb"]
        {
            assert!(Command::parse(bad).is_err(), "{bad}");
        }
        let several = Command::Remote(vec!["a.b:1".into(), "[::1]:2".into()]);
        assert_eq!(Command::parse("grpc://a.b:1,[::1]:2"), Ok(several));
        for bad in ["", "a", "a:0", "a:b", "a:1,", "a/b:1", "::1:2"] {
            let command = format!("grpc://{bad}");
            let refused = Command::parse(&command);
            assert!(matches!(refused, Err(InvalidCommand::Address(_))), "{bad}");
        }
    }
}
