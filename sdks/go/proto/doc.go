// Package proto holds the messages and services by which a host talks to a plugin. They are made from
// the protocol files by the command in ../gen.
package proto
