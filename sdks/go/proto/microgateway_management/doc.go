// Package microgateway_management holds the services of a gateway for its plugins: storage, and facts
// about the gateway. It is made from the protocol files by the command in ../../gen.
package microgateway_management
