package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"google.golang.org/grpc"

	"sidegate.dev/sdk/plugin_sdk"
	pb "sidegate.dev/sdk/proto"
)

func (p *plugin) HandleEndpointRequestStream(ctx plugin_sdk.Context, req *pb.EndpointRequest, stream grpc.ServerStreamingServer[pb.EndpointResponseChunk]) error {
	if req.RelativePath == "/refused" {
		return stream.Send(&pb.EndpointResponseChunk{Type: pb.EndpointResponseChunk_ERROR, ErrorMessage: "not today"})
	}
	head := &pb.EndpointResponseChunk{Type: pb.EndpointResponseChunk_HEADERS, StatusCode: 200}
	plugin_sdk.SetChunkHeader(head, http.Header{"Content-Type": {"text/event-stream"}, "Set-Cookie": {"a=1", "b=2"}})
	if err := stream.Send(head); err != nil {
		return err
	}
	switch req.RelativePath {
	case "/forever":
		return p.forever(ctx, stream)
	case "/cut":
		if err := send(stream, "data: begun\n\n"); err != nil {
			return err
		}
		return errors.New("internal: the stream went wrong")
	}
	return count(ctx, req, stream)
}

// forever sends one event and waits for the client to go.
func (p *plugin) forever(ctx plugin_sdk.Context, stream grpc.ServerStreamingServer[pb.EndpointResponseChunk]) error {
	if err := send(stream, "data: begun\n\n"); err != nil {
		return err
	}
	<-ctx.Done()
	p.cancelled.Add(1)
	return ctx.Err()
}

// count sends as many events as asked for, with a pause before each.
func count(ctx plugin_sdk.Context, req *pb.EndpointRequest, stream grpc.ServerStreamingServer[pb.EndpointResponseChunk]) error {
	query, err := url.ParseQuery(req.QueryString)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(query.Get("n"))
	if err != nil {
		return err
	}
	interval, _ := strconv.Atoi(query.Get("interval_ms"))
	for i := range n {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(interval) * time.Millisecond):
		}
		if err := send(stream, fmt.Sprintf("id: %d\ndata: {\"i\":%d}\n\n", i, i)); err != nil {
			return err
		}
	}
	return stream.Send(&pb.EndpointResponseChunk{Type: pb.EndpointResponseChunk_DONE})
}

func send(stream grpc.ServerStreamingServer[pb.EndpointResponseChunk], text string) error {
	return stream.Send(&pb.EndpointResponseChunk{Type: pb.EndpointResponseChunk_BODY, Data: []byte(text)})
}
