//! The bytes and names that plugins built long ago rely on, written down by hand: a protocol file
//! that drifts fails here, however fresh the generated code is.

use prost::Message as _;
use sidegate_wire::plugin::{
    self, ConnInfo, EndpointRequest, EndpointResponseChunk, HeaderField, InitRequest,
    ObjectHookResponse, conn_info, endpoint_response_chunk::ChunkType,
};
use sidegate_wire::{config_provider, handshake, health, host, studio};

#[test]
fn services_keep_their_full_names() {
    let names = [
        (plugin::plugin_service_server::SERVICE_NAME, "plugin.PluginService"),
        (plugin::grpc_broker_server::SERVICE_NAME, "plugin.GRPCBroker"),
        (plugin::grpc_controller_server::SERVICE_NAME, "plugin.GRPCController"),
        (plugin::grpc_stdio_server::SERVICE_NAME, "plugin.GRPCStdio"),
        (
            config_provider::config_provider_service_server::SERVICE_NAME,
            "config_provider.ConfigProviderService",
        ),
        (
            studio::ai_studio_management_service_server::SERVICE_NAME,
            "ai_studio_management.AIStudioManagementService",
        ),
        (host::sidegate_host_service_server::SERVICE_NAME, "sidegate_host.SidegateHostService"),
        (health::health_server::SERVICE_NAME, "grpc.health.v1.Health"),
    ];
    for (generated, known) in names {
        assert_eq!(generated, known);
    }
}

#[test]
fn a_chunk_is_encoded_as_old_plugins_expect() {
    let chunk = EndpointResponseChunk {
        r#type: ChunkType::Body.into(),
        data: "hi".into(),
        ..EndpointResponseChunk::default()
    };
    assert_eq!(chunk.encode_to_vec(), b"\x08\x01\x22\x02hi");
}

#[test]
fn broker_messages_carry_the_knock_in_field_four() {
    let knock = conn_info::Knock { knock: true, ack: true, error: String::new() };
    let info = ConnInfo { service_id: 3, knock: Some(knock), ..ConnInfo::default() };
    assert_eq!(info.encode_to_vec(), b"\x08\x03\x22\x04\x08\x01\x10\x01");
}

#[test]
fn sparse_field_numbers_are_kept() {
    let response = ObjectHookResponse { modified: true, ..ObjectHookResponse::default() };
    // Field 31, a varint.
    assert_eq!(response.encode_to_vec(), b"\xf8\x01\x01");
}

#[test]
fn extensions_start_at_a_thousand_and_cost_nothing_when_unused() {
    assert!(EndpointRequest::default().encode_to_vec().is_empty());
    let field = HeaderField { name: "a".to_owned(), value: b"\xff".as_slice().into() };
    let request = EndpointRequest { header_list: vec![field], ..EndpointRequest::default() };
    assert_eq!(request.encode_to_vec(), b"\xc2\x3e\x06\x0a\x01a\x12\x01\xff");
    let raw = EndpointRequest { raw_path: "/".into(), ..EndpointRequest::default() };
    assert_eq!(raw.encode_to_vec(), b"\xca\x3e\x01/");
}

#[test]
fn a_plugin_that_knows_no_extension_reads_the_rest() {
    // What such a plugin declares of Initialize: the configuration alone.
    #[derive(Clone, PartialEq, prost::Message)]
    struct OldInitRequest {
        #[prost(map = "string, string", tag = "1")]
        config: std::collections::HashMap<String, String>,
    }
    let config = [(handshake::CONFIG_PLUGIN_ID.to_owned(), "7".to_owned())];
    let request = InitRequest {
        config: config.into(),
        features: vec![handshake::FEATURE_HEADER_LIST.to_owned()],
    };
    let old = OldInitRequest::decode(request.encode_to_vec().as_slice()).unwrap();
    assert_eq!(old.config, request.config);
}
