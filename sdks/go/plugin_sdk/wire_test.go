package plugin_sdk

import (
	"testing"

	"google.golang.org/protobuf/proto"

	pb "sidegate.dev/sdk/proto"
)

const latin1 = "caf\xe9"

func TestBytesThatAreNoUTF8KeepTheStatusAndTravelAsBytesWhereTheHostReadsThem(t *testing.T) {
	resp := &pb.EndpointResponse{
		StatusCode:   404,
		Headers:      map[string]string{"X-Name": latin1, "X-Plain": "a"},
		ErrorMessage: latin1,
	}
	sent := sendable(resp, true)
	if _, err := proto.Marshal(sent); err != nil {
		t.Fatal(err)
	}
	if sent.StatusCode != 404 || sent.ErrorMessage != "caf\uFFFD" || len(sent.HeaderList) != 2 {
		t.Errorf("%v", sent)
	}
	if first := sent.HeaderList[0]; first.Name != "X-Name" || string(first.Value) != latin1 {
		t.Errorf("%v", first)
	}
	if resp.ErrorMessage != latin1 || len(resp.HeaderList) != 0 {
		t.Error("the plugin's own response was changed")
	}
	old := sendable(resp, false)
	if _, err := proto.Marshal(old); err != nil || len(old.HeaderList) != 0 || old.Headers["X-Name"] != "caf\uFFFD" {
		t.Errorf("%v %v", err, old)
	}
}

func TestWhatCanBeSentIsSentAsItIs(t *testing.T) {
	resp := &pb.EndpointResponse{StatusCode: 200, Headers: map[string]string{"X": "grüße"}, Body: []byte(latin1)}
	if sendable(resp, true) != resp || sendable(nil, true) != nil {
		t.Error("a copy was made")
	}
	chunk := &pb.EndpointResponseChunk{HeaderList: []*pb.HeaderField{{Name: "X", Value: []byte(latin1)}}}
	if sendableChunk(chunk, true) != chunk {
		t.Error("a copy was made")
	}
}

func TestAChunkWithBytesThatAreNoUTF8CanBeSent(t *testing.T) {
	chunk := &pb.EndpointResponseChunk{
		Type:       pb.EndpointResponseChunk_HEADERS,
		StatusCode: 201,
		Headers:    map[string]string{"X\xff": latin1},
		HeaderList: []*pb.HeaderField{{Name: "Y\xff", Value: []byte(latin1)}},
	}
	sent := sendableChunk(chunk, true)
	if _, err := proto.Marshal(sent); err != nil || sent.StatusCode != 201 || len(sent.HeaderList) != 1 {
		t.Errorf("%v %v", err, sent)
	}
}
