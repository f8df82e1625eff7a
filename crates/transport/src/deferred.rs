//! A stream whose small writes leave together.
