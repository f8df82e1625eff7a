package plugin_sdk

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	pb "sidegate.dev/sdk/proto"
)

// Extensions of the protocol. They are in [Context.Features] where the host has them.
const (
	// FeatureHeaderList is all headers in order, repeated ones included.
	FeatureHeaderList = "header_list"
	// FeatureRawPath is the path as it was sent.
	FeatureRawPath = "raw_path"
	// FeatureLargeMessages is requests above 4 MiB.
	FeatureLargeMessages = "large_messages"
	// FeatureStorage is storage with conditions, and lists of keys: see [Entries].
	FeatureStorage = "storage"
	// FeatureSealing is sealing: see [Sealer].
	FeatureSealing = "sealing"
)

// offeredFeatures is what this SDK can do beyond the original contract.
var offeredFeatures = []string{
	FeatureHeaderList, FeatureRawPath, FeatureLargeMessages, FeatureStorage, FeatureSealing,
}

// agreedFeatures is what both sides can do.
func agreedFeatures(host []string) []string {
	return slices.DeleteFunc(slices.Clone(offeredFeatures), func(feature string) bool {
		return !slices.Contains(host, feature)
	})
}

// fillHeaders makes the map from the list, as hosts without [FeatureHeaderList] send it: hosts with it send
// the list alone.
func fillHeaders(req *pb.EndpointRequest) {
	if len(req.GetHeaders()) > 0 || len(req.GetHeaderList()) == 0 {
		return
	}
	req.Headers = make(map[string]string, len(req.HeaderList))
	for name, values := range RequestHeader(req) {
		separator := ", "
		if name == "Cookie" {
			separator = "; "
		}
		req.Headers[name] = SanitizeUTF8String(strings.Join(values, separator))
	}
}

// RequestHeader returns all headers of a request under their canonical names, every value of a
// repeated one included. On hosts without [FeatureHeaderList] it is what the map req.Headers holds.
// The header is a copy; Host is not in it, but in req.Host.
func RequestHeader(req *pb.EndpointRequest) http.Header {
	header := http.Header{}
	for _, field := range req.GetHeaderList() {
		header.Add(field.GetName(), string(field.GetValue()))
	}
	if len(header) == 0 {
		for name, value := range req.GetHeaders() {
			header.Set(name, value)
		}
	}
	return header
}

// RawPath returns the path as the client sent it, still percent-encoded and with the mount. On hosts
// without [FeatureRawPath] it is encoded anew from req.Path, in which an encoded slash cannot be told
// from a plain one.
func RawPath(req *pb.EndpointRequest) string {
	if raw := req.GetRawPath(); len(raw) > 0 {
		return string(raw)
	}
	return (&url.URL{Path: req.GetPath()}).EscapedPath()
}

// SetHeader makes header the headers of a response, in place of all it had. Several values of one name,
// such as Set-Cookie, are sent one by one; hosts without [FeatureHeaderList] get what fits into the map.
func SetHeader(resp *pb.EndpointResponse, header http.Header) {
	resp.Headers, resp.HeaderList = toWire(header)
}

// SetChunkHeader does the same for the HEADERS chunk of a stream.
func SetChunkHeader(chunk *pb.EndpointResponseChunk, header http.Header) {
	chunk.Headers, chunk.HeaderList = toWire(header)
}

func toWire(header http.Header) (map[string]string, []*pb.HeaderField) {
	fields := make(map[string]string, len(header))
	var list []*pb.HeaderField
	for _, name := range slices.Sorted(maps.Keys(header)) {
		values := header[name]
		for _, value := range values {
			list = append(list, &pb.HeaderField{Name: name, Value: []byte(value)})
		}
		switch {
		case len(values) == 0:
		case http.CanonicalHeaderKey(name) == "Set-Cookie":
			// Cookies cannot be joined.
			fields[name] = SanitizeUTF8String(values[0])
		default:
			fields[name] = SanitizeUTF8String(strings.Join(values, ", "))
		}
	}
	return fields, list
}
