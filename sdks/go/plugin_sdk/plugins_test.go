package plugin_sdk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"

	"sidegate.dev/sdk/plugin_sdk"
	pb "sidegate.dev/sdk/proto"
	gw "sidegate.dev/sdk/proto/microgateway_management"
)

// bare has no capability.
type bare struct{ plugin_sdk.BasePlugin }

// full has every capability of the SDK.
type full struct {
	plugin_sdk.BasePlugin
	services plugin_sdk.ServiceBroker
}

var (
	_ plugin_sdk.Plugin                = bare{}
	_ plugin_sdk.CustomEndpointHandler = (*full)(nil)
	_ plugin_sdk.UIProvider            = (*full)(nil)
	_ plugin_sdk.ManifestProvider      = (*full)(nil)
	_ plugin_sdk.ConfigProvider        = (*full)(nil)
	_ plugin_sdk.SessionAware          = (*full)(nil)
)

func newFull() *full {
	return &full{BasePlugin: plugin_sdk.NewBasePlugin("full", "1.2.3", "Can do everything")}
}

func (p *full) Initialize(ctx plugin_sdk.Context, config map[string]string) error {
	if config["refuse"] != "" {
		return errors.New(config["refuse"])
	}
	p.services = ctx.Services
	return nil
}

func (p *full) Shutdown(plugin_sdk.Context) error { return errors.New("shutdown went wrong") }

func (p *full) OnSessionReady(ctx plugin_sdk.Context) {
	note := func(key string, value []byte) {
		if _, err := p.services.KV().Write(ctx, key, value); err != nil {
			ctx.Services.Logger().Error("cannot note", "error", err)
		}
	}
	_, err := ctx.Services.Events().Subscribe("greeting", func(event plugin_sdk.Event) {
		if string(event.Payload) == `"panic"` {
			panic("as asked")
		}
		note("event", fmt.Appendf(nil, "%s %s %d %s", event.Topic, event.Origin, event.Dir, event.Payload))
	})
	note("ready", fmt.Append(nil, err))
}

func (p *full) OnSessionClosing(ctx plugin_sdk.Context) {
	_, _ = ctx.Services.KV().Write(ctx, "closing", []byte("yes"))
}

func (*full) GetManifest() ([]byte, error)     { return []byte(`{"id":"full"}`), nil }
func (*full) GetConfigSchema() ([]byte, error) { return []byte(`{"type":"object"}`), nil }

func (*full) GetAsset(path string) ([]byte, string, error) {
	if path != "/ui/x.js" {
		return nil, "", errors.New("no such asset")
	}
	return []byte("x()"), "text/javascript", nil
}

func (*full) ListAssets(prefix string) ([]*pb.AssetInfo, error) {
	return []*pb.AssetInfo{{Path: prefix + "x.js", Size: 3}}, nil
}

func (*full) HandleRPC(method string, payload []byte) ([]byte, error) {
	if method == "fail" {
		return nil, errors.New("rpc failed")
	}
	return append([]byte("not UTF-8: \xff "), payload...), nil
}

func (*full) GetEndpointRegistrations() ([]*pb.EndpointRegistration, error) {
	return []*pb.EndpointRegistration{{Path: "/*", Methods: []string{"GET"}}}, nil
}

func (p *full) HandleEndpointRequest(ctx plugin_sdk.Context, req *pb.EndpointRequest) (*pb.EndpointResponse, error) {
	switch req.RelativePath {
	case "/context":
		return answer(map[string]any{
			"request": ctx.RequestID, "app": ctx.AppID, "edge": ctx.EdgeID, "namespace": ctx.EdgeNamespace,
			"runtime": ctx.Runtime, "features": ctx.Features, "trace": ctx.TraceContext["traceparent"],
		})
	case "/headers":
		header := plugin_sdk.RequestHeader(req)
		header.Set("X-Path", plugin_sdk.RawPath(req))
		header.Set("X-Map", req.Headers["Cookie"]+"|"+req.Headers["X-Two"])
		resp := &pb.EndpointResponse{}
		plugin_sdk.SetHeader(resp, header)
		return resp, nil
	case "/size":
		return answer(len(req.Body))
	case "/log":
		ctx.Services.Logger().Warn("careful", "n", 5, "error", errors.New("broken"), "long", strings.Repeat("ä", 5000))
		ctx.Services.Logger().Debug("not to be seen")
		fmt.Println("printed")
		return answer("logged")
	case "/panic":
		panic("as asked")
	case "/nothing":
		return nil, nil
	case "/error":
		return nil, errors.New("went wrong")
	case "/kv":
		return tryKV(ctx)
	case "/kv/quick":
		_, err := p.services.KV().Write(ctx, "quick", []byte("1"))
		return &pb.EndpointResponse{StatusCode: 200}, err
	case "/refused":
		return tryRefused(ctx)
	case "/gateway":
		return tryGateway(ctx)
	case "/publish":
		return answer(fmt.Sprint(
			ctx.Services.Events().Publish(ctx, "greeting", "panic", plugin_sdk.DirLocal),
			ctx.Services.Events().Publish(ctx, "greeting", "hello", plugin_sdk.DirUp),
			ctx.Services.Events().PublishRaw(ctx, "", []byte("1"), plugin_sdk.DirUp)))
	case "/subscribe":
		_, errForbidden := ctx.Services.Events().Subscribe("forbidden", nil)
		id, errAll := ctx.Services.Events().SubscribeAll(func(plugin_sdk.Event) {})
		return answer(fmt.Sprint(errForbidden != nil, errAll,
			ctx.Services.Events().Unsubscribe(id), ctx.Services.Events().Unsubscribe(id) != nil))
	}
	return answer("hello")
}

