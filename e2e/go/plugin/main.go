// Command plugin is a plugin on the Go SDK that does whatever a story asks for by path.
package main

import (
	"encoding/json"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/status"

	"sidegate.dev/sdk/plugin_sdk"
	pb "sidegate.dev/sdk/proto"
)

// manifest says which scopes the plugin would like to have.
const manifest = `{
  "id": "dev.sidegate.e2e.go", "version": "1.0.0", "name": "go",
  "capabilities": {"hooks": ["custom_endpoint"], "primary_hook": "custom_endpoint"},
  "permissions": {"services": ["kv.readwrite", "apps.read"]}
}`

// plugin counts what happened to it.
type plugin struct {
	plugin_sdk.BasePlugin

	config    map[string]string
	cancelled atomic.Int64
	ready     atomic.Int64

	mu     sync.Mutex
	events []plugin_sdk.Event
}

func main() {
	plugin_sdk.Serve(&plugin{BasePlugin: plugin_sdk.NewBasePlugin("go", "1.0.0", "Does what stories ask for")})
}

func (p *plugin) Initialize(ctx plugin_sdk.Context, config map[string]string) error {
	p.config = config
	if config["kv_at_start"] == "" {
		return nil
	}
	// The host must be there for a plugin that wants something before its first request.
	_, err := ctx.Services.KV().Write(ctx, config["kv_at_start"], []byte("written by Initialize"))
	return err
}

func (*plugin) GetManifest() ([]byte, error) { return []byte(manifest), nil }

func (p *plugin) OnSessionReady(ctx plugin_sdk.Context) {
	if topic := p.config["topic"]; topic != "" {
		if _, err := ctx.Services.Events().Subscribe(topic, p.saw); err != nil {
			ctx.Services.Logger().Error("cannot subscribe", "error", err)
			return
		}
	}
	p.ready.Add(1)
}

func (p *plugin) OnSessionClosing(ctx plugin_sdk.Context) {
	ctx.Services.Logger().Warn("the session is closing")
}

func (p *plugin) saw(event plugin_sdk.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, event)
}

func (*plugin) GetEndpointRegistrations() ([]*pb.EndpointRegistration, error) {
	get := []string{"GET"}
	return []*pb.EndpointRegistration{
		{Path: "/*", Methods: []string{"get", "POST", "PUT", "DELETE"}},
		{Path: "/private", Methods: get, RequireAuth: true},
		{Path: "/events", Methods: get, StreamResponse: true},
		{Path: "/forever", Methods: get, StreamResponse: true},
		{Path: "/cut", Methods: get, StreamResponse: true},
		{Path: "/refused", Methods: get, StreamResponse: true},
	}, nil
}

func (p *plugin) HandleEndpointRequest(ctx plugin_sdk.Context, req *pb.EndpointRequest) (*pb.EndpointResponse, error) {
	query, err := url.ParseQuery(req.QueryString)
	if err != nil {
		return nil, err
	}
	first := ""
	if len(req.PathSegments) > 0 {
		first = req.PathSegments[0]
	}
	switch first {
	case "pid":
		return text(strconv.Itoa(os.Getpid())), nil
	case "slow":
		return slow(ctx, query)
	case "cookies":
		return cookies(), nil
	case "latin1":
		return latin1(query), nil
	case "fail":
		return nil, status.Error(9, "internal: the plugin was asked to fail")
	case "panic":
		panic("the handler was asked to panic")
	case "crash":
		// Not in the handler: nobody can catch it.
		go panic("the process was asked to panic")
		select {}
	case "counts":
		return answer(map[string]any{"cancelled": p.cancelled.Load(), "ready": p.ready.Load(), "tls": isOverTLS()})
	case "config":
		return answer(p.config)
	case "kv", "once", "seal", "open", "publish", "seen", "app", "apps", "credential":
		return p.host(ctx, req, query)
	}
	return echo(ctx, req)
}

func slow(ctx plugin_sdk.Context, query url.Values) (*pb.EndpointResponse, error) {
	milliseconds, err := strconv.Atoi(query.Get("ms"))
	if err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Duration(milliseconds) * time.Millisecond):
		return text(strconv.Itoa(os.Getpid())), nil
	}
}

// isOverTLS tells whether the host asked for TLS; the library then serves nothing else.
func isOverTLS() bool { return os.Getenv("PLUGIN_CLIENT_CERT") != "" }

func text(body string) *pb.EndpointResponse {
	return &pb.EndpointResponse{Headers: map[string]string{"Content-Type": "text/plain"}, Body: []byte(body)}
}

func answer(value any) (*pb.EndpointResponse, error) {
	body, err := json.Marshal(value)
	headers := map[string]string{"Content-Type": "application/json"}
	return &pb.EndpointResponse{StatusCode: 200, Headers: headers, Body: body}, err
}
