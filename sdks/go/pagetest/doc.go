// Package pagetest tests that the Go listings of the page about custom endpoint plugins compile against
// this SDK and run under the gateway. The listings are read from the page when the test runs.
package pagetest

// Imported so that a change of the SDK makes remembered test results invalid.
import _ "sidegate.dev/sdk/plugin_sdk"
