// Package plugin_events holds the service that carries events between plugins and their host. It is
// made from the protocol files by the command in ../../gen.
package plugin_events
