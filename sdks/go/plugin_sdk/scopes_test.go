package plugin_sdk_test

import (
	"testing"

	"sidegate.dev/sdk/plugin_sdk"
)

func TestScopesAreNamedAsTheHostReadsThem(t *testing.T) {
	if got := plugin_sdk.RequiredScopes("files.read", "x")["scopes_required"]; got != "files.read,x" {
		t.Errorf("metadata: %q", got)
	}
	if got := plugin_sdk.RequiredScopes(); got != nil {
		t.Errorf("metadata of no scopes: %v", got)
	}
}
