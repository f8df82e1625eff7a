package main

import (
	"net/http"
	"net/url"

	"sidegate.dev/sdk/plugin_sdk"
	pb "sidegate.dev/sdk/proto"
)

// echo shows all that a plugin can know of a request.
func echo(ctx plugin_sdk.Context, req *pb.EndpointRequest) (*pb.EndpointResponse, error) {
	resp, err := answer(map[string]any{
		"method": req.Method, "path": req.Path, "raw_path": plugin_sdk.RawPath(req), "relative_path": req.RelativePath,
		"path_segments": req.PathSegments, "query_string": req.QueryString, "headers": req.Headers,
		"header_values": plugin_sdk.RequestHeader(req), "body": string(req.Body), "body_len": len(req.Body),
		"remote_addr": req.RemoteAddr, "host": req.Host, "protocol": req.Protocol, "request_id": ctx.RequestID,
		"authenticated": req.Authenticated, "app": appOf(req), "app_id": ctx.AppID, "features": ctx.Features,
		"edge_id": ctx.EdgeID, "traceparent": ctx.TraceContext["traceparent"], "runtime": ctx.Runtime,
	})
	resp.StatusCode = 201
	resp.Headers["X-Method"] = req.Method
	return resp, err
}

// appOf is nil for a caller without an app.
func appOf(req *pb.EndpointRequest) any {
	app := req.App
	if app == nil {
		return nil
	}
	return map[string]any{
		"id": app.Id, "name": app.Name, "owner_email": app.OwnerEmail, "is_active": app.IsActive,
		"rate_limit": app.RateLimit, "metadata": app.Metadata,
	}
}

// cookies sets two, each in a line of its own.
func cookies() *pb.EndpointResponse {
	resp := text("two cookies")
	header := http.Header{"Content-Type": {"text/plain"}, "Set-Cookie": {"a=1; Path=/", "b=2; Path=/"}}
	plugin_sdk.SetHeader(resp, header)
	return resp
}

// latin1 answers with bytes that are not UTF-8, in a header or in the text of an error.
func latin1(query url.Values) *pb.EndpointResponse {
	if query.Has("error") {
		return &pb.EndpointResponse{StatusCode: 404, ErrorMessage: "no caf\xe9 here"}
	}
	return &pb.EndpointResponse{StatusCode: 201, Headers: map[string]string{"X-Name": "caf\xe9"}, Body: []byte("made")}
}
