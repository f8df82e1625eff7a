package plugin_sdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"sidegate.dev/sdk/plugin_sdk"
	pb "sidegate.dev/sdk/proto"
	gw "sidegate.dev/sdk/proto/microgateway_management"
	pe "sidegate.dev/sdk/proto/plugin_events"
	sh "sidegate.dev/sdk/proto/sidegate_host"
)

const (
	// envPlugin turns this test program into a plugin: real processes are tested.
	envPlugin = "SDK_TEST_PLUGIN"
	// patience is how long anything may take.
	patience = 20 * time.Second
	// brokerID is where the host of the tests offers its services.
	brokerID = 7
	// pluginID is the number under which it knows the plugin.
	pluginID = 42
)

func TestMain(m *testing.M) {
	switch os.Getenv(envPlugin) {
	case "":
		os.Exit(m.Run())
	case "bare":
		plugin_sdk.Serve(&bare{})
	case "full":
		plugin_sdk.Serve(newFull())
	case "notes":
		plugin_sdk.Serve(&notes{BasePlugin: plugin_sdk.NewBasePlugin("notes", "1.0.0", "Keeps notes")})
	case "keeper":
		plugin_sdk.Serve(&keeper{BasePlugin: plugin_sdk.NewBasePlugin("keeper", "1.0.0", "Keeps")})
	case "counter":
		plugin_sdk.Serve(&counter{BasePlugin: plugin_sdk.NewBasePlugin("counter", "1.0.0", "Counts")})
	}
}

// testHost is a host on the real library, with a plugin that runs.
type testHost struct {
	*testing.T
	pb.PluginServiceClient
	conn     *grpc.ClientConn
	broker   *goplugin.GRPCBroker
	services *fakeServices
	sidegate *fakeSidegate
	// features are announced beside those that every host of the tests has.
	features []string
	stderr   *lockedBuffer
}

// start runs a plugin below a gateway; it ends with the test.
func start(t *testing.T, plugin string, autoMTLS bool) *testHost {
	t.Helper()
	return startIn(t, "gateway", plugin, autoMTLS)
}

// startIn runs a plugin in one of the runtimes.
func startIn(t *testing.T, runtime, plugin string, autoMTLS bool) *testHost {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), envPlugin+"="+plugin, "PLUGIN_RUNTIME="+runtime)
	stderr := &lockedBuffer{}
	client := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion: 1, MagicCookieKey: "AI_STUDIO_PLUGIN", MagicCookieValue: "v1",
		},
		Plugins:          goplugin.PluginSet{"plugin": hostSide{}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         autoMTLS,
		Cmd:              command,
		Stderr:           stderr,
		Logger:           hclog.NewNullLogger(),
	})
	t.Cleanup(func() {
		client.Kill()
		if strings.Contains(stderr.String(), "DATA RACE") {
			t.Errorf("the plugin has a data race:\n%s", stderr)
		}
	})
	protocol, err := client.Client()
	if err != nil {
		t.Fatalf("the plugin does not start: %v\n%s", err, stderr)
	}
	dispensed, err := protocol.Dispense("plugin")
	if err != nil {
		t.Fatal(err)
	}
	side := dispensed.(hostSide)
	return &testHost{
		T: t, PluginServiceClient: pb.NewPluginServiceClient(side.conn), conn: side.conn,
		broker: side.broker, services: newFakeServices(), stderr: stderr,
		sidegate: &fakeSidegate{entries: map[string]*sh.WriteEntryRequest{}},
	}
}

// inBothModes runs a test in plaintext and over AutoMTLS.
func inBothModes(t *testing.T, plugin string, test func(h *testHost)) {
	for name, autoMTLS := range map[string]bool{"plaintext": false, "AutoMTLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(start(t, plugin, autoMTLS))
		})
	}
}

// offerServices tells the plugin where the services of the host are, once.
func (h *testHost) offerServices() *grpc.Server {
	made := make(chan *grpc.Server, 1)
	go h.broker.AcceptAndServe(brokerID, func(options []grpc.ServerOption) *grpc.Server {
		server := grpc.NewServer(options...)
		gw.RegisterMicrogatewayManagementServiceServer(server, h.services)
		pe.RegisterPluginEventServiceServer(server, h.services)
		sh.RegisterSidegateHostServiceServer(server, h.sidegate)
		made <- server
		return server
	})
	return <-made
}

// initialize gives the plugin its configuration, with the keys a gateway adds.
func (h *testHost) initialize(more map[string]string) *pb.InitResponse {
	h.Helper()
	config := map[string]string{"_plugin_id": "42", "_service_broker_id": "7"}
	for key, value := range more {
		config[key] = value
	}
	answer, err := h.Initialize(h.Context(), &pb.InitRequest{
		Config:   config,
		Features: append([]string{"header_list", "raw_path", "large_messages", "of_the_future"}, h.features...),
	})
	if err != nil {
		h.Fatal(err)
	}
	return answer
}

// get sends a request and wants an answer.
func (h *testHost) get(path string) *pb.EndpointResponse {
	h.Helper()
	answer, err := h.HandleEndpointRequest(h.Context(), request(path))
	if err != nil {
		h.Fatalf("%s: %v", path, err)
	}
	return answer
}

func request(path string) *pb.EndpointRequest {
	return &pb.EndpointRequest{Method: "GET", RelativePath: path, Context: &pb.PluginContext{RequestId: "r-1"}}
}

func (h *testHost) eventually(what string, isTrue func() bool) {
	h.Helper()
	for begun := time.Now(); !isTrue(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > patience {
			h.Fatalf("not within %v: %s\n%s", patience, what, h.stderr)
		}
	}
}

