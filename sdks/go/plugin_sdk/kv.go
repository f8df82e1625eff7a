package plugin_sdk

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	st "sidegate.dev/sdk/proto/ai_studio_management"
	gw "sidegate.dev/sdk/proto/microgateway_management"
)

const scopeKV = "kv.readwrite"

const (
	// MaxKeyBytes is the length of the longest key.
	MaxKeyBytes = 512
	// MaxValueBytes is the size of the largest value.
	MaxValueBytes = 1 << 20
)

// kv stores values with the host.
type kv struct{ host *host }

func (k kv) Read(ctx context.Context, key string) ([]byte, error) {
	if err := check("failed to read KV data", key, nil); err != nil {
		return nil, err
	}
	if k.host.isStudio {
		request := &st.ReadPluginKVRequest{Context: k.host.studioCaller(scopeKV), Key: key}
		answer, err := askStudio(ctx, k.host, repeatable, "failed to read KV data", request, studioManagement.ReadPluginKV)
		return answer.GetValue(), err
	}
	request := &gw.ReadPluginKVRequest{Context: k.host.caller(scopeKV), Key: key}
	answer, err := ask(ctx, k.host, repeatable, "failed to read KV data", request, management.ReadPluginKV)
	return answer.GetValue(), err
}

func (k kv) Write(ctx context.Context, key string, value []byte, expireAt ...*time.Time) (bool, error) {
	if err := check("failed to write KV data", key, value); err != nil {
		return false, err
	}
	var until *timestamppb.Timestamp
	for _, at := range expireAt {
		if at != nil {
			until = timestamppb.New(*at)
		}
	}
	if k.host.isStudio {
		request := &st.WritePluginKVRequest{Context: k.host.studioCaller(scopeKV), Key: key, Value: value, ExpireAt: until}
		answer, err := askStudio(ctx, k.host, repeatable, "failed to write KV data", request, studioManagement.WritePluginKV)
		return answer.GetCreated(), err
	}
	request := &gw.WritePluginKVRequest{Context: k.host.caller(scopeKV), Key: key, Value: value, ExpireAt: until}
	answer, err := ask(ctx, k.host, repeatable, "failed to write KV data", request, management.WritePluginKV)
	return answer.GetCreated(), err
}

func (k kv) WriteWithTTL(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	at := time.Now().Add(ttl)
	return k.Write(ctx, key, value, &at)
}

func (k kv) Delete(ctx context.Context, key string) (bool, error) {
	if err := check("failed to delete KV data", key, nil); err != nil {
		return false, err
	}
	if k.host.isStudio {
		request := &st.DeletePluginKVRequest{Context: k.host.studioCaller(scopeKV), Key: key}
		answer, err := askStudio(ctx, k.host, repeatable, "failed to delete KV data", request, studioManagement.DeletePluginKV)
		return answer.GetDeleted(), err
	}
	request := &gw.DeletePluginKVRequest{Context: k.host.caller(scopeKV), Key: key}
	answer, err := ask(ctx, k.host, repeatable, "failed to delete KV data", request, management.DeletePluginKV)
	return answer.GetDeleted(), err
}

// maxKeys is how many keys a plugin may have; no list is longer.
const maxKeys = 10_000

func (k kv) List(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	options := ListOptions{Limit: 1000}
	for {
		page, err := Entries{k.host}.List(ctx, prefix, options)
		if err != nil {
			return nil, err
		}
		for _, entry := range page.Entries {
			keys = append(keys, entry.Key)
		}
		if page.Next == "" || len(keys) >= maxKeys {
			return keys, nil
		}
		options.After = page.Next
	}
}

// check refuses what the host would refuse, in its words, before it is sent.
func check(what, key string, value []byte) error {
	switch {
	case key == "" || len(key) > MaxKeyBytes:
		return described(what, status.Errorf(codes.InvalidArgument,
			"the key must have 1 to %d bytes, this one has %d", MaxKeyBytes, len(key)))
	case len(value) > MaxValueBytes:
		return described(what, status.Errorf(codes.InvalidArgument,
			"the value has %d bytes, %d are the most", len(value), MaxValueBytes))
	}
	return nil
}
