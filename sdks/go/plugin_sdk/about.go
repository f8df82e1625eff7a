package plugin_sdk

import (
	"context"

	pb "sidegate.dev/sdk/proto"
	cp "sidegate.dev/sdk/proto/config_provider"
)

// What the plugin says of itself, and its user interface.

func (s *server) GetConfigSchema(context.Context, *pb.GetConfigSchemaRequest) (*pb.GetConfigSchemaResponse, error) {
	schema, err := s.schema()
	if err != nil {
		return &pb.GetConfigSchemaResponse{ErrorMessage: SanitizeUTF8String(err.Error())}, nil
	}
	return &pb.GetConfigSchemaResponse{Success: true, SchemaJson: schema}, nil
}

// schema is "{}" where the plugin has none.
func (s *server) schema() (string, error) {
	provider, is := s.plugin.(configProvider)
	if !is {
		return "{}", nil
	}
	schema, err := provider.GetConfigSchema()
	return SanitizeUTF8(schema), err
}

func (s *server) GetManifest(context.Context, *pb.GetManifestRequest) (*pb.GetManifestResponse, error) {
	provider, is := s.plugin.(manifestProvider)
	if !is {
		return &pb.GetManifestResponse{ErrorMessage: "plugin does not provide a manifest"}, nil
	}
	manifest, err := provider.GetManifest()
	if err != nil {
		return &pb.GetManifestResponse{ErrorMessage: SanitizeUTF8String(err.Error())}, nil
	}
	return &pb.GetManifestResponse{Success: true, ManifestJson: SanitizeUTF8(manifest)}, nil
}

const noUI = "plugin does not provide UI assets"

func (s *server) GetAsset(_ context.Context, req *pb.GetAssetRequest) (*pb.GetAssetResponse, error) {
	ui, is := s.plugin.(uiProvider)
	if !is {
		return &pb.GetAssetResponse{ErrorMessage: noUI}, nil
	}
	content, mimeType, err := ui.GetAsset(req.GetAssetPath())
	if err != nil {
		return &pb.GetAssetResponse{ErrorMessage: SanitizeUTF8String(err.Error())}, nil
	}
	return &pb.GetAssetResponse{Success: true, Content: content, MimeType: mimeType, ContentLength: int64(len(content))}, nil
}

func (s *server) ListAssets(_ context.Context, req *pb.ListAssetsRequest) (*pb.ListAssetsResponse, error) {
	ui, is := s.plugin.(uiProvider)
	if !is {
		return &pb.ListAssetsResponse{ErrorMessage: noUI}, nil
	}
	assets, err := ui.ListAssets(req.GetPathPrefix())
	if err != nil {
		return &pb.ListAssetsResponse{ErrorMessage: SanitizeUTF8String(err.Error())}, nil
	}
	return &pb.ListAssetsResponse{Success: true, Assets: assets}, nil
}

func (s *server) Call(_ context.Context, req *pb.CallRequest) (*pb.CallResponse, error) {
	ui, is := s.plugin.(uiProvider)
	if !is {
		return &pb.CallResponse{ErrorMessage: "plugin does not provide RPC methods"}, nil
	}
	if s.runtime == RuntimeStudio {
		s.host.identify(0, req.GetServiceBrokerId())
	}
	data, err := ui.HandleRPC(req.GetMethod(), []byte(req.GetPayload()))
	if err != nil {
		return &pb.CallResponse{ErrorMessage: SanitizeUTF8String(err.Error())}, nil
	}
	return &pb.CallResponse{Success: true, Data: SanitizeUTF8(data)}, nil
}

// configServer answers, in a service of its own, what the plugin is before it is initialized.
type configServer struct {
	cp.UnsafeConfigProviderServiceServer

	server *server
}

func (c configServer) GetConfigSchema(context.Context, *cp.ConfigSchemaRequest) (*cp.ConfigSchemaResponse, error) {
	schema, err := c.server.schema()
	if err != nil {
		return &cp.ConfigSchemaResponse{ErrorMessage: SanitizeUTF8String(err.Error())}, nil
	}
	return &cp.ConfigSchemaResponse{Success: true, SchemaJson: schema}, nil
}

func (c configServer) GetManifest(context.Context, *cp.GetManifestRequest) (*cp.GetManifestResponse, error) {
	provider, is := c.server.plugin.(manifestProvider)
	if !is {
		return &cp.GetManifestResponse{Success: true, ManifestJson: "{}"}, nil
	}
	manifest, err := provider.GetManifest()
	if err != nil {
		return &cp.GetManifestResponse{ErrorMessage: SanitizeUTF8String(err.Error())}, nil
	}
	return &cp.GetManifestResponse{Success: true, ManifestJson: SanitizeUTF8(manifest)}, nil
}

func (c configServer) Ping(_ context.Context, req *cp.ConfigPingRequest) (*cp.ConfigPingResponse, error) {
	return &cp.ConfigPingResponse{Timestamp: req.GetTimestamp(), Healthy: true}, nil
}
