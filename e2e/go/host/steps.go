package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	pb "sidegate.dev/sdk/proto"
)

// pollPause lies between two questions for what is awaited.
const pollPause = 5 * time.Millisecond

// step is one request to the plugin and what came of it.
type step struct {
	Status  int32             `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	// Chunks are the types of the chunks of a stream, in order.
	Chunks []string `json:"chunks"`
	Error  string   `json:"error"`
}

// take does what the text of a step says.
func take(ctx context.Context, plugin pb.PluginServiceClient, text string) step {
	verb, target, _ := strings.Cut(text, " ")
	target, last, _ := strings.Cut(target, " ")
	path, query, _ := strings.Cut(target, "?")
	request := &pb.EndpointRequest{
		Method: "GET", Path: "/plugins/p" + path, RelativePath: path, QueryString: query, Protocol: "http",
		Host: "localhost", RemoteAddr: "127.0.0.1", Headers: map[string]string{"X-One": "1"},
		PathSegments: strings.FieldsFunc(path, func(r rune) bool { return r == '/' }),
		Context:      &pb.PluginContext{RequestId: "req_1"},
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	switch verb {
	case "GET":
		return ask(ctx, plugin, request)
	case "PUT":
		request.Method, request.Body = verb, []byte(last)
		return ask(ctx, plugin, request)
	case "AWAIT":
		for {
			result := ask(ctx, plugin, request)
			if result.Error != "" || strings.Contains(result.Body, last) {
				return result
			}
			time.Sleep(pollPause)
		}
	}
	stream, err := plugin.HandleEndpointRequestStream(ctx, request)
	if err != nil {
		return step{Error: words(err)}
	}
	return read(stream, verb == "LEAVE")
}

func ask(ctx context.Context, plugin pb.PluginServiceClient, request *pb.EndpointRequest) step {
	answer, err := plugin.HandleEndpointRequest(ctx, request)
	return step{Status: answer.GetStatusCode(), Headers: answer.GetHeaders(), Body: string(answer.GetBody()), Error: words(err)}
}

// chunks is a stream of the plugin.
type chunks interface {
	Recv() (*pb.EndpointResponseChunk, error)
}

// read reads to the end, or to the first piece.
func read(stream chunks, leave bool) step {
	var result step
	for {
		chunk, err := stream.Recv()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				result.Error = words(err)
			}
			return result
		}
		result.Chunks = append(result.Chunks, chunk.GetType().String())
		result.Body += string(chunk.GetData())
		if chunk.GetType() == pb.EndpointResponseChunk_HEADERS {
			result.Status, result.Headers = chunk.GetStatusCode(), chunk.GetHeaders()
		}
		if leave && chunk.GetType() == pb.EndpointResponseChunk_BODY {
			return result
		}
	}
}

func words(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
