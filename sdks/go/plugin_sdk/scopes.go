package plugin_sdk

import "strings"

// RequiredScopes makes the metadata of a registration with which the host lets only callers through
// whose token carries all these scopes. It implies a token; set RequireAuth all the same, for hosts
// that know nothing of this. Without any scope there is no such metadata.
func RequiredScopes(scopes ...string) map[string]string {
	if len(scopes) == 0 {
		return nil
	}
	return map[string]string{"scopes_required": strings.Join(scopes, ",")}
}
