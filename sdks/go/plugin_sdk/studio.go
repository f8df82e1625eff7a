package plugin_sdk

import (
	"context"

	"google.golang.org/grpc"

	st "sidegate.dev/sdk/proto/ai_studio_management"
)

// studioManagement is the client of the service that answers in the runtime studio.
type studioManagement = st.AIStudioManagementServiceClient

// studio asks the host that administers.
type studio struct{ host *host }

func (s studio) UpdatePluginConfig(ctx context.Context, pluginID uint32, configJSON string) (bool, string, error) {
	request := &st.UpdatePluginConfigRequest{
		Context: s.host.studioCaller("plugins.write"), PluginId: pluginID, ConfigJson: configJSON,
	}
	answer, err := askStudio(ctx, s.host, once, "failed to update the configuration", request, studioManagement.UpdatePluginConfig)
	return answer.GetSuccess(), answer.GetMessage(), err
}

func (s studio) GetApp(ctx context.Context, appID uint32) (StudioAppResponse, error) {
	request := &st.GetAppRequest{Context: s.host.studioCaller("apps.read"), AppId: appID}
	answer, err := askStudio(ctx, s.host, repeatable, "failed to get app", request, studioManagement.GetApp)
	if err != nil {
		return nil, err
	}
	return answer, nil
}

func (s studio) ListApps(ctx context.Context, page, limit int32) (StudioAppsResponse, error) {
	request := &st.ListAppsRequest{Context: s.host.studioCaller("apps.read"), Page: page, Limit: limit}
	answer, err := askStudio(ctx, s.host, repeatable, "failed to list apps", request, studioManagement.ListApps)
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// askStudio calls one method of the management service of the runtime studio.
func askStudio[Q, A any](ctx context.Context, h *host, safe safety, what string, request *Q,
	method func(studioManagement, context.Context, *Q, ...grpc.CallOption) (*A, error),
) (*A, error) {
	answer, err := call(ctx, h, safe, func(ctx context.Context, conn grpc.ClientConnInterface) (*A, error) {
		return method(st.NewAIStudioManagementServiceClient(conn), ctx, request)
	})
	if err != nil {
		return nil, described(what, err)
	}
	return answer, nil
}

// studioCaller is what a call says of the plugin. The host goes by the connection.
func (h *host) studioCaller(scope string) *st.PluginContext {
	return &st.PluginContext{PluginId: h.plugin(), MethodScope: scope}
}

// shared is how the package ai_studio_sdk asks: with the connection of the one plugin of the process.
type shared struct{ host *host }

func (s shared) PluginID() uint32 { return s.host.plugin() }

func (s shared) IsThere() bool {
	s.host.mu.Lock()
	defer s.host.mu.Unlock()
	return s.host.broker != nil && s.host.brokerID != 0
}

func (s shared) Ask(ctx context.Context, isRepeatable bool, ask func(context.Context, grpc.ClientConnInterface) error) error {
	_, err := call(ctx, s.host, safety(isRepeatable), func(ctx context.Context, conn grpc.ClientConnInterface) (struct{}, error) {
		return struct{}{}, ask(ctx, conn)
	})
	return err
}
