package pagetest

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// listing is a piece of Go on the page: what is between two lines of its prose.
type listing struct {
	// after and until are how these two lines begin.
	after, until string
}

// listings are all of them.
var listings = map[string]listing{
	"interface":    {"Step 1: Implement CustomEndpointHandler Interface", "Step 2: Register Your Endpoints"},
	"registration": {"Declare which paths and HTTP methods your plugin handles:", "Registration Options:"},
	"unary":        {"For standard request/response:", "Streaming (SSE) Endpoints"},
	"stream":       {"For Server-Sent Events or MCP Streamable HTTP:", "Chunk Protocol:"},
	"access":       {"The recommended pattern for per-app access control", "Route Matching"},
	"paths":        {"Recommended: Register a single /* catch-all", "MCP Streamable HTTP Support"},
	"mcp":          {"MCP Proxy Plugin Pattern", "The gateway is a transparent pipe"},
	"webhook":      {"Complete Example: Webhook Receiver", "Lifecycle Management"},
}

// beginsGo is how top-level Go begins.
var beginsGo = regexp.MustCompile(`^(package|import|func|type|var|const) `)

// readListings returns the text of every listing.
func readListings(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(thePage.orSkip(t))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	taken := make([]bool, len(lines))
	found := map[string]string{}
	for name, listing := range listings {
		from := only(t, lines, name, listing.after) + 1
		to := from
		for to < len(lines) && !strings.HasPrefix(lines[to], listing.until) {
			taken[to] = true
			to++
		}
		if to == len(lines) {
			t.Fatalf("listing %q: no line after it begins with %q any more", name, listing.until)
		}
		found[name] = strings.Join(lines[from:to], "\n")
	}
	for i, line := range lines {
		if !taken[i] && beginsGo.MatchString(line) {
			t.Errorf("line %d of the page is Go, but in no listing: %s", i+1, line)
		}
	}
	return found
}

// only is the number of the one line that begins so.
func only(t *testing.T, lines []string, name, prefix string) int {
	t.Helper()
	found := -1
	for i, line := range lines {
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		if found >= 0 {
			t.Fatalf("listing %q: lines %d and %d of the page both begin with %q", name, found+1, i+1, prefix)
		}
		found = i
	}
	if found < 0 {
		t.Fatalf("listing %q: no line of the page begins with %q any more", name, prefix)
	}
	return found
}

// program is a plugin made of listings, and of what the page leaves to the reader: the files of
// testdata/{name}.
type program struct {
	listings []string
	// imports are what the listings use. Empty for a listing that is a whole file.
	imports []string
	// end is put at the end of the listing's file.
	end string
}

const (
	importSDK   = `"github.com/TykTechnologies/midsommar/v2/pkg/plugin_sdk"`
	importProto = `pb "github.com/TykTechnologies/midsommar/v2/proto"`
	importGRPC  = `"google.golang.org/grpc"`
)

var programs = map[string]program{
	"interface": {listings: []string{"interface"}, imports: []string{importProto, importGRPC}},
	"unary":     {listings: []string{"unary"}, imports: []string{importSDK, importProto}},
	"stream": {
		listings: []string{"registration", "stream"},
		imports:  []string{importSDK, importProto, importGRPC, `"fmt"`, `"time"`},
	},
	"access": {listings: []string{"access"}, imports: []string{importSDK, importProto, `"strings"`}},
	"paths":  {listings: []string{"paths"}, imports: []string{importProto}},
	"mcp": {
		listings: []string{"mcp"},
		imports:  []string{importSDK, importProto, importGRPC, `"encoding/json"`, `"fmt"`, `"strings"`, `"sync"`},
	},
	// What the page describes without a listing of its own.
	"echo": {end: "package main\n"},
	// The page imports a package that it does not use.
	"webhook": {listings: []string{"webhook"}, end: "\nvar _ = json.Marshal\n"},
}

// importPaths are what an author changes: the page's paths and this SDK's.
var importPaths = strings.NewReplacer(
	"github.com/TykTechnologies/midsommar/v2/pkg/plugin_sdk", "sidegate.dev/sdk/plugin_sdk",
	"github.com/TykTechnologies/midsommar/v2/pkg/ai_studio_sdk", "sidegate.dev/sdk/ai_studio_sdk",
	"github.com/TykTechnologies/midsommar/v2/proto", "sidegate.dev/sdk/proto",
)

// source is the file with the page's part of a program.
func (p program) source(listings map[string]string) string {
	var text strings.Builder
	if len(p.imports) > 0 {
		text.WriteString("package main\n\nimport (\n" + strings.Join(p.imports, "\n") + "\n)\n")
	}
	for _, name := range p.listings {
		text.WriteString("\n" + listings[name] + "\n")
	}
	return importPaths.Replace(text.String()) + p.end
}
