// What the page calls its working example: CustomEndpointHandler, UIProvider and ConfigProvider in one plugin, as
// such plugins are written for the existing system.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/TykTechnologies/midsommar/v2/pkg/ai_studio_sdk"
	"github.com/TykTechnologies/midsommar/v2/pkg/plugin_sdk"
	pb "github.com/TykTechnologies/midsommar/v2/proto"
	"google.golang.org/grpc"
)

// manifest has every key that manifests of the existing system have.
const manifest = `{
	"id": "com.example.echo", "version": "1.0.0", "name": "Echo", "description": "Shows and edits a content",
	"plugin_type": "gateway", "scopeRequests": [], "kvNamespace": "echo",
	"capabilities": {"hooks": ["custom_endpoint", "studio_ui"], "primary_hook": "custom_endpoint"},
	"permissions": {
		"services": ["plugins.read", "plugins.write", "kv.readwrite"], "object_hooks": ["llm.before_create"],
		"ui": ["sidebar.register", "route.register"], "portal_ui": ["sidebar.register"],
		"rpc": ["call"], "kv": ["read", "write", "list"], "routes": ["/admin/echo/*"]
	},
	"rpc": {"basePath": "/plugins/echo/rpc", "proto": "rpc/echo.proto", "entrypoint": "Echo"},
	"ui": {"slots": [
		{"slot": "sidebar.section", "label": "Echo", "icon": "/assets/icon.svg", "items": [
			{"type": "route", "path": "/admin/echo/config", "title": "Configure",
			 "mount": {"kind": "webc", "tag": "echo-config", "entry": "/ui/echo.js", "props": {"color": "blue", "maxLength": 4000}}},
			{"type": "route", "path": "/admin/echo/federated", "title": "Federated",
			 "mount": {"kind": "module-federation", "remote": "/ui/remote.js", "exposed": "./Page"}},
			{"type": "route", "path": "/admin/echo/framed", "title": "Framed", "mount": {"kind": "iframe", "app": "/ui/app.html"}}
		]},
		{"slot": "app.detail.tab", "label": "Echo"}
	]},
	"portal": {"slots": [{"slot": "portal_sidebar.section", "label": "Echo", "icon": "", "groups": ["staff"], "items": [
		{"type": "route", "path": "/portal/echo", "title": "Echo", "mount": {"kind": "webc", "tag": "echo-portal", "entry": "/ui/echo.js"}}
	]}]},
	"assets": ["/assets/icon.svg", "/ui/echo.js"],
	"schedules": [{"id": "tidy", "name": "Tidy up", "cron": "0 3 * * *", "timezone": "UTC", "enabled": false, "timeout_seconds": 60, "config": {}}],
	"resource_types": [{"slug": "content", "name": "Content", "description": "", "icon": "", "has_privacy_score": false,
		"supports_submissions": false, "form_component": {"tag": "echo-form", "entry_point": "/ui/echo.js"}}],
	"compat": {"app": ">=2.0", "api": ["v1"], "min_gateway_version": "2.0.0"},
	"security": {"csp": "default-src 'self'"}
}`

// component is written as authors write them for the existing system: a global class that waits for its pluginAPI, draws in
// a shadow root, and has inline handlers and a question.
const component = `
class EchoConfigEditor extends HTMLElement {
  constructor() {
    super();
    this.attachShadow({ mode: 'open' });
    this.config = {};
  }

  async connectedCallback() {
    this.render();
    await this.waitForPluginAPI();
    await this.loadConfig();
  }

  async waitForPluginAPI() {
    for (let i = 0; i < 50 && !this.pluginAPI; i++) {
      await new Promise(resolve => setTimeout(resolve, 100));
    }
    if (!this.pluginAPI) this.showMessage('Plugin API not available', 'error');
  }

  async loadConfig() {
    this.config = await this.pluginAPI.call('get_config', {});
    this.shadowRoot.getElementById('content').value = this.config.content;
    this.showMessage('Loaded ' + this.config.slug + ' in ' + this.dataset.color + ', ' + this.dataset.maxLength, 'info');
  }

  async saveConfig() {
    if (!confirm('Save the configuration?')) return;
    try {
      const content = this.shadowRoot.getElementById('content').value;
      const result = await this.pluginAPI.call('save_config', { slug: this.config.slug, content });
      this.showMessage(result.message, result.success ? 'success' : 'error');
    } catch (err) {
      this.showMessage('Failed to save: ' + err.message, 'error');
    }
  }

  showMessage(text, kind) {
    const message = this.shadowRoot.getElementById('message');
    message.textContent = text;
    message.className = kind;
  }

  render() {
    this.shadowRoot.innerHTML =
      '<style>:host { display: block; padding: 24px } .success { color: #1b5e20 } .error { color: #b71c1c }</style>' +
      '<h2>Custom content</h2>' +
      '<label for="content">Content</label><br><textarea id="content" rows="6"></textarea><br>' +
      '<button onclick="this.getRootNode().host.saveConfig()">Save</button>' +
      '<div id="message" role="status"></div>';
  }
}
customElements.define('echo-config', EchoConfigEditor);
`

