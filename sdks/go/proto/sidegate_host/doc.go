// Package sidegate_host holds the service that Sidegate offers to its plugins beyond the original contract. It is
// made from the protocol files by the command in ../../gen.
package sidegate_host
