//! `sidegate user`: who signs in to the console, and what they may do there. A password is never an argument, which every
//! process of the machine could read: it is made here and shown once, or read from the standard input.
//!
//! It asks the admin API; it keeps no password.

use super::named::{Asking, One, ROLES};
use crate::error::Failure;
use crate::output::{Column, Output, json, print};
use clap::{Args, Subcommand};
use sidegate_api::resource::Resource;
use sidegate_api::user::{PasswordFields, UserAttributes, UserChangeFields, UserFields};
use sidegate_model::role::Role;
use sidegate_model::token::{CONSOLE_PREFIX, NewToken};
use std::io::Read as _;

type User = Resource<UserAttributes>;

/// Longest input that is read for a password, in bytes.
const MAX_INPUT: u64 = 4096;
/// Characters of a password that is made here, each of 6 random bits.
const MADE_CHARS: usize = 24;

const COLUMNS: &[Column<User>] = &[
    ("ID", |user| user.id.clone()),
    ("NAME", |user| user.attributes.name.clone()),
    ("ROLE", |user| user.attributes.role.to_string()),
    ("STATE", state),
    ("LAST SIGNED IN", |user| {
        user.attributes.last_signed_in_at.clone().unwrap_or_else(|| "never".to_owned())
    }),
];

const FIELDS: &[Column<User>] = &[
    ("id", |user| user.id.clone()),
    ("name", |user| user.attributes.name.clone()),
    ("role", |user| user.attributes.role.to_string()),
    ("state", state),
];

fn state(user: &User) -> String {
    match (user.attributes.enabled, user.attributes.has_password) {
        (false, _) => "disabled",
        (true, false) => "without a password",
        (true, true) => "enabled",
    }
    .to_owned()
}

/// Manage who signs in to the console
///
/// Roles are those of admin tokens: a viewer reads, an operator runs what is there, an admin also decides which code runs
/// and who rules. Needs the role admin.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(Create),
    /// List users
    List(Asking),
    /// Give a user another password, which ends their sessions
    Password(Password),
    Role(SetRole),
    /// Let a user sign in no more, and end their sessions
    Disable(One),
    /// Let a user sign in again
    Enable(One),
    /// Forget a user, and end their sessions
    Delete(One),
}

/// Register a user; their password is made here and shown this one time, unless it is given
#[derive(Debug, Args)]
struct Create {
    /// By which they sign in: 1 to 64 characters from a-z, 0-9 and ._@+-
    name: String,
    /// What they may do
    #[arg(long, value_parser = ROLES)]
    role: String,
    /// Read the password from the standard input, one line of 12 to 256 characters
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Debug, Args)]
struct Password {
    #[command(flatten)]
    one: One,
    /// Read the password from the standard input, one line of 12 to 256 characters; else one is made and shown
    #[arg(long)]
    password_stdin: bool,
}

/// Change what a user may do; counts at once, also where they are signed in
#[derive(Debug, Args)]
struct SetRole {
    #[command(flatten)]
    one: One,
    /// What they may do
    #[arg(value_parser = ROLES)]
    role: String,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        Action::Create(create) => create_user(create).await,
        Action::List(asking) => asking.list(COLUMNS).await,
        Action::Password(password) => set_password(password).await,
        Action::Role(SetRole { one, role }) => {
            let role = Role::parse(role).map(Into::into);
            change(one, &UserChangeFields { role, ..UserChangeFields::default() }).await
        }
        Action::Disable(one) => switch(one, false).await,
        Action::Enable(one) => switch(one, true).await,
        Action::Delete(one) => one.delete::<UserAttributes>().await,
    }
}

async fn switch(one: &One, enabled: bool) -> Result<(), Failure> {
    change(one, &UserChangeFields { enabled: Some(enabled), ..UserChangeFields::default() }).await
}

async fn change(one: &One, fields: &UserChangeFields) -> Result<(), Failure> {
    let (api, user) = one.find::<UserAttributes>().await?;
    let user: User = api.patch(&format!("users/{}", user.id), fields).await?;
    one.asking.output.one(&user, FIELDS)
}

async fn create_user(create: &Create) -> Result<(), Failure> {
    let api = create.asking.client()?;
    let password = given_or_made(create.password_stdin)?;
    let fields = UserFields {
        name: Some(create.name.clone()),
        role: Role::parse(&create.role).map(Into::into),
        enabled: None,
        password: Some(password.text.clone()),
    };
    let when_taken = "choose another name, or look at who has it: `sidegate user list`";
    let user: User = api.create("users", &fields, when_taken).await?;
    show(&user, &password, &create.asking.output)
}

async fn set_password(set: &Password) -> Result<(), Failure> {
    let (api, user) = set.one.find::<UserAttributes>().await?;
    let password = given_or_made(set.password_stdin)?;
    let fields = PasswordFields { password: Some(password.text.clone()), current_password: None };
    let user: User = api.post(&format!("users/{}/password", user.id), &fields).await?;
    show(&user, &password, &set.one.asking.output)
}

/// A password, and whether the person knows it already.
struct Given {
    text: String,
    is_made: bool,
}

fn given_or_made(from_stdin: bool) -> Result<Given, Failure> {
    if !from_stdin {
        let random = NewToken::generate_console();
        let random = random.map_err(|e| Failure::failed(format!("no randomness: {e}")))?;
        let text = random.reveal().trim_start_matches(CONSOLE_PREFIX);
        return Ok(Given { text: text.chars().take(MADE_CHARS).collect(), is_made: true });
    }
    let mut text = String::new();
    let read = std::io::stdin().lock().take(MAX_INPUT).read_to_string(&mut text);
    read.map_err(|e| Failure::failed(format!("the standard input cannot be read: {e}")))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.contains(['\n', '\r']) {
        return Err(Failure::usage("give the password in one line of the standard input"));
    }
    Ok(Given { text: text.to_owned(), is_made: false })
}

/// A user with the password that was made for them, which nobody sees again.
fn show(user: &User, password: &Given, output: &Output) -> Result<(), Failure> {
    if !password.is_made {
        return output.one(user, FIELDS);
    }
    if output.is_quiet() {
        return print(&format!("{}\n", password.text));
    }
    if output.is_json() {
        let value = serde_json::json!({ "user": user, "password": password.text });
        return json(&value);
    }
    output.one(user, FIELDS)?;
    print(&format!("password  {}\n", password.text))?;
    eprintln!("Keep the password now: it is not stored and cannot be shown again.");
    Ok(())
}