type EchoPlugin struct {
	plugin_sdk.BasePlugin
	slug, content string
}

var (
	_ plugin_sdk.CustomEndpointHandler = (*EchoPlugin)(nil)
	_ plugin_sdk.UIProvider            = (*EchoPlugin)(nil)
	_ plugin_sdk.ConfigProvider        = (*EchoPlugin)(nil)
)

func (p *EchoPlugin) Initialize(ctx plugin_sdk.Context, config map[string]string) error {
	p.slug, p.content = config["slug"], config["custom_content"]
	ctx.Services.Logger().Info("echo initialized", "runtime", ctx.Runtime)
	return nil
}

func (p *EchoPlugin) GetEndpointRegistrations() ([]*pb.EndpointRegistration, error) {
	return []*pb.EndpointRegistration{{Path: "/*", Methods: []string{"GET", "POST"}}}, nil
}

func (p *EchoPlugin) HandleEndpointRequest(ctx plugin_sdk.Context, req *pb.EndpointRequest) (*pb.EndpointResponse, error) {
	return &pb.EndpointResponse{StatusCode: 200, Body: []byte(req.Method + " " + p.content)}, nil
}

func (p *EchoPlugin) HandleEndpointRequestStream(ctx plugin_sdk.Context, req *pb.EndpointRequest, stream grpc.ServerStreamingServer[pb.EndpointResponseChunk]) error {
	return fmt.Errorf("streaming not supported")
}

func (p *EchoPlugin) GetManifest() ([]byte, error) {
	return []byte(manifest), nil
}

func (p *EchoPlugin) GetAsset(assetPath string) ([]byte, string, error) {
	switch strings.TrimPrefix(assetPath, "/") {
	case "ui/echo.js":
		return []byte(component), "application/javascript", nil
	case "assets/icon.svg":
		return []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), "image/svg+xml", nil
	}
	return nil, "", fmt.Errorf("asset not found: %s", assetPath)
}

func (p *EchoPlugin) ListAssets(pathPrefix string) ([]*pb.AssetInfo, error) {
	return []*pb.AssetInfo{}, nil
}

func (p *EchoPlugin) HandleRPC(method string, payload []byte) ([]byte, error) {
	switch method {
	case "get_config":
		return json.Marshal(map[string]string{"slug": p.slug, "content": p.content})
	case "save_config":
		return p.saveConfig(payload)
	case "not_json":
		return []byte("plain words"), nil
	}
	return nil, fmt.Errorf("unknown RPC method: %s", method)
}

func (p *EchoPlugin) saveConfig(payload []byte) ([]byte, error) {
	var wanted struct{ Slug, Content string }
	if err := json.Unmarshal(payload, &wanted); err != nil {
		return nil, fmt.Errorf("invalid payload: %v", err)
	}
	if wanted.Slug == "" {
		return nil, fmt.Errorf("slug is required")
	}
	config, err := json.Marshal(map[string]string{"slug": wanted.Slug, "custom_content": wanted.Content})
	if err != nil {
		return nil, err
	}
	answer, err := ai_studio_sdk.UpdatePluginConfig(context.Background(), ai_studio_sdk.GetPluginID(), string(config))
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"success": answer.Success, "message": answer.Message})
}

func (p *EchoPlugin) GetConfigSchema() ([]byte, error) {
	return []byte(`{"type": "object", "properties": {"slug": {"type": "string"}, "custom_content": {"type": "string"}}, "required": ["slug"]}`), nil
}

func main() {
	plugin_sdk.Serve(&EchoPlugin{BasePlugin: plugin_sdk.NewBasePlugin("echo", "1.0.0", "Shows and edits a content")})
}
