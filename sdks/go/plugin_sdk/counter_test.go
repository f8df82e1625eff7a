package plugin_sdk_test

import (
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"sidegate.dev/sdk/plugin_sdk"
	pb "sidegate.dev/sdk/proto"
)

// Listing of README.md: counter counts in memory and keeps the sum with the host.
type counter struct {
	plugin_sdk.BasePlugin
	mu    sync.Mutex
	total uint64
}

func (*counter) GetManifest() ([]byte, error) {
	return []byte(`{"id": "counter", "version": "1.0.0",
		"capabilities": {"hooks": ["custom_endpoint"]},
		"permissions": {"services": ["kv.readwrite"]}}`), nil
}

func (c *counter) Initialize(ctx plugin_sdk.Context, _ map[string]string) error {
	text, err := ctx.Services.KV().Read(ctx, "total")
	if errors.Is(err, plugin_sdk.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(text, &c.total)
}

func (*counter) GetEndpointRegistrations() ([]*pb.EndpointRegistration, error) {
	return []*pb.EndpointRegistration{{Path: "/*", Methods: []string{"POST"}}}, nil
}

func (c *counter) HandleEndpointRequest(ctx plugin_sdk.Context, _ *pb.EndpointRequest) (*pb.EndpointResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total++
	text := []byte(strconv.FormatUint(c.total, 10))
	if _, err := ctx.Services.KV().Write(ctx, "total", text); err != nil {
		return nil, err
	}
	return &pb.EndpointResponse{StatusCode: 200, Body: text}, nil
}

// End of the listing.

func TestTheCounterOfTheReadmeIsTheOneThatIsTestedHere(t *testing.T) {
	source, err := os.ReadFile("counter_test.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, listing, _ := strings.Cut(string(source), "keeps the sum with the host.\n")
	listing, _, _ = strings.Cut(listing, "\n// End of the listing")
	if !strings.Contains(string(readme), listing) {
		t.Error("README.md has another counter than this file")
	}
}

func TestTheCounterGoesOnAfterARestart(t *testing.T) {
	first := start(t, "counter", false)
	first.offerServices()
	first.initialize(nil)
	for _, want := range []string{"1", "2"} {
		if answer := first.get("/"); string(answer.Body) != want {
			t.Errorf("%s instead of %s", answer.Body, want)
		}
	}
	second := start(t, "counter", false)
	second.services = first.services
	second.offerServices()
	second.initialize(nil)
	if answer := second.get("/"); string(answer.Body) != "3" {
		t.Errorf("%s instead of 3", answer.Body)
	}
}
