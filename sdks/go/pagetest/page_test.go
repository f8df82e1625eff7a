package pagetest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestThePagesPluginsRunUnderTheGateway(t *testing.T) {
	bin := build(t)
	gateway := startGateway(t)
	for name, story := range map[string]func(g *runningGateway, bin string){
		"webhook receiver": webhookReceiver,
		"MCP proxy":        mcpProxy,
		"unary":            unary,
		"stream":           stream,
		"access control":   accessControl,
		"paths":            paths,
		"echo with a page": echoWithPage,
	} {
		t.Run(name, func(t *testing.T) {
			g := *gateway
			g.T = t
			story(&g, bin)
		})
	}
}

func webhookReceiver(g *runningGateway, bin string) {
	g.plugin(bin, "webhook", "--set", "webhook_secret=s3cret")
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write([]byte(`{"n":1}`))
	signed := "X-Webhook-Signature: " + hex.EncodeToString(mac.Sum(nil))

	g.wants(200, `payment {"n":1}`, "POST", "/plugins/webhook/payment", `{"n":1}`, signed)
	g.wants(200, `user {"n":1}`, "POST", "/plugins/webhook/user", `{"n":1}`, signed)
	header := g.wants(200, `{"status": "acknowledged"}`, "POST", "/plugins/webhook/other", `{"n":1}`, signed)
	if header.Get("Content-Type") != "application/json" {
		g.Error(header)
	}
	g.wants(400, `{"error": "missing event type"}`, "POST", "/plugins/webhook/", `{"n":1}`, signed)
	g.wants(401, `{"error": "invalid signature"}`, "POST", "/plugins/webhook/payment", `{"n":2}`, signed)
	g.wants(401, `{"error": "invalid signature"}`, "POST", "/plugins/webhook/payment", `{"n":1}`)
	if status, _, _ := g.send("GET", "/plugins/webhook/payment", ""); status != 405 {
		g.Errorf("GET: %d", status)
	}
	g.eventually("the plugin's log lines are in the gateway's log", func() bool {
		log, _ := os.ReadFile(g.log.Name())
		return strings.Contains(string(log), "Webhook receiver initialized") && strings.Contains(string(log), "Webhook received")
	})
}

func mcpProxy(g *runningGateway, bin string) {
	g.plugin(bin, "mcp")
	bearer := "Authorization: Bearer " + g.token("mcp")
	call := `{"jsonrpc":"2.0","id":7,"method":"tools/list"}`

	header := g.wants(200, `{"id":7,"jsonrpc":"2.0","result":{"method":"tools/list"}}`,
		"POST", "/plugins/mcp/mcp", call, bearer, "Accept: application/json")
	if header.Get("Content-Type") != "application/json" {
		g.Error(header)
	}
	events := "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n" +
		"data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"method\":\"tools/list\"}}\n\n"
	header = g.wants(200, events, "POST", "/plugins/mcp/mcp", call, bearer, "Accept: application/json, text/event-stream")
	if header.Get("Content-Type") != "text/event-stream" {
		g.Error(header)
	}
	g.wants(200, "event: message\ndata: hello s-1\n\n", "GET", "/plugins/mcp/mcp", "", bearer, "MCP-SESSION-ID: s-1")
	g.wants(204, "", "DELETE", "/plugins/mcp/mcp", "", bearer)
	if status, _, _ := g.send("POST", "/plugins/mcp/mcp", call); status != 401 {
		g.Errorf("without a token: %d", status)
	}
}

func unary(g *runningGateway, bin string) {
	g.plugin(bin, "unary")
	g.wants(200, "root", "GET", "/plugins/unary/", "")
	g.wants(200, "well-known openid-configuration", "GET", "/plugins/unary/.well-known/openid-configuration", "")
	g.wants(200, "user 123", "GET", "/plugins/unary/users/123/profile", "")
	g.wants(404, `{"error": "not found"}`, "GET", "/plugins/unary/other", "")
}

func stream(g *runningGateway, bin string) {
	g.plugin(bin, "stream")
	bearer := "Authorization: Bearer " + g.token("stream")
	events := "data: {\"count\": 0}\n\ndata: {\"count\": 1}\n\ndata: {\"count\": 2}\n\ndata: {\"count\": 3}\n\ndata: {\"count\": 4}\n\n"
	header := g.wants(200, events, "GET", "/plugins/stream/events", "", bearer)
	if header.Get("Content-Type") != "text/event-stream" || header.Get("Cache-Control") != "no-cache" {
		g.Error(header)
	}
}

