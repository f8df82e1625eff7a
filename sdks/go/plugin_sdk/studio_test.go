package plugin_sdk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"sidegate.dev/sdk/ai_studio_sdk"
	"sidegate.dev/sdk/plugin_sdk"
	pb "sidegate.dev/sdk/proto"
	st "sidegate.dev/sdk/proto/ai_studio_management"
)

// notes has a page that keeps notes, in both ways to ask the host.
type notes struct {
	plugin_sdk.BasePlugin
	services plugin_sdk.ServiceBroker
}

var _ plugin_sdk.UIProvider = (*notes)(nil)

func (n *notes) Initialize(ctx plugin_sdk.Context, _ map[string]string) error {
	n.services = ctx.Services
	return nil
}

func (*notes) GetManifest() ([]byte, error)               { return []byte(`{"id":"notes"}`), nil }
func (*notes) GetAsset(string) ([]byte, string, error)    { return nil, "", errors.New("asset not found") }
func (*notes) ListAssets(string) ([]*pb.AssetInfo, error) { return nil, nil }

func (n *notes) HandleRPC(method string, payload []byte) ([]byte, error) {
	ctx := context.Background()
	switch method {
	case "save":
		answer, err := ai_studio_sdk.UpdatePluginConfig(ctx, ai_studio_sdk.GetPluginID(), string(payload))
		if err != nil {
			return nil, err
		}
		return json.Marshal(fmt.Sprintf("%t %s", answer.Success, answer.Message))
	case "save if":
		answer, err := ai_studio_sdk.UpdatePluginConfigIf(ctx, ai_studio_sdk.GetPluginID(), `{"a":1}`, string(payload))
		if err != nil {
			return json.Marshal(status.Code(err).String())
		}
		return json.Marshal(fmt.Sprintf("%t %s", answer.Success, answer.Message))
	case "save by services":
		success, message, err := n.services.Studio().UpdatePluginConfig(ctx, 42, string(payload))
		if err != nil {
			return nil, err
		}
		return json.Marshal(fmt.Sprintf("%t %s", success, message))
	case "count":
		return n.count(ctx)
	case "app":
		answer, err := n.services.Studio().GetApp(ctx, 5)
		if err != nil {
			return nil, err
		}
		return json.Marshal(answer.GetApp().GetName())
	case "runtime":
		return json.Marshal(fmt.Sprint(ai_studio_sdk.IsInitialized(), n.services.Studio() != nil))
	}
	return nil, fmt.Errorf("unknown RPC method: %s", method)
}

// count writes by one way and reads by the other.
func (n *notes) count(ctx context.Context) ([]byte, error) {
	if _, err := n.services.KV().Write(ctx, "count", []byte("5")); err != nil {
		return nil, err
	}
	value, err := ai_studio_sdk.ReadPluginKV(ctx, "count")
	if err != nil {
		return nil, err
	}
	deleted, err := n.services.KV().Delete(ctx, "count")
	if err != nil {
		return nil, err
	}
	_, err = n.services.KV().Read(ctx, "count")
	return json.Marshal(fmt.Sprintf("%s %t %t", value, deleted, errors.Is(err, plugin_sdk.ErrNotFound)))
}

// fakeStudio is what a host offers beside its console, kept in memory.
type fakeStudio struct {
	st.UnimplementedAIStudioManagementServiceServer

	mu     sync.Mutex
	config string
	values map[string][]byte
}

func (f *fakeStudio) UpdatePluginConfig(_ context.Context, req *st.UpdatePluginConfigRequest) (*st.UpdatePluginConfigResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case req.PluginId != pluginID || req.Context.GetPluginId() != pluginID || req.Context.GetMethodScope() != "plugins.write":
		return nil, status.Errorf(codes.PermissionDenied, "not its own: %v", req)
	case req.ConfigJson == `{"slug":"x"}`:
		return &st.UpdatePluginConfigResponse{Message: "the slug is the operator's to change"}, nil
	}
	if req.ExpectedJson != "" && req.ExpectedJson != f.config {
		return nil, status.Error(codes.Aborted, "somebody else has changed it")
	}
	f.config = req.ConfigJson
	return &st.UpdatePluginConfigResponse{Success: true, Message: "saved"}, nil
}

