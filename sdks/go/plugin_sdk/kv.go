package plugin_sdk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	gw "sidegate.dev/sdk/proto/microgateway_management"
)

const scopeKV = "kv.readwrite"

// kv stores values with the gateway.
type kv struct{ host *host }

func (k kv) Read(ctx context.Context, key string) ([]byte, error) {
	request := &gw.ReadPluginKVRequest{Context: k.host.caller(scopeKV), Key: key}
	answer, err := ask(ctx, k.host, repeatable, "failed to read KV data", request, management.ReadPluginKV)
	return answer.GetValue(), err
}

func (k kv) Write(ctx context.Context, key string, value []byte, expireAt ...*time.Time) (bool, error) {
	request := &gw.WritePluginKVRequest{Context: k.host.caller(scopeKV), Key: key, Value: value}
	for _, at := range expireAt {
		if at != nil {
			request.ExpireAt = timestamppb.New(*at)
		}
	}
	answer, err := ask(ctx, k.host, repeatable, "failed to write KV data", request, management.WritePluginKV)
	return answer.GetCreated(), err
}

func (k kv) WriteWithTTL(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	at := time.Now().Add(ttl)
	return k.Write(ctx, key, value, &at)
}

func (k kv) Delete(ctx context.Context, key string) (bool, error) {
	request := &gw.DeletePluginKVRequest{Context: k.host.caller(scopeKV), Key: key}
	answer, err := ask(ctx, k.host, repeatable, "failed to delete KV data", request, management.DeletePluginKV)
	return answer.GetDeleted(), err
}

func (kv) List(context.Context, string) ([]string, error) {
	return nil, fmt.Errorf("listing keys: gateways do not offer it: %w", errors.ErrUnsupported)
}
