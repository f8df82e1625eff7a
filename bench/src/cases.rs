//! The cases. Each takes contestants, or starts its own where what ran before would show, and gives
//! what it measured.

pub mod calls;
pub mod idle;
pub mod jwt;
pub mod logged;
pub mod mcp_call;
pub mod mcp_sessions;
pub mod reload;
pub mod scale;
pub mod shards;
pub mod stalled;
pub mod streams;
pub mod unary;
