//! Endpoint calls, as both ends of the socket know them: how they are named, and how much of one may
//! be on its way before it is read.

/// The method of a call with one answer.
pub const UNARY_PATH: &str = "/plugin.PluginService/HandleEndpointRequest";

/// The method of a call whose answer is a stream of chunks.
pub const STREAM_PATH: &str = "/plugin.PluginService/HandleEndpointRequestStream";

/// What the plugin takes of one request, in bytes.
pub const REQUEST_WINDOW_BYTES: u32 = 4 << 20;

/// What the plugin takes of all requests of one connection, in bytes: so much that a handler which does
/// not read never holds up the others.
pub const CONNECTION_WINDOW_BYTES: u32 = 1 << 30;

/// What the gateway takes of one unary answer, in bytes: whole ones are read at once.
pub const UNARY_WINDOW_BYTES: u32 = 4 << 20;

/// What the gateway takes of one stream, in bytes: one that nobody reads takes no more memory than this.
pub const STREAM_WINDOW_BYTES: u32 = 64 << 10;
