package plugin_sdk_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pb "sidegate.dev/sdk/proto"
	cp "sidegate.dev/sdk/proto/config_provider"
)

func TestAPluginSpeaksToARealHost(t *testing.T) {
	inBothModes(t, "full", func(h *testHost) {
		if answer := h.initialize(nil); !answer.Success || len(answer.Features) != 3 {
			h.Fatalf("Initialize: %v", answer)
		}
		pong, err := h.Ping(h.Context(), &pb.PingRequest{Timestamp: 9})
		if err != nil || !pong.Healthy || pong.Timestamp != 9 {
			h.Errorf("Ping: %v %v", pong, err)
		}
		offered, err := h.GetEndpointRegistrations(h.Context(), &pb.GetEndpointRegistrationsRequest{})
		if err != nil || len(offered.Registrations) != 1 {
			h.Errorf("GetEndpointRegistrations: %v %v", offered, err)
		}
		if answer := h.get("/"); string(answer.Body) != `"hello"` {
			h.Errorf("answer: %v", answer)
		}
	})
}

// wants calls a method and compares its answer, as JSON, or the code of its error.
func wants[Q any, A proto.Message](t *testing.T, want string, method func(context.Context, *Q, ...grpc.CallOption) (A, error), request *Q) {
	t.Helper()
	answer, err := method(t.Context(), request)
	got := status.Code(err).String()
	if err == nil {
		text, _ := protojson.Marshal(answer)
		// The library puts blanks at random.
		got = strings.NewReplacer(`": `, `":`, `, "`, `,"`).Replace(string(text))
	}
	if got != want {
		t.Errorf("%T: %s instead of %s", request, got, want)
	}
}

func TestAMethodWithoutTheCapabilityAnswersAsTheContractSays(t *testing.T) {
	h := start(t, "bare", false)
	wants(t, `{"success":true}`, h.Initialize, &pb.InitRequest{})
	wants(t, `{}`, h.GetEndpointRegistrations, &pb.GetEndpointRegistrationsRequest{})
	wants(t, `{"statusCode":501,"errorMessage":"plugin does not handle endpoint requests"}`, h.HandleEndpointRequest, request("/"))
	wants(t, `{"errorMessage":"plugin does not provide UI assets"}`, h.GetAsset, &pb.GetAssetRequest{})
	wants(t, `{"errorMessage":"plugin does not provide UI assets"}`, h.ListAssets, &pb.ListAssetsRequest{})
	wants(t, `{"errorMessage":"plugin does not provide a manifest"}`, h.GetManifest, &pb.GetManifestRequest{})
	wants(t, `{"errorMessage":"plugin does not provide RPC methods"}`, h.Call, &pb.CallRequest{})
	wants(t, `{"errorMessage":"plugin does not provide portal RPC methods"}`, h.PortalCall, &pb.PortalCallRequest{})
	wants(t, `{"success":true,"schemaJson":"{}"}`, h.GetConfigSchema, &pb.GetConfigSchemaRequest{})
	wants(t, `{}`, h.ProcessPreAuth, &pb.PluginRequest{})
	wants(t, `{}`, h.ProcessPostAuth, &pb.EnrichedRequest{})
	wants(t, `{"errorMessage":"plugin does not authenticate"}`, h.Authenticate, &pb.AuthRequest{})
	wants(t, `{"errorMessage":"plugin does not authenticate"}`, h.GetAppByCredential, &pb.GetAppRequest{})
	wants(t, `{"errorMessage":"plugin does not authenticate"}`, h.GetUserByCredential, &pb.GetUserRequest{})
	wants(t, `{}`, h.OnBeforeWriteHeaders, &pb.HeadersRequest{})
	wants(t, `{}`, h.OnBeforeWrite, &pb.ResponseWriteRequest{})
	wants(t, `{}`, h.OnStreamComplete, &pb.StreamCompleteRequest{})
	wants(t, `{"success":true}`, h.HandleProxyLog, &pb.ProxyLogRequest{})
	wants(t, `{"success":true}`, h.HandleAnalytics, &pb.AnalyticsRequest{})
	wants(t, `{"success":true}`, h.HandleBudgetUsage, &pb.BudgetUsageRequest{})
	wants(t, `{}`, h.GetObjectHookRegistrations, &pb.GetObjectHookRegistrationsRequest{})
	wants(t, `{"allowOperation":true}`, h.HandleObjectHook, &pb.ObjectHookRequest{})
	wants(t, "Unknown", h.ExecuteScheduledTask, &pb.ExecuteScheduledTaskRequest{})
	wants(t, `{"errorMessage":"plugin does not accept edge payloads"}`, h.AcceptEdgePayload, &pb.EdgePayloadRequest{})
	wants(t, `{}`, h.GetResourceTypeRegistrations, &pb.GetResourceTypeRegistrationsRequest{})
	wants(t, `{"errorMessage":"plugin does not provide resources"}`, h.ListResourceInstances, &pb.ListResourceInstancesRequest{})
	wants(t, `{"errorMessage":"plugin does not provide resources"}`, h.GetResourceInstance, &pb.GetResourceInstanceRequest{})
	wants(t, `{"errorMessage":"plugin does not provide resources"}`, h.CreateResourceInstance, &pb.CreateResourceInstanceRequest{})
	wants(t, `{"valid":true}`, h.ValidateResourceSelection, &pb.ValidateResourceSelectionRequest{})

	endpoint, err := h.HandleEndpointRequestStream(t.Context(), request("/"))
	if err == nil {
		_, err = endpoint.Recv()
	}
	if status.Code(err) != codes.Unknown {
		t.Errorf("HandleEndpointRequestStream: %v", err)
	}
	agent, err := h.HandleAgentMessage(t.Context(), &pb.AgentMessageRequest{})
	if err == nil {
		_, err = agent.Recv()
	}
	if status.Code(err) != codes.Unknown {
		t.Errorf("HandleAgentMessage: %v", err)
	}

	wants(t, `{"success":true}`, h.Shutdown, &pb.ShutdownRequest{})

	config := cp.NewConfigProviderServiceClient(h.conn)
	wants(t, `{"success":true,"manifestJson":"{}"}`, config.GetManifest, &cp.GetManifestRequest{})
	wants(t, `{"success":true,"schemaJson":"{}"}`, config.GetConfigSchema, &cp.ConfigSchemaRequest{})
	wants(t, `{"timestamp":"3","healthy":true}`, config.Ping, &cp.ConfigPingRequest{Timestamp: 3})
}

