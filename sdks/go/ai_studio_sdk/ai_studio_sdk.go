// Package ai_studio_sdk is for methods of a plugin's page: functions that ask the host which runs the plugin beside the
// console, in the runtime studio.
//
// Names and signatures are those of the package of the same name in Tyk AI Studio, as far as this host answers them. A
// plugin that has its Context at hand uses its Services instead.
package ai_studio_sdk

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"sidegate.dev/sdk/internal/process"
	st "sidegate.dev/sdk/proto/ai_studio_management"
)

// IsInitialized tells whether the host offers services.
func IsInitialized() bool { return process.Current().IsThere() }

// GetPluginID is the number under which the host knows the plugin; 0 before it was initialized.
func GetPluginID() uint32 { return process.Current().PluginID() }

// UpdatePluginConfig merges the keys of a JSON object into the configuration of the plugin itself: those that are not
// named stay, those that are null are removed. It returns when the change is served. Scope plugins.write.
func UpdatePluginConfig(ctx context.Context, pluginID uint32, configJSON string) (*st.UpdatePluginConfigResponse, error) {
	request := &st.UpdatePluginConfigRequest{Context: caller("plugins.write"), PluginId: pluginID, ConfigJson: configJSON}
	return ask(ctx, false, "failed to update the configuration", request, client.UpdatePluginConfig)
}

// UpdatePluginConfigIf does the same, only while the configuration is as expected: expectedJSON is a JSON object of the
// keys that the change was made from, with what they were, and null for what was not there. Where one of them is another
// by now nothing is changed, and the error has the code codes.Aborted. Hosts other than Sidegate expect nothing.
func UpdatePluginConfigIf(ctx context.Context, pluginID uint32, configJSON, expectedJSON string) (*st.UpdatePluginConfigResponse, error) {
	request := &st.UpdatePluginConfigRequest{
		Context: caller("plugins.write"), PluginId: pluginID, ConfigJson: configJSON, ExpectedJson: expectedJSON,
	}
	return ask(ctx, false, "failed to update the configuration", request, client.UpdatePluginConfig)
}

// ListPlugins lists plugins; pages begin with 1. Scope plugins.read.
func ListPlugins(ctx context.Context, page, limit int32) (*st.ListPluginsResponse, error) {
	request := &st.ListPluginsRequest{Context: caller("plugins.read"), Page: page, Limit: limit}
	return ask(ctx, true, "failed to list plugins", request, client.ListPlugins)
}

// GetPluginsCount tells how many plugins there are. Scope plugins.read.
func GetPluginsCount(ctx context.Context) (int, error) {
	answer, err := ListPlugins(ctx, 1, 1)
	return int(answer.GetTotalCount()), err
}

// GetPlugin tells about one plugin. Scope plugins.read.
func GetPlugin(ctx context.Context, pluginID uint32) (*st.GetPluginResponse, error) {
	request := &st.GetPluginRequest{Context: caller("plugins.read"), PluginId: pluginID}
	return ask(ctx, true, "failed to get plugin", request, client.GetPlugin)
}

// ListApps lists active apps; pages begin with 1. Scope apps.read.
func ListApps(ctx context.Context, page, limit int32) (*st.ListAppsResponse, error) {
	request := &st.ListAppsRequest{Context: caller("apps.read"), Page: page, Limit: limit}
	return ask(ctx, true, "failed to list apps", request, client.ListApps)
}

// GetApp tells about one app. Scope apps.read.
func GetApp(ctx context.Context, appID uint32) (*st.GetAppResponse, error) {
	request := &st.GetAppRequest{Context: caller("apps.read"), AppId: appID}
	return ask(ctx, true, "failed to get app", request, client.GetApp)
}

// WritePluginKV keeps a value, until that time where one is given, and tells whether its key is new. Scope kv.readwrite.
func WritePluginKV(ctx context.Context, key string, value []byte, expireAt *time.Time) (bool, error) {
	request := &st.WritePluginKVRequest{Context: caller("kv.readwrite"), Key: key, Value: value}
	if expireAt != nil {
		request.ExpireAt = timestamppb.New(*expireAt)
	}
	answer, err := ask(ctx, true, "failed to write KV data", request, client.WritePluginKV)
	return answer.GetCreated(), err
}

// WritePluginKVWithTTL keeps a value for some time.
func WritePluginKVWithTTL(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	at := time.Now().Add(ttl)
	return WritePluginKV(ctx, key, value, &at)
}

// ReadPluginKV returns a value; where there is none, an error with the code NotFound. Scope kv.readwrite.
func ReadPluginKV(ctx context.Context, key string) ([]byte, error) {
	request := &st.ReadPluginKVRequest{Context: caller("kv.readwrite"), Key: key}
	answer, err := ask(ctx, true, "failed to read KV data", request, client.ReadPluginKV)
	return answer.GetValue(), err
}

// DeletePluginKV removes a value and tells whether there was one. Scope kv.readwrite.
func DeletePluginKV(ctx context.Context, key string) (bool, error) {
	request := &st.DeletePluginKVRequest{Context: caller("kv.readwrite"), Key: key}
	answer, err := ask(ctx, true, "failed to delete KV data", request, client.DeletePluginKV)
	return answer.GetDeleted(), err
}

// client is the client of the service that answers.
type client = st.AIStudioManagementServiceClient

// caller is what a call says of the plugin. The host goes by the connection.
func caller(scope string) *st.PluginContext {
	return &st.PluginContext{PluginId: GetPluginID(), MethodScope: scope}
}

func ask[Q, A any](ctx context.Context, isRepeatable bool, what string, request *Q,
	method func(client, context.Context, *Q, ...grpc.CallOption) (*A, error),
) (*A, error) {
	var answer *A
	err := process.Current().Ask(ctx, isRepeatable, func(ctx context.Context, conn grpc.ClientConnInterface) (err error) {
		answer, err = method(st.NewAIStudioManagementServiceClient(conn), ctx, request)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return answer, nil
}
