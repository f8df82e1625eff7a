//! Serves the provider, and makes what its configuration keeps of passwords and secrets.

use std::io::Read as _;
use std::process::ExitCode;

use sidegate_sdk::{Error, Result};

const USAGE: &str = "\
usage: sidegate-plugin-oidc hash-password   reads a password from stdin, prints what is kept of it
       sidegate-plugin-oidc new-secret      prints a new secret of a client and what is kept of it
       sidegate-plugin-oidc                 serves the gateway that started it";
/// No password is longer.
const MOST_PASSWORD: u64 = 1024;

#[tokio::main]
async fn main() -> ExitCode {
    let word = std::env::args().nth(1);
    let done = match word.as_deref() {
        None => sidegate_plugin_oidc::plugin().serve().await,
        Some("hash-password") => hash_password(),
        Some("new-secret") => new_secret(),
        Some(_) => Err(Error::new(USAGE)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// From stdin: arguments are seen by everybody on the machine.
fn hash_password() -> Result<()> {
    let mut password = String::new();
    std::io::stdin().take(MOST_PASSWORD + 2).read_to_string(&mut password)?;
    let password = password.strip_suffix('\n').unwrap_or(&password);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() || password.len() as u64 > MOST_PASSWORD {
        return Err(Error::new("the password on stdin must have 1 to 1024 bytes"));
    }
    println!("{}", sidegate_plugin_oidc::password_hash(password)?);
    Ok(())
}

fn new_secret() -> Result<()> {
    let (secret, hash) = sidegate_plugin_oidc::client_secret()?;
    println!("secret, for the application: {secret}\nsecret_hash, for the plugin: {hash}");
    Ok(())
}