func tryKV(ctx plugin_sdk.Context) (*pb.EndpointResponse, error) {
	kv := ctx.Services.KV()
	until := time.Unix(2_000_000_000, 0)
	_, errAbsent := kv.Read(ctx, "k")
	created, err1 := kv.Write(ctx, "k", []byte("v"), nil)
	again, err2 := kv.Write(ctx, "k", []byte("w"), &until)
	_, err3 := kv.WriteWithTTL(ctx, "ttl", []byte("t"), time.Hour)
	value, err4 := kv.Read(ctx, "k")
	deleted, err5 := kv.Delete(ctx, "k")
	_, errList := kv.List(ctx, "")
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	return answer([]any{
		errors.Is(errAbsent, plugin_sdk.ErrNotFound), created, again, string(value), deleted,
		errors.Is(errList, errors.ErrUnsupported), errAbsent.Error(),
	})
}

func tryRefused(ctx plugin_sdk.Context) (*pb.EndpointResponse, error) {
	kv := ctx.Services.KV()
	_, errNoKey := kv.Write(ctx, "", nil)
	_, errLongKey := kv.Read(ctx, strings.Repeat("k", plugin_sdk.MaxKeyBytes+1))
	_, errDelete := kv.Delete(ctx, "")
	_, errValue := kv.Write(ctx, "k", make([]byte, plugin_sdk.MaxValueBytes+1))
	_, errLargest := kv.Write(ctx, strings.Repeat("k", plugin_sdk.MaxKeyBytes), make([]byte, plugin_sdk.MaxValueBytes))
	errJSON := ctx.Services.Events().PublishRaw(ctx, "greeting", []byte("{"), plugin_sdk.DirLocal)
	var texts []string
	for _, err := range []error{errNoKey, errLongKey, errDelete, errValue, errLargest, errJSON} {
		texts = append(texts, fmt.Sprint(err))
	}
	return answer(texts)
}

func tryGateway(ctx plugin_sdk.Context) (*pb.EndpointResponse, error) {
	gateway := ctx.Services.Gateway()
	app, err1 := gateway.GetApp(ctx, 5)
	nobody, errAbsent := gateway.GetApp(ctx, 6)
	apps, err2 := gateway.ListApps(ctx)
	_, errScope := gateway.GetLLM(ctx, 1)
	_, errUnknown := gateway.GetBudgetStatus(ctx, 5)
	good, err3 := gateway.ValidateCredential(ctx, "good")
	pending, err4 := gateway.SendToControlJSON(ctx, map[string]int{"n": 1}, "c", nil)
	_, errEmpty := gateway.SendToControl(ctx, nil, "", nil)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	// Authors assert the messages' own types, or use the getters.
	return answer([]any{
		app.(*gw.GetAppResponse).App.Name, nobody == nil, errors.Is(errAbsent, plugin_sdk.ErrNotFound),
		len(apps.GetApps()), fmt.Sprint(errScope), errUnknown != nil, good.GetValid(), pending, fmt.Sprint(errEmpty),
	})
}

func (p *full) HandleEndpointRequestStream(ctx plugin_sdk.Context, req *pb.EndpointRequest, stream grpc.ServerStreamingServer[pb.EndpointResponseChunk]) error {
	switch req.RelativePath {
	case "/error":
		return errors.New("stream went wrong")
	case "/panic":
		panic("as asked")
	}
	head := &pb.EndpointResponseChunk{Type: pb.EndpointResponseChunk_HEADERS, StatusCode: 200}
	plugin_sdk.SetChunkHeader(head, http.Header{"Content-Type": {"text/event-stream"}, "Set-Cookie": {"a=1", "b=2"}})
	if err := stream.Send(head); err != nil {
		return err
	}
	if req.RelativePath == "/forever" {
		<-ctx.Done()
		_, err := p.services.KV().Write(context.Background(), "cancelled", []byte("yes"))
		return err
	}
	for i := range 3 {
		if err := stream.Send(&pb.EndpointResponseChunk{Type: pb.EndpointResponseChunk_BODY, Data: fmt.Append(nil, i)}); err != nil {
			return err
		}
	}
	return stream.Send(&pb.EndpointResponseChunk{Type: pb.EndpointResponseChunk_DONE})
}

func answer(value any) (*pb.EndpointResponse, error) {
	body, err := json.Marshal(value)
	return &pb.EndpointResponse{StatusCode: 200, Body: body}, err
}
