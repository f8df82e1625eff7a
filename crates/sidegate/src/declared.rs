//! Configuration as code: what a file says that there shall be, what of it is different from what there is, and
//! what is to be done about it.
//!
//! Reading order: [`fields`] (what a file can say, in one table), [`yaml`] and [`node`] (texts to values that
//! know their line), [`sources`] (files and folders to texts), [`document`] (values to things, with all that is wrong),
//! [`secrets`] (references), [`names`] (which fields a file names), [`merge`] (three ways to one), [`live`] (what there is), [`steps`] and [`plan`] (what is to be done), [`applied`] and [`records`] (what is remembered),
//! [`plan_text`] (for people), [`carry_out`] (the steps, done), [`schema`] (the table as a JSON Schema), [`write`] (things to a text).
//!
//! All but [`live`], [`records`] and [`carry_out`] ask nobody.

pub(crate) mod applied;
pub(crate) mod carry_out;
pub(crate) mod document;
pub(crate) mod fields;
pub(crate) mod live;
pub(crate) mod merge;
pub(crate) mod names;
pub(crate) mod node;
pub(crate) mod plan;
pub(crate) mod plan_text;
pub(crate) mod records;
pub(crate) mod schema;
pub(crate) mod secrets;
pub(crate) mod sources;
pub(crate) mod steps;
pub(crate) mod write;
pub(crate) mod yaml;
