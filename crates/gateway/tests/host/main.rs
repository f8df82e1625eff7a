//! The plugin host with real processes: what fails and how it is told, and a good plugin's life.

mod bench;
mod failures;
mod life;
