package pagetest

import (
	"os"
	"testing"
)

// need is something that a machine may lack: a file, by its path.
type need struct {
	path string
	// or names the environment variable that names another place.
	or string
	// required names the environment variable that makes it a failure where it is missing, as in CI.
	required string
}

var (
	// theGateway is the program, as it was built beside this SDK.
	theGateway = need{"../../../target/debug/sidegate", "SIDEGATE_BIN", "SIDEGATE_REQUIRE_GATEWAY"}
	// thePage is the page whose listings are tested.
	thePage = need{"../../../../shared/seed/custom-endpoint-plugins.txt", "SIDEGATE_PAGE", "SIDEGATE_REQUIRE_PAGE"}
)

// orSkip tells where it is. Where it is missing the test is skipped, or fails where it is required.
func (n need) orSkip(t *testing.T) string {
	t.Helper()
	path := os.Getenv(n.or)
	if path == "" {
		path = n.path
	}
	_, err := os.Stat(path)
	if !os.IsNotExist(err) {
		return path
	}
	if _, isRequired := os.LookupEnv(n.required); isRequired {
		t.Fatalf("there is no %s, but %s is set; %s may name another place", path, n.required, n.or)
	}
	t.Skipf("SKIPPED: there is no %s; with %s=1 this is a failure; %s may name another place", path, n.required, n.or)
	return ""
}
