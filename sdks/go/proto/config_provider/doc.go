// Package config_provider holds the service that tells what a plugin is before it is initialized. It
// is made from the protocol files by the command in ../../gen.
package config_provider
