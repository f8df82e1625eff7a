package main

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	gw "sidegate.dev/sdk/proto/microgateway_management"
)

// dial asks the broker for the host and calls it once. The query says what for: write=KEY or read=KEY,
// value=TEXT, and as=ID to pretend to be another plugin.
func (r *raw) dial(ctx context.Context, query url.Values) shown {
	begun := time.Now()
	conn, err := r.connect()
	dialed := time.Since(begun)
	if err != nil {
		return outcome(begun, dialed, "", err)
	}
	defer conn.Close()
	value, err := r.call(ctx, conn, query)
	return outcome(begun, dialed, value, err)
}

func outcome(begun time.Time, dialed time.Duration, value string, err error) shown {
	result := shown{"dial_ms": dialed.Milliseconds(), "ms": time.Since(begun).Milliseconds(), "value": value}
	if err != nil {
		result["refusal"], result["code"] = err.Error(), status.Code(err).String()
	}
	return result
}

// connect goes through the broker, which waits up to five seconds for the host to tell its address.
func (r *raw) connect() (*grpc.ClientConn, error) {
	id, err := strconv.ParseUint(r.setting("_service_broker_id"), 10, 32)
	if err != nil {
		return nil, errors.New("the host offers no services")
	}
	return r.broker.Dial(uint32(id))
}

func (r *raw) setting(key string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config[key]
}

func (r *raw) call(ctx context.Context, conn *grpc.ClientConn, query url.Values) (string, error) {
	self := query.Get("as")
	if self == "" {
		self = r.setting("_plugin_id")
	}
	id, err := strconv.ParseUint(self, 10, 32)
	if err != nil {
		return "", err
	}
	caller := &gw.PluginContext{PluginId: uint32(id), MethodScope: "kv.readwrite"}
	client := gw.NewMicrogatewayManagementServiceClient(conn)
	if key := query.Get("read"); key != "" {
		answer, err := client.ReadPluginKV(ctx, &gw.ReadPluginKVRequest{Context: caller, Key: key})
		return string(answer.GetValue()), err
	}
	request := &gw.WritePluginKVRequest{Context: caller, Key: query.Get("write"), Value: []byte(query.Get("value"))}
	answer, err := client.WritePluginKV(ctx, request)
	return strconv.FormatBool(answer.GetCreated()), err
}

// hold opens one more connection that stays open.
func (r *raw) hold(ctx context.Context) shown {
	begun := time.Now()
	conn, err := r.connect()
	dialed := time.Since(begun)
	if err != nil {
		return outcome(begun, dialed, "", err)
	}
	r.mu.Lock()
	r.held = append(r.held, conn)
	r.mu.Unlock()
	value, err := r.call(ctx, conn, url.Values{"write": {"held"}})
	return outcome(begun, dialed, value, err)
}

// askHeld uses every connection that was kept; its value is their number.
func (r *raw) askHeld(ctx context.Context) shown {
	begun := time.Now()
	r.mu.Lock()
	held := r.held
	r.mu.Unlock()
	for _, conn := range held {
		if _, err := r.call(ctx, conn, url.Values{"write": {"held"}}); err != nil {
			return outcome(begun, 0, "", err)
		}
	}
	return outcome(begun, 0, strconv.Itoa(len(held)), nil)
}
