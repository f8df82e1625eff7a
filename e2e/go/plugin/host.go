package main

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strconv"
	"time"

	"google.golang.org/grpc/status"

	"sidegate.dev/sdk/plugin_sdk"
	pb "sidegate.dev/sdk/proto"
)

// host answers what needs the services of the host. A refusal is shown as it came, with its code.
func (p *plugin) host(ctx plugin_sdk.Context, req *pb.EndpointRequest, query url.Values) (*pb.EndpointResponse, error) {
	begun := time.Now()
	value, err := p.ask(ctx, req, query)
	shown := map[string]any{"value": value, "ms": time.Since(begun).Milliseconds()}
	code := int32(200)
	switch {
	case errors.Is(err, plugin_sdk.ErrNotFound):
		code = 404
	case err != nil:
		code = 500
	}
	if err != nil {
		shown["refusal"], shown["code"] = err.Error(), codeOf(err)
	}
	resp, err := answer(shown)
	resp.StatusCode = code
	return resp, err
}

// codeOf is the code of the answer of the host, wherever in the chain it is.
func codeOf(err error) string {
	if converted, is := status.FromError(err); is {
		return converted.Code().String()
	}
	return "none"
}

func (p *plugin) ask(ctx plugin_sdk.Context, req *pb.EndpointRequest, query url.Values) (any, error) {
	argument := ""
	if len(req.PathSegments) > 1 {
		argument = req.PathSegments[1]
	}
	gateway := ctx.Services.Gateway()
	switch req.PathSegments[0] {
	case "kv":
		return kv(ctx, req, argument, query)
	case "once":
		return once(ctx, req, argument)
	case "seal":
		sealed, err := plugin_sdk.SealerOf(ctx.Services).Seal(ctx, req.Body, []byte(argument))
		return base64.StdEncoding.EncodeToString(sealed), err
	case "open":
		sealed, err := base64.StdEncoding.DecodeString(string(req.Body))
		if err != nil {
			return nil, err
		}
		clear, err := plugin_sdk.SealerOf(ctx.Services).Open(ctx, sealed, []byte(argument))
		return string(clear), err
	case "publish":
		return nil, ctx.Services.Events().PublishRaw(ctx, argument, req.Body, plugin_sdk.DirLocal)
	case "seen":
		return p.seen(), nil
	case "apps":
		apps, err := gateway.ListApps(ctx)
		if err != nil {
			return nil, err
		}
		return len(apps.GetApps()), nil
	case "app":
		id, err := strconv.ParseUint(argument, 10, 32)
		if err != nil {
			return nil, err
		}
		app, err := gateway.GetApp(ctx, uint32(id))
		if err != nil {
			return nil, err
		}
		return app.GetApp().GetName(), nil
	}
	verdict, err := gateway.ValidateCredential(ctx, string(req.Body))
	if err != nil {
		return nil, err
	}
	return map[string]any{"valid": verdict.GetValid(), "app": verdict.GetAppId()}, nil
}

// once keeps what is for one use: it is put where nothing is, taken by one, and listed by its keys.
func once(ctx plugin_sdk.Context, req *pb.EndpointRequest, key string) (any, error) {
	entries := plugin_sdk.EntriesOf(ctx.Services)
	switch req.Method {
	case "PUT":
		_, err := entries.Put(ctx, key, req.Body, plugin_sdk.IfAbsent(), plugin_sdk.ForTime(time.Minute))
		return !errors.Is(err, plugin_sdk.ErrConditionFailed), ignoring(err, plugin_sdk.ErrConditionFailed)
	case "POST":
		value, err := entries.Take(ctx, key)
		return string(value), err
	}
	return ctx.Services.KV().List(ctx, key)
}

// ignoring is no error where it is the expected one.
func ignoring(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

func kv(ctx plugin_sdk.Context, req *pb.EndpointRequest, key string, query url.Values) (any, error) {
	store := ctx.Services.KV()
	switch req.Method {
	case "PUT":
		if ttl, err := time.ParseDuration(query.Get("ttl")); err == nil {
			return store.WriteWithTTL(ctx, key, req.Body, ttl)
		}
		return store.Write(ctx, key, req.Body)
	case "DELETE":
		return store.Delete(ctx, key)
	}
	value, err := store.Read(ctx, key)
	return string(value), err
}

func (p *plugin) seen() []map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	shown := make([]map[string]string, 0, len(p.events))
	for _, event := range p.events {
		shown = append(shown, map[string]string{
			"topic": event.Topic, "origin": event.Origin, "payload": string(event.Payload),
		})
	}
	return shown
}
