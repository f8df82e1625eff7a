package plugin_sdk

import (
	"maps"
	"slices"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pb "sidegate.dev/sdk/proto"
)

// Texts in messages must be UTF-8: a message with another one cannot be sent at all, and with it the status
// that the plugin wished for would be lost. So bytes that are not travel as bytes, in the list of headers,
// where the host reads it, and are replaced where there is no such place.

// sendable makes a response that can be sent; it is the same one where nothing is wrong with it.
func sendable(resp *pb.EndpointResponse, headerList bool) *pb.EndpointResponse {
	if isText(resp.GetErrorMessage()) && areTexts(resp.GetHeaders()) && areNamed(resp.GetHeaderList()) {
		return resp
	}
	// The plugin may hold on to its own.
	clean := proto.CloneOf(resp)
	clean.ErrorMessage = SanitizeUTF8String(clean.ErrorMessage)
	clean.Headers, clean.HeaderList = sendableHeaders(clean.Headers, clean.HeaderList, headerList)
	return clean
}

// sendableChunk does the same for a chunk of a stream.
func sendableChunk(chunk *pb.EndpointResponseChunk, headerList bool) *pb.EndpointResponseChunk {
	if isText(chunk.GetErrorMessage()) && areTexts(chunk.GetHeaders()) && areNamed(chunk.GetHeaderList()) {
		return chunk
	}
	clean := proto.CloneOf(chunk)
	clean.ErrorMessage = SanitizeUTF8String(clean.ErrorMessage)
	clean.Headers, clean.HeaderList = sendableHeaders(clean.Headers, clean.HeaderList, headerList)
	return clean
}

// sendableHeaders moves what the map cannot hold to the list.
func sendableHeaders(fields map[string]string, list []*pb.HeaderField, headerList bool) (map[string]string, []*pb.HeaderField) {
	if headerList && len(list) == 0 && !areTexts(fields) {
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			list = append(list, &pb.HeaderField{Name: name, Value: []byte(fields[name])})
		}
	}
	for _, field := range list {
		field.Name = SanitizeUTF8String(field.Name)
	}
	clean := make(map[string]string, len(fields))
	for name, value := range fields {
		clean[SanitizeUTF8String(name)] = SanitizeUTF8String(value)
	}
	return clean, list
}

func isText(text string) bool { return utf8.ValidString(text) }

func areTexts(fields map[string]string) bool {
	for name, value := range fields {
		if !isText(name) || !isText(value) {
			return false
		}
	}
	return true
}

func areNamed(list []*pb.HeaderField) bool {
	return !slices.ContainsFunc(list, func(field *pb.HeaderField) bool { return !isText(field.GetName()) })
}

// cleanStream sends chunks that can be sent.
type cleanStream struct {
	grpc.ServerStreamingServer[pb.EndpointResponseChunk]

	headerList bool
}

func (s cleanStream) Send(chunk *pb.EndpointResponseChunk) error {
	return s.ServerStreamingServer.Send(sendableChunk(chunk, s.headerList))
}

// SendMsg is for those who send without the type.
func (s cleanStream) SendMsg(message any) error {
	if chunk, is := message.(*pb.EndpointResponseChunk); is {
		message = sendableChunk(chunk, s.headerList)
	}
	return s.ServerStreamingServer.SendMsg(message)
}

// describable makes a registration whose words can be sent.
func describable(registration *pb.EndpointRegistration) *pb.EndpointRegistration {
	clean := proto.CloneOf(registration)
	clean.Description = SanitizeUTF8String(clean.Description)
	clean.Metadata, _ = sendableHeaders(clean.Metadata, nil, false)
	return clean
}
