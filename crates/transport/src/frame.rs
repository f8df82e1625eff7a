//! The prefix before each gRPC message.