func accessControl(g *runningGateway, bin string) {
	g.plugin(bin, "access")
	welcome := "Authorization: Bearer " + g.token("friend", "--metadata", "mcp_access=allowed", "--metadata", "allowed_operations=GET")
	stranger := "Authorization: Bearer " + g.token("stranger")
	g.wants(200, "welcome friend", "GET", "/plugins/access/x", "", welcome)
	g.wants(405, "Method not allowed for this app", "POST", "/plugins/access/x", "", welcome)
	g.wants(403, "Forbidden", "GET", "/plugins/access/x", "", stranger)
	g.wants(401, "Unauthorized", "GET", "/plugins/access/open", "")
}

func paths(g *runningGateway, bin string) {
	g.plugin(bin, "paths")
	bearer := "Authorization: Bearer " + g.token("paths")
	g.wants(200, "GET /.well-known/openid-configuration", "GET", "/plugins/paths/.well-known/openid-configuration", "")
	g.wants(200, "POST /token", "POST", "/plugins/paths/token", "")
	g.wants(200, "GET /userinfo", "GET", "/plugins/paths/userinfo", "", bearer)
	if status, _, _ := g.send("GET", "/plugins/paths/userinfo", ""); status != 401 {
		g.Errorf("without a token: %d", status)
	}
	if status, _, _ := g.send("GET", "/plugins/paths/other", ""); status != 404 {
		g.Errorf("other: %d", status)
	}
}

func echoWithPage(g *runningGateway, bin string) {
	g.plugin(bin, "echo", "--set", "custom_content=first", "--set", "other=kept", "--grant", "plugins.write")
	g.wants(200, "GET first", "GET", "/plugins/echo/", "")
	id := g.pluginID("echo")
	at := "/api/v1/plugins/" + id

	g.admits(200, `"tag":"echo-config"`, "GET", at+"/pages", "")
	g.admits(200, `"component_tag":"echo-config"`, "GET", "/api/v1/plugins/sidebar-menu", "")
	g.admits(200, "customElements.define('echo-config'", "GET", at+"/assets/ui/echo.js", "")
	g.admits(404, "asset not found", "GET", at+"/assets/ui/none.js", "")
	g.admits(200, `{"data":{"content":"first","slug":"echo"}}`, "POST", at+"/rpc/get_config", "{}")
	g.admits(200, `{"data":"plain words"}`, "POST", at+"/rpc/not_json", "{}")
	g.admits(502, "slug is required", "POST", at+"/rpc/save_config", `{"content":"second"}`)
	g.admits(200, `"success":true`, "POST", at+"/rpc/save_config", `{"slug":"echo","content":"second"}`)
	g.wants(200, "GET second", "GET", "/plugins/echo/", "")
	g.admits(200, `"other":"kept"`, "GET", at, "")
}

// admits asks the admin API and wants this in its answer.
func (g *runningGateway) admits(status int, part, method, path, content string) {
	g.Helper()
	got, text := g.ask(method, path, content)
	if got != status || !strings.Contains(text, part) {
		g.Errorf("%s %s: %d %s instead of %d with %s", method, path, got, text, status, part)
	}
}

// pluginID is the number of a plugin by its name.
func (g *runningGateway) pluginID(name string) string {
	g.Helper()
	_, text := g.ask("GET", "/api/v1/plugins?limit=100", "")
	var list struct {
		Data []struct {
			ID         string
			Attributes struct{ Name string }
		}
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		g.Fatal(err)
	}
	for _, plugin := range list.Data {
		if plugin.Attributes.Name == name {
			return plugin.ID
		}
	}
	g.Fatalf("no plugin %s: %s", name, text)
	return ""
}

func (g *runningGateway) ask(method, path, content string) (int, string) {
	g.Helper()
	admin := *g
	admin.url = g.adminURL
	status, _, text := admin.send(method, path, content, "Authorization: Bearer "+adminToken, "Content-Type: application/json")
	return status, text
}
