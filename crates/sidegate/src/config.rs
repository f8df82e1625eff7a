//! The settings, in reading order: [`raw`] is the table of all there are, [`layers`] finds what
//! was said about them and where, [`resolved`] says what it means (with [`reader`], which reads single
//! texts; [`edge`] has those of an edge, [`control`] those of a control plane, [`console`] those of the console), [`others`] names what is heeded and is no setting, [`reference`] prints the manual.
//! Nothing outside this folder reads the environment or a settings file.

mod console;
mod console_oidc;
pub(crate) mod control;
pub(crate) mod edge;
mod kind;
pub(crate) mod layers;
pub(crate) mod legacy;
pub(crate) mod levels;
pub(crate) mod others;
pub(crate) mod raw;
mod reader;
pub(crate) mod reference;
pub(crate) mod resolved;
mod role;
mod secret;
