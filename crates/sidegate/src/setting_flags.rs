//! The flags that set settings, made from the table so that none can be forgotten.
//!
//! It knows names only; values are checked where all layers come together.

use crate::config::layers::Flags;
use crate::config::raw::{Kind, SETTINGS};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use std::path::PathBuf;

/// `--config` and one flag a setting.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettingFlags(pub(crate) Flags);

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("PATH")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Settings file, TOML [env: SIDEGATE_CONFIG]");
        let flags = SETTINGS.iter().filter_map(|row| {
            let flag = row.flag()?;
            let default = match row.default {
                "" => String::new(),
                text => format!(" [default: {text}]"),
            };
            let help = format!("{} [env: {}]{default}", row.summary(), row.variable);
            let arg = Arg::new(row.variable).long(flag).value_name("VALUE").help(help);
            Some(match row.kind {
                Kind::Switch => arg.num_args(0..=1).default_missing_value("true"),
                _ => arg.allow_hyphen_values(true),
            })
        });
        command.next_help_heading("Settings").arg(file).args(flags)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Flags { file: matches.get_one("config").cloned(), ..Flags::default() };
        for row in SETTINGS.iter().filter(|row| row.flag().is_some()) {
            if let Some(text) = matches.get_one::<String>(row.variable) {
                flags.texts.insert(row.variable, text.clone());
            }
        }
        Ok(Self(flags))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