func (f *fakeStudio) GetApp(_ context.Context, req *st.GetAppRequest) (*st.GetAppResponse, error) {
	return &st.GetAppResponse{App: &st.AppInfo{Id: req.AppId, Name: "billing"}}, nil
}

func (f *fakeStudio) WritePluginKV(_ context.Context, req *st.WritePluginKVRequest) (*st.WritePluginKVResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.values[req.Key] = req.Value
	return &st.WritePluginKVResponse{Created: true}, nil
}

func (f *fakeStudio) ReadPluginKV(_ context.Context, req *st.ReadPluginKVRequest) (*st.ReadPluginKVResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	value, isKnown := f.values[req.Key]
	if !isKnown {
		return nil, status.Error(codes.NotFound, "key not found")
	}
	return &st.ReadPluginKVResponse{Value: value}, nil
}

func (f *fakeStudio) DeletePluginKV(_ context.Context, req *st.DeletePluginKVRequest) (*st.DeletePluginKVResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, isKnown := f.values[req.Key]
	delete(f.values, req.Key)
	return &st.DeletePluginKVResponse{Deleted: isKnown}, nil
}

// call runs a method of the plugin's page.
func (h *testHost) call(method, payload string) string {
	h.Helper()
	answer, err := h.Call(h.Context(), &pb.CallRequest{Method: method, Payload: payload, ServiceBrokerId: brokerID})
	if err != nil {
		h.Fatalf("%s: %v\n%s", method, err, h.stderr)
	}
	if !answer.Success {
		return "refused: " + answer.ErrorMessage
	}
	var text string
	if err := json.Unmarshal([]byte(answer.Data), &text); err != nil {
		h.Fatalf("%s: %v", answer.Data, err)
	}
	return text
}

func TestAPageChangesTheConfigurationAndKeepsValuesInTheRuntimeStudio(t *testing.T) {
	for name, autoMTLS := range map[string]bool{"plaintext": false, "AutoMTLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := startIn(t, "studio", "notes", autoMTLS)
			studio := &fakeStudio{values: map[string][]byte{}}
			go h.broker.AcceptAndServe(brokerID, func(options []grpc.ServerOption) *grpc.Server {
				server := grpc.NewServer(options...)
				st.RegisterAIStudioManagementServiceServer(server, studio)
				return server
			})
			config := map[string]string{"plugin_id": "42", "service_broker_id": "7", "has_service_api": "true"}
			answer, err := h.Initialize(t.Context(), &pb.InitRequest{Config: config})
			if err != nil || !answer.Success {
				t.Fatalf("Initialize: %v %v", answer, err)
			}
			for _, step := range []struct{ method, payload, want string }{
				{"runtime", "{}", "true true"},
				{"save", `{"content":"second"}`, "true saved"},
				{"save by services", `{"content":null}`, "true saved"},
				{"save if", `{"content":"second"}`, "Aborted"},
				{"save if", `{"content":null}`, "true saved"},
				{"save by services", `{"content":null}`, "true saved"},
				{"save", `{"slug":"x"}`, "false the slug is the operator's to change"},
				{"count", "{}", "5 true true"},
				{"app", "{}", "billing"},
				{"none", "{}", "refused: unknown RPC method: none"},
			} {
				if got := h.call(step.method, step.payload); got != step.want {
					t.Errorf("%s: %q instead of %q", step.method, got, step.want)
				}
			}
			if studio.config != `{"content":null}` {
				t.Error(studio.config)
			}
		})
	}
}

func TestAGatewayHasNothingToAdminister(t *testing.T) {
	h := start(t, "notes", false)
	h.offerServices()
	h.initialize(nil)
	if got := h.call("runtime", "{}"); got != "true false" {
		t.Error(got)
	}
}
