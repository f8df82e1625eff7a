// A provider with the three registrations of the page of the plugin interface, as they stand there: discovery, a token endpoint,
// and userinfo, for which the gateway asks for a token. What it gives for a client's secret is therefore a token of the
// gateway, which its configuration names.
package main

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"sidegate.dev/sdk/plugin_sdk"
	pb "sidegate.dev/sdk/proto"
)

// MyPlugin is what the page calls it.
type MyPlugin struct {
	plugin_sdk.BasePlugin
	issuer, client, secret, token string
}

// Initialize reads who may have which token.
func (p *MyPlugin) Initialize(_ plugin_sdk.Context, config map[string]string) error {
	p.issuer, p.client, p.secret, p.token = config["issuer"], config["client_id"], config["client_secret"], config["access_token"]
	if p.issuer == "" || p.client == "" || p.secret == "" || p.token == "" {
		return fmt.Errorf("issuer, client_id, client_secret and access_token are needed")
	}
	return nil
}

// GetEndpointRegistrations is the page's, letter by letter.
func (p *MyPlugin) GetEndpointRegistrations() ([]*pb.EndpointRegistration, error) {
	return []*pb.EndpointRegistration{
		{
			Path:        "/.well-known/openid-configuration",
			Methods:     []string{"GET"},
			Description: "OpenID Connect discovery",
		},
		{
			Path:        "/token",
			Methods:     []string{"POST"},
			Description: "Token endpoint",
			RequireAuth: false,
		},
		{
			Path:        "/userinfo",
			Methods:     []string{"GET"},
			Description: "UserInfo endpoint",
			RequireAuth: true,
		},
	}, nil
}

// HandleEndpointRequest answers all three.
func (p *MyPlugin) HandleEndpointRequest(_ plugin_sdk.Context, req *pb.EndpointRequest) (*pb.EndpointResponse, error) {
	switch req.RelativePath {
	case "/.well-known/openid-configuration":
		return answer(200, map[string]any{
			"issuer":                                p.issuer,
			"token_endpoint":                        p.issuer + "/token",
			"userinfo_endpoint":                     p.issuer + "/userinfo",
			"grant_types_supported":                 []string{"client_credentials"},
			"response_types_supported":              []string{},
			"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
		}), nil
	case "/token":
		return p.give(req), nil
	case "/userinfo":
		return answer(200, map[string]any{"sub": fmt.Sprintf("app-%d", req.App.Id), "name": req.App.Name, "email": req.App.OwnerEmail}), nil
	}
	return answer(404, map[string]any{"error": "not_found"}), nil
}

// give answers the token endpoint.
func (p *MyPlugin) give(req *pb.EndpointRequest) *pb.EndpointResponse {
	form, err := url.ParseQuery(string(req.Body))
	if err != nil {
		return answer(400, map[string]any{"error": "invalid_request"})
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if told, ok := strings.CutPrefix(plugin_sdk.RequestHeader(req).Get("Authorization"), "Basic "); ok {
		id, secret = basic(told)
	}
	if id != p.client || subtle.ConstantTimeCompare([]byte(secret), []byte(p.secret)) != 1 {
		refused := answer(401, map[string]any{"error": "invalid_client"})
		refused.Headers["WWW-Authenticate"] = `Basic realm="page"`
		return refused
	}
	if form.Get("grant_type") != "client_credentials" {
		return answer(400, map[string]any{"error": "unsupported_grant_type"})
	}
	return answer(200, map[string]any{"access_token": p.token, "token_type": "Bearer", "expires_in": 300})
}

// basic reads client and secret as RFC 6749, 2.3.1 has them: encoded as in a form, within Basic.
func basic(told string) (id, secret string) {
	text, err := base64.StdEncoding.DecodeString(told)
	if err != nil {
		return "", ""
	}
	id, secret, _ = strings.Cut(string(text), ":")
	if plain, err := url.QueryUnescape(id); err == nil {
		id = plain
	}
	if plain, err := url.QueryUnescape(secret); err == nil {
		secret = plain
	}
	return id, secret
}

func answer(status int32, body map[string]any) *pb.EndpointResponse {
	text, err := json.Marshal(body)
	if err != nil {
		return &pb.EndpointResponse{StatusCode: 500}
	}
	headers := map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"}
	return &pb.EndpointResponse{StatusCode: status, Headers: headers, Body: text}
}

func main() {
	plugin_sdk.Serve(&MyPlugin{BasePlugin: plugin_sdk.NewBasePlugin("page-registrations", "1.0.0", "The page's three registrations")})
}