func TestAPluginTellsWhatItIsBeforeItIsInitialized(t *testing.T) {
	h := start(t, "full", false)
	config := cp.NewConfigProviderServiceClient(h.conn)
	manifest, err := config.GetManifest(t.Context(), &cp.GetManifestRequest{})
	if err != nil || manifest.ManifestJson != `{"id":"full"}` {
		t.Errorf("%v %v", manifest, err)
	}
	schema, err := h.GetConfigSchema(t.Context(), &pb.GetConfigSchemaRequest{})
	if err != nil || schema.SchemaJson != `{"type":"object"}` {
		t.Errorf("%v %v", schema, err)
	}
	asset, err := h.GetAsset(t.Context(), &pb.GetAssetRequest{AssetPath: "/ui/x.js"})
	if err != nil || string(asset.Content) != "x()" || asset.ContentLength != 3 {
		t.Errorf("%v %v", asset, err)
	}
	assets, err := h.ListAssets(t.Context(), &pb.ListAssetsRequest{PathPrefix: "/ui/"})
	if err != nil || len(assets.Assets) != 1 || assets.Assets[0].Path != "/ui/x.js" {
		t.Errorf("%v %v", assets, err)
	}
	call, err := h.Call(t.Context(), &pb.CallRequest{Method: "m", Payload: "{}"})
	if err != nil || !call.Success || call.Data != "not UTF-8: \uFFFD {}" {
		t.Errorf("%v %v", call, err)
	}
	call, err = h.Call(t.Context(), &pb.CallRequest{Method: "fail"})
	if err != nil || call.Success || call.ErrorMessage != "rpc failed" {
		t.Errorf("%v %v", call, err)
	}
}

func TestARefusedConfigurationIsToldWithItsReason(t *testing.T) {
	answer := start(t, "full", false).initialize(map[string]string{"refuse": "no key"})
	if answer.Success || answer.ErrorMessage != "no key" {
		t.Error(answer)
	}
}