// logged is the first line of the plugin's log whose message begins so; nil when there is none.
func (h *testHost) logged(message string) map[string]any {
	for text := range strings.Lines(h.stderr.String()) {
		var line map[string]any
		if json.Unmarshal([]byte(text), &line) != nil {
			continue
		}
		if said, _ := line["@message"].(string); strings.HasPrefix(said, message) {
			return line
		}
	}
	return nil
}

type hostSide struct {
	goplugin.NetRPCUnsupportedPlugin
	broker *goplugin.GRPCBroker
	conn   *grpc.ClientConn
}

func (hostSide) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error {
	return errors.New("this is the host's side")
}

func (hostSide) GRPCClient(_ context.Context, broker *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return hostSide{broker: broker, conn: conn}, nil
}

// fakeServices are what a host offers, kept in memory.
type fakeServices struct {
	gw.UnimplementedMicrogatewayManagementServiceServer
	pe.UnimplementedPluginEventServiceServer

	mu          sync.Mutex
	values      map[string]*gw.WritePluginKVRequest
	callers     map[uint32]int
	queued      []*gw.QueueControlPayloadRequest
	subscribers map[chan *pe.EventMessage]*pe.SubscribeRequest
}

func newFakeServices() *fakeServices {
	return &fakeServices{
		values:      map[string]*gw.WritePluginKVRequest{},
		callers:     map[uint32]int{},
		subscribers: map[chan *pe.EventMessage]*pe.SubscribeRequest{},
	}
}

func (f *fakeServices) value(key string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return string(f.values[key].GetValue())
}

func (f *fakeServices) WritePluginKV(_ context.Context, req *gw.WritePluginKVRequest) (*gw.WritePluginKVResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.callers[req.Context.PluginId]++
	_, isKnown := f.values[req.Key]
	f.values[req.Key] = req
	return &gw.WritePluginKVResponse{Created: !isKnown}, nil
}

func (f *fakeServices) ReadPluginKV(_ context.Context, req *gw.ReadPluginKVRequest) (*gw.ReadPluginKVResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	value, isKnown := f.values[req.Key]
	if !isKnown {
		return nil, status.Error(codes.NotFound, "key not found")
	}
	return &gw.ReadPluginKVResponse{Value: value.Value}, nil
}

func (f *fakeServices) DeletePluginKV(_ context.Context, req *gw.DeletePluginKVRequest) (*gw.DeletePluginKVResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, isKnown := f.values[req.Key]
	delete(f.values, req.Key)
	return &gw.DeletePluginKVResponse{Deleted: isKnown}, nil
}

func (f *fakeServices) GetApp(_ context.Context, req *gw.GetAppRequest) (*gw.GetAppResponse, error) {
	if req.AppId != 5 {
		return nil, status.Error(codes.NotFound, "no such app")
	}
	return &gw.GetAppResponse{App: &gw.AppInfo{Id: 5, Name: "billing"}}, nil
}

// ListApps has 250 apps, so that there are several pages.
func (f *fakeServices) ListApps(_ context.Context, req *gw.ListAppsRequest) (*gw.ListAppsResponse, error) {
	const total = 250
	answer := &gw.ListAppsResponse{TotalCount: total}
	for id := (req.Page - 1) * req.Limit; id < min(req.Page*req.Limit, total); id++ {
		answer.Apps = append(answer.Apps, &gw.AppInfo{Id: uint32(id)})
	}
	return answer, nil
}

func (f *fakeServices) GetLLM(context.Context, *gw.GetLLMRequest) (*gw.GetLLMResponse, error) {
	return nil, status.Error(codes.PermissionDenied, "insufficient scope: llms.read (plugin: 42)")
}

func (f *fakeServices) ValidateCredential(_ context.Context, req *gw.ValidateCredentialRequest) (*gw.ValidateCredentialResponse, error) {
	return &gw.ValidateCredentialResponse{Valid: req.Secret == "good", AppId: 5}, nil
}

func (f *fakeServices) QueueControlPayload(_ context.Context, req *gw.QueueControlPayloadRequest) (*gw.QueueControlPayloadResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(req.Payload) == 0 {
		return &gw.QueueControlPayloadResponse{ErrorMessage: "payload is empty"}, nil
	}
	f.queued = append(f.queued, req)
	return &gw.QueueControlPayloadResponse{Success: true, PendingCount: int64(len(f.queued))}, nil
}

func (f *fakeServices) Publish(_ context.Context, req *pe.PublishRequest) (*pe.PublishResponse, error) {
	if req.Topic == "" {
		return &pe.PublishResponse{ErrorMessage: "topic is required"}, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for subscriber, wants := range f.subscribers {
		if wants.SubscribeAll || wants.Topic == req.Topic {
			subscriber <- &pe.EventMessage{
				Id: "e", Topic: req.Topic, Origin: "plugin:" + req.PluginId + "@here",
				Direction: req.Direction, Payload: req.Payload,
			}
		}
	}
	return &pe.PublishResponse{Success: true, EventId: "e"}, nil
}

func (f *fakeServices) Subscribe(req *pe.SubscribeRequest, stream grpc.ServerStreamingServer[pe.EventMessage]) error {
	if req.Topic == "forbidden" {
		return status.Error(codes.PermissionDenied, "insufficient scope")
	}
	messages := make(chan *pe.EventMessage, 100)
	f.mu.Lock()
	f.subscribers[messages] = req
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.subscribers, messages)
		f.mu.Unlock()
	}()
	if err := stream.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	for {
		select {
		case <-stream.Context().Done():
			return nil
		case message := <-messages:
			if err := stream.Send(message); err != nil {
				return err
			}
		}
	}
}

func (f *fakeServices) subscriberCount() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.subscribers)
}

// lockedBuffer collects what several goroutines write.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
