// Package plugin_sdk writes plugins for Sidegate in Go: programs that answer the HTTP requests below
// /plugins/{slug}/.
//
//	type hello struct{ plugin_sdk.BasePlugin }
//
//	func (hello) GetEndpointRegistrations() ([]*pb.EndpointRegistration, error) {
//		return []*pb.EndpointRegistration{{Path: "/*", Methods: []string{"GET"}}}, nil
//	}
//
//	func (hello) HandleEndpointRequest(ctx plugin_sdk.Context, req *pb.EndpointRequest) (*pb.EndpointResponse, error) {
//		return &pb.EndpointResponse{StatusCode: 200, Body: []byte("hello " + req.RelativePath)}, nil
//	}
//
//	func main() {
//		plugin_sdk.Serve(hello{plugin_sdk.NewBasePlugin("hello", "1.0.0", "Says hello")})
//	}
//
// In reading order: a [Plugin] embeds [BasePlugin] and implements the capabilities it offers, such
// as [CustomEndpointHandler]; [Serve] runs it; every method is given a [Context], whose Services
// lead to the log and to what the host offers: key-value storage, events, facts about apps.
//
// The names are those that authors of such plugins already know, so that their sources need nothing
// but other import paths. The package speaks the plugin protocol and knows nothing of the gateway.
package plugin_sdk