func TestAHandlerKnowsItsRequest(t *testing.T) {
	h := start(t, "full", false)
	h.initialize(nil)
	req := request("/context")
	req.Context.Metadata = map[string]string{"edge_id": "e1", "edge_namespace": "n1"}
	req.Context.TraceContext = map[string]string{"traceparent": "tp"}
	req.App = &pb.App{Id: 8}
	answer, err := h.HandleEndpointRequest(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"app":8,"edge":"e1","features":["header_list","raw_path","large_messages"],` +
		`"namespace":"n1","request":"r-1","runtime":"gateway","trace":"tp"}`
	if string(answer.Body) != want {
		t.Errorf("%s\ninstead of\n%s", answer.Body, want)
	}
}

func TestHeadersArriveAndLeaveWithAllTheirValues(t *testing.T) {
	h := start(t, "full", false)
	h.initialize(nil)
	req := request("/headers")
	req.RawPath = []byte("/plugins/full/a%2Fb")
	for _, field := range [][2]string{{"cookie", "a=1"}, {"x-two", "1"}, {"X-Two", "2"}, {"x-latin", "\xe4"}} {
		req.HeaderList = append(req.HeaderList, &pb.HeaderField{Name: field[0], Value: []byte(field[1])})
	}
	answer, err := h.HandleEndpointRequest(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, field := range answer.HeaderList {
		list = append(list, field.Name+"="+string(field.Value))
	}
	if got, want := fmt.Sprintf("%q", list), `["Cookie=a=1" "X-Latin=\xe4" "X-Map=a=1|1, 2" "X-Path=/plugins/full/a%2Fb" "X-Two=1" "X-Two=2"]`; got != want {
		t.Errorf("%s instead of %s", got, want)
	}
	if answer.Headers["X-Two"] != "1, 2" || answer.Headers["X-Latin"] != "\uFFFD" {
		t.Error(answer.Headers)
	}

	// A host without the extensions.
	old := request("/headers")
	old.Path = "/plugins/full/a b"
	old.Headers = map[string]string{"X-One": "1"}
	answer, err = h.HandleEndpointRequest(t.Context(), old)
	if err != nil || answer.Headers["X-One"] != "1" || answer.Headers["X-Path"] != "/plugins/full/a%20b" {
		t.Errorf("%v %v", answer, err)
	}
}

func TestABodyAbove4MiBIsTaken(t *testing.T) {
	h := start(t, "full", false)
	h.initialize(nil)
	req := request("/size")
	req.Body = make([]byte, 9<<20)
	answer, err := h.HandleEndpointRequest(t.Context(), req)
	if err != nil || string(answer.Body) != "9437184" {
		t.Errorf("%v %v", answer, err)
	}
}

func TestFailuresOfAHandlerStayWithItsRequest(t *testing.T) {
	h := start(t, "full", false)
	h.initialize(nil)
	for path, want := range map[string]codes.Code{"/error": codes.Unknown, "/panic": codes.Internal, "/nothing": codes.Unknown} {
		if _, err := h.HandleEndpointRequest(t.Context(), request(path)); status.Code(err) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	for path, want := range map[string]codes.Code{"/error": codes.Unknown, "/panic": codes.Internal} {
		stream, err := h.HandleEndpointRequestStream(t.Context(), request(path))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); status.Code(err) != want {
			t.Errorf("stream %s: %v", path, err)
		}
	}
	if answer := h.get("/"); answer.StatusCode != 200 {
		t.Errorf("after all of it: %v", answer)
	}
	for _, words := range []string{"went wrong", "HandleEndpointRequest returned neither", "stream went wrong"} {
		h.eventually("the error is logged with its request", func() bool {
			line := h.logged("the handler failed: " + words)
			return line["@level"] == "error" && line["request_id"] == "r-1"
		})
	}
	h.eventually("the panic is logged with its stack", func() bool {
		return strings.Contains(h.stderr.String(), "as asked") && strings.Contains(h.stderr.String(), "plugins_test.go")
	})
}

func TestAStreamCarriesEveryChunkInOrder(t *testing.T) {
	inBothModes(t, "full", func(h *testHost) {
		h.initialize(nil)
		stream, err := h.HandleEndpointRequestStream(h.Context(), request("/"))
		if err != nil {
			h.Fatal(err)
		}
		var seen []string
		for {
			chunk, err := stream.Recv()
			if err == io.EOF {
				break
			}
			if err != nil {
				h.Fatal(err)
			}
			seen = append(seen, fmt.Sprintf("%s %d %s %d", chunk.Type, chunk.StatusCode, chunk.Data, len(chunk.HeaderList)))
		}
		want := "HEADERS 200  3|BODY 0 0 0|BODY 0 1 0|BODY 0 2 0|DONE 0  0"
		if got := strings.Join(seen, "|"); got != want {
			h.Errorf("%s instead of %s", got, want)
		}
	})
}

func TestACancelledStreamEndsTheHandlersContext(t *testing.T) {
	h := start(t, "full", false)
	h.initialize(nil)
	h.offerServices()
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := h.HandleEndpointRequestStream(ctx, request("/forever"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	cancel()
	h.eventually("the handler has ended", func() bool { return h.services.value("cancelled") == "yes" })
	if line := h.logged("the handler failed"); line != nil {
		t.Errorf("a client that left is no failure: %v", line)
	}
}

func TestValuesAreKeptByTheHost(t *testing.T) {
	inBothModes(t, "full", func(h *testHost) {
		h.offerServices()
		h.initialize(nil)
		want := `[true,true,false,"w",true,true,"failed to read KV data: not found: rpc error: code = NotFound desc = key not found"]`
		if answer := h.get("/kv"); string(answer.Body) != want {
			h.Errorf("%s instead of %s", answer.Body, want)
		}
		h.services.mu.Lock()
		defer h.services.mu.Unlock()
		if len(h.services.callers) != 1 || h.services.callers[pluginID] != 3 {
			h.Errorf("callers: %v", h.services.callers)
		}
		if left := time.Until(h.services.values["ttl"].ExpireAt.AsTime()); left < 59*time.Minute || left > time.Hour {
			h.Errorf("an hour became %v", left)
		}
	})
}

func TestTheGatewayIsAskedForFacts(t *testing.T) {
	h := start(t, "full", false)
	h.offerServices()
	h.initialize(nil)
	want := `["billing",true,true,250,` +
		`"failed to get LLM: rpc error: code = PermissionDenied desc = insufficient scope: llms.read (plugin: 42)",` +
		`true,true,1,"failed to queue payload: payload is empty"]`
	if answer := h.get("/gateway"); string(answer.Body) != want {
		t.Errorf("%s instead of %s", answer.Body, want)
	}
}

func TestWithoutHostServicesACallFailsAtOnce(t *testing.T) {
	h := start(t, "full", false)
	if _, err := h.Initialize(t.Context(), &pb.InitRequest{}); err != nil {
		t.Fatal(err)
	}
	_, err := h.HandleEndpointRequest(t.Context(), request("/kv"))
	if err == nil || !strings.Contains(err.Error(), "no services") {
		t.Error(err)
	}
}

// The broker forgets an address after 5 seconds; a host that tells it once, at the start, must still be
// reachable later.
func TestTheFirstCallMayComeLongAfterTheAddress(t *testing.T) {
	inBothModes(t, "full", func(h *testHost) {
		h.offerServices()
		h.initialize(nil)
		time.Sleep(6 * time.Second)
		begun := time.Now()
		h.get("/kv/quick")
		if took := time.Since(begun); took > time.Second {
			h.Errorf("it took %v", took)
		}
	})
}

func TestTheAddressMayComeLongAfterTheFirstCall(t *testing.T) {
	t.Parallel()
	h := start(t, "full", false)
	h.initialize(nil)
	answered := make(chan error, 1)
	go func() {
		_, err := h.HandleEndpointRequest(t.Context(), request("/kv/quick"))
		answered <- err
	}()
	time.Sleep(6 * time.Second)
	h.offerServices()
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestServicesThatMoveAreFoundAgain(t *testing.T) {
	t.Parallel()
	h := start(t, "full", false)
	first := h.offerServices()
	h.initialize(nil)
	h.get("/kv/quick")
	first.Stop()
	h.offerServices()
	h.get("/kv/quick")
}

func TestManyCallsAtOnceShareOneConnection(t *testing.T) {
	h := start(t, "full", false)
	h.initialize(nil)
	answered := make(chan error)
	for range 20 {
		go func() {
			_, err := h.HandleEndpointRequest(t.Context(), request("/kv/quick"))
			answered <- err
		}()
	}
	h.offerServices()
	for range 20 {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
}

func TestSessionsWaitAndSayWhyTheyEnd(t *testing.T) {
	h := start(t, "full", false)
	h.offerServices()
	h.initialize(nil)
	open := func(timeout int32) *pb.OpenSessionResponse {
		answer, err := h.OpenSession(t.Context(), &pb.OpenSessionRequest{PluginId: pluginID, ServiceBrokerId: brokerID, TimeoutMs: timeout})
		if err != nil {
			t.Error(err)
		}
		return answer
	}
	answer := open(50)
	if !answer.Success || answer.CloseReason != pb.OpenSessionResponse_TIMEOUT || answer.SessionId != "session-42-7" {
		t.Errorf("%v", answer)
	}
	if _, err := h.CloseSession(t.Context(), &pb.CloseSessionRequest{}); err != nil {
		t.Error(err)
	}
	for word, want := range map[string]pb.OpenSessionResponse_CloseReason{
		"unload": pb.OpenSessionResponse_EXPLICIT_CLOSE, "": pb.OpenSessionResponse_EXPLICIT_CLOSE,
		"plugin_unload": pb.OpenSessionResponse_PLUGIN_ERROR,
	} {
		ended := make(chan *pb.OpenSessionResponse, 1)
		go func() { ended <- open(20_000) }()
		// Closing without a waiter does nothing, so it is repeated until somebody was there.
		var got *pb.OpenSessionResponse
		h.eventually("the session ends", func() bool {
			_, _ = h.CloseSession(t.Context(), &pb.CloseSessionRequest{Reason: word})
			select {
			case got = <-ended:
				return true
			default:
				return false
			}
		})
		if got.CloseReason != want {
			t.Errorf("%q: %v", word, got.CloseReason)
		}
	}
	if h.services.value("closing") != "yes" {
		t.Error("the plugin was not told")
	}
}

func TestShutdownEndsSessionsAndItsErrorIsTold(t *testing.T) {
	h := start(t, "full", false)
	h.initialize(nil)
	ended := make(chan *pb.OpenSessionResponse, 1)
	go func() {
		answer, _ := h.OpenSession(context.WithoutCancel(t.Context()), &pb.OpenSessionRequest{TimeoutMs: 20_000})
		ended <- answer
	}()
	h.eventually("the session ends", func() bool {
		_, err := h.Shutdown(t.Context(), &pb.ShutdownRequest{})
		if status.Code(err) != codes.Unknown || !strings.Contains(err.Error(), "shutdown went wrong") {
			t.Error(err)
		}
		select {
		case answer := <-ended:
			return answer.GetCloseReason() == pb.OpenSessionResponse_EXPLICIT_CLOSE
		default:
			return false
		}
	})
	if pong, err := h.Ping(t.Context(), &pb.PingRequest{}); err != nil || !pong.Healthy {
		t.Errorf("after Shutdown: %v %v", pong, err)
	}
}

func TestEventsArriveOnceTheSessionIsReady(t *testing.T) {
	inBothModes(t, "full", func(h *testHost) {
		h.offerServices()
		h.initialize(nil)
		go func() {
			_, _ = h.OpenSession(context.WithoutCancel(h.Context()), &pb.OpenSessionRequest{PluginId: pluginID, ServiceBrokerId: brokerID, TimeoutMs: 20_000})
		}()
		h.eventually("the plugin has subscribed", func() bool { return h.services.value("ready") == "<nil>" })
		if answer := h.get("/publish"); string(answer.Body) != `"\u003cnil\u003e \u003cnil\u003e failed to publish event: topic is required"` {
			h.Errorf("%s", answer.Body)
		}
		h.eventually("the event arrives, though one before made the handler panic", func() bool {
			return h.services.value("event") == `greeting plugin:42@here 1 "hello"`
		})
		if answer := h.get("/subscribe"); string(answer.Body) != `"true \u003cnil\u003e \u003cnil\u003e true"` {
			h.Errorf("%s", answer.Body)
		}
		h.eventually("what was unsubscribed is gone", func() bool { return h.services.subscriberCount() == 1 })
	})
}

func TestThePluginIsToldAtOnceThatTheSessionIsReadyAndOnlyOnce(t *testing.T) {
	took := time.Hour
	// The machine may be busy: that it can be fast is the promise.
	for range 5 {
		h := start(t, "full", false)
		h.offerServices()
		h.initialize(nil)
		h.get("/kv/quick")
		begun := time.Now()
		go func() {
			_, _ = h.OpenSession(context.WithoutCancel(t.Context()), &pb.OpenSessionRequest{PluginId: pluginID, ServiceBrokerId: brokerID, TimeoutMs: 20_000})
		}()
		h.eventually("the plugin has subscribed", func() bool { return h.services.value("ready") == "<nil>" })
		took = min(took, time.Since(begun))
		if _, err := h.OpenSession(t.Context(), &pb.OpenSessionRequest{PluginId: pluginID, ServiceBrokerId: brokerID, TimeoutMs: 100}); err != nil {
			t.Error(err)
		}
		if count := h.services.subscriberCount(); count != 1 {
			t.Errorf("%d subscriptions after a second session", count)
		}
		if took < 300*time.Millisecond {
			return
		}
	}
	t.Errorf("it took %v", took)
}

func TestWhatIsTooLargeOrNotJSONIsRefusedBeforeItIsSent(t *testing.T) {
	h := start(t, "full", false)
	h.offerServices()
	h.initialize(nil)
	want := `["failed to write KV data: rpc error: code = InvalidArgument desc = the key must have 1 to 512 bytes, this one has 0",` +
		`"failed to read KV data: rpc error: code = InvalidArgument desc = the key must have 1 to 512 bytes, this one has 513",` +
		`"failed to delete KV data: rpc error: code = InvalidArgument desc = the key must have 1 to 512 bytes, this one has 0",` +
		`"failed to write KV data: rpc error: code = InvalidArgument desc = the value has 1048577 bytes, 1048576 are the most",` +
		`"\u003cnil\u003e",` +
		`"failed to publish event: the payload is not valid JSON"]`
	if answer := h.get("/refused"); string(answer.Body) != want {
		t.Errorf("%s\ninstead of\n%s", answer.Body, want)
	}
}

func TestASubscriptionOutlivesItsConnection(t *testing.T) {
	t.Parallel()
	h := start(t, "full", false)
	first := h.offerServices()
	h.initialize(nil)
	go func() {
		_, _ = h.OpenSession(context.WithoutCancel(t.Context()), &pb.OpenSessionRequest{TimeoutMs: 20_000})
	}()
	h.eventually("the plugin has subscribed", func() bool { return h.services.subscriberCount() == 1 })
	first.Stop()
	h.eventually("the subscription is gone", func() bool { return h.services.subscriberCount() == 0 })
	h.offerServices()
	h.eventually("it is there again", func() bool { return h.services.subscriberCount() == 1 })
}

func TestALogLineIsJSONWithLevelAndRequest(t *testing.T) {
	h := start(t, "full", false)
	h.initialize(nil)
	h.get("/log")
	var line map[string]any
	h.eventually("the line is there", func() bool {
		line = h.logged("careful")
		return line != nil
	})
	if line["@level"] != "warn" || line["@message"] != "careful" || line["@module"] != "full" ||
		line["request_id"] != "r-1" || line["n"] != 5.0 || line["error"] != "broken" {
		t.Error(line)
	}
	if long := line["long"].(string); len(long) > 8*1024+10 || !strings.HasSuffix(long, "…") {
		t.Errorf("%d bytes", len(long))
	}
	if strings.Contains(h.stderr.String(), "not to be seen") {
		t.Error("debug lines are logged")
	}
}

func TestStartedByHandItSaysThatItIsAPlugin(t *testing.T) {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), envPlugin+"=full")
	output, err := command.CombinedOutput()
	if err == nil || command.ProcessState.ExitCode() != 1 || !strings.Contains(string(output), "This binary is a plugin") {
		t.Errorf("%v: %s", err, output)
	}
}
