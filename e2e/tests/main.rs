//! All stories, as one program.
mod errors;
