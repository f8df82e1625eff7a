// Package ai_studio_management holds the service that a plugin asks where it runs for its page. It is made from the
// protocol files by the command in ../../gen.
package ai_studio_management
