package pagetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// build compiles every program of the page and returns the folder with the binaries.
func build(t *testing.T) string {
	t.Helper()
	listings := readListings(t)
	sources := map[string]string{}
	for name, program := range programs {
		beside, err := os.ReadFile(filepath.Join("testdata", name, "beside.go"))
		if err != nil {
			t.Fatal(err)
		}
		sources[filepath.Join(name, "page.go")] = program.source(listings)
		sources[filepath.Join(name, "beside.go")] = importPaths.Replace(string(beside))
	}
	return compile(t, sources)
}

// compile compiles programs as an author would, in a module of their own: path and content of their
// files.
func compile(t *testing.T, sources map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	sdk, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	// The versions are the SDK's own, so that nothing has to be resolved.
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile("../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	sources["go.sum"] = string(sum)
	sources["go.mod"] = strings.Replace(string(mod), "module sidegate.dev/sdk", "module page", 1) +
		"\nrequire sidegate.dev/sdk v0.0.0\n\nreplace sidegate.dev/sdk => " + sdk + "\n"
	for path, content := range sources {
		path = filepath.Join(folder, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(folder, "bin")
	command := exec.Command("go", "build", "-mod=mod", "-o", bin+string(filepath.Separator), "./...")
	command.Dir = folder
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("it does not compile: %v\n%s", err, output)
	}
	return bin
}

func TestEveryGoListingOfThePageCompiles(t *testing.T) {
	bin := build(t)
	for name := range programs {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestThePluginOfTheGuideToPagesCompiles(t *testing.T) {
	guide, err := os.ReadFile("../../../docs/plugin-pages-authors.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(guide), "```go\n")
	source, _, isThere := strings.Cut(rest, "```")
	if !isThere {
		t.Fatal("the guide has no Go")
	}
	compile(t, map[string]string{"guide/main.go": source})
}

func TestThePluginOfTheReadmeCompiles(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```go\n")
	source, _, isThere := strings.Cut(rest, "```")
	if !isThere {
		t.Fatal("the README has no Go")
	}
	compile(t, map[string]string{"readme/main.go": source})
}
