package main

import (
	"os"
	"testing"
)

func TestTheCommittedFilesAreWhatTheProtocolFilesAskFor(t *testing.T) {
	sources, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range sources {
		if found, err := os.ReadFile(path); err != nil || string(found) != want {
			t.Errorf("%s is stale: run `go run .` in this folder and commit the result", path)
		}
	}
}
