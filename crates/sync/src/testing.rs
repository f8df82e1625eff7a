//! What tests of several modules make up: plugins, apps and tokens of every kind.

use crate::content::Content;
use crate::manifest::{Manifest, Position, Publication};
use crate::object::Blob;
use crate::signature::{Signer, VerifiedManifest};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};
use sidegate_model::app::{App, AppId};
use sidegate_model::issuer::{Issuer, IssuerDraft, IssuerId};
use sidegate_model::last_use::LastUse;
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::{PluginId, PluginOptions, PluginSpec, Slug};
use sidegate_model::public_endpoints::PublicEndpoints;
use sidegate_model::snapshot::Snapshot;
use sidegate_model::token::{Token, TokenHash, TokenId};

pub(crate) fn plugin() -> impl Strategy<Value = PluginSpec> {
    let texts = (".{0,12}", ".{0,12}", proptest::option::of("[a-z0-9][a-z0-9._-]{0,5}"));
    let public =
        proptest::option::of(btree_set(select(vec!["GET /a", "POST /b/*", "GET /b"]), 0..3));
    let lists = (vec(".{0,5}", 0..3), btree_set("[a-z.]{1,8}", 0..3), public);
    (0..500_u32, texts, json(), options(), lists, any::<u32>()).prop_map(
        |(
            id,
            (name, command, slug),
            config,
            options,
            (hook_types, service_scopes, public),
            reloads,
        )| {
            PluginSpec {
                namespace: <_>::default(),
                id: PluginId(id),
                name,
                slug: slug.map(|slug| Slug::parse(&slug).unwrap()),
                command,
                config,
                options,
                hook_types,
                service_scopes,
                public_endpoints: public.map(|public| {
                    let parse = |text: &&'static str| PublicEndpoints::parse(text).unwrap();
                    public.iter().map(parse).collect()
                }),
                secret_settings: <_>::default(),
                reloads,
            }
        },
    )
}

fn options() -> impl Strategy<Value = PluginOptions> {
    let option = select(vec![
        ("require_auth", "true"),
        ("apps", "7,billing"),
        ("apps", "?,"),
        ("scopes_required", "b.read,a"),
        ("issuers", "corp,lab"),
        ("query_token", "false"),
        ("allowed_origins", "same,https://a.example"),
        ("restart.base", "1500ms"),
        ("stream_recheck", "false"),
        ("oauth.authorization_servers", "plugin:oidc,https://id.example.com"),
        ("sha256", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
        ("sha256", "none"),
        ("host", "id.example.com"),
        ("env.MODE", "a=b, c"),
        ("cors.origins", "https://a.example,http://localhost:1"),
        ("max_concurrent", "7"),
        ("max_concurrent.queue_timeout", "3s"),
    ]);
    vec(option, 0..6).prop_map(|options| {
        let raw = options.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        PluginOptions::read(&raw.collect()).0
    })
}

pub(crate) fn issuer() -> impl Strategy<Value = Issuer> {
    let clients = btree_map("[a-z]{1,4}", "[a-z]{1,4}", 0..3);
    (0..600_u32, "[a-z]{1,8}", clients, 0..300_000_u64).prop_map(|(id, name, clients, leeway)| {
        let draft = IssuerDraft::new(&name, &format!("https://{name}.example"));
        let draft = IssuerDraft { audiences: vec![name], clients, leeway, ..draft };
        Issuer { id: IssuerId(id), draft, created_at: 1, updated_at: i64::from(id) }
    })
}

pub(crate) fn json() -> impl Strategy<Value = Map<String, Value>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(Value::from(-0.0)),
        ".{0,10}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(".{0,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    btree_map(".{0,6}", value, 0..4).prop_map(|map| map.into_iter().collect())
}

pub(crate) fn app() -> impl Strategy<Value = App> {
    let budget = prop_oneof![Just(0.0), Just(-0.0), 0.0..1e9_f64];
    (0..600_u32, ".{0,8}", any::<bool>(), budget, any::<u32>(), json()).prop_map(
        |(id, name, is_active, monthly_budget, rate_limit, metadata)| App {
            name,
            is_active,
            monthly_budget,
            rate_limit,
            metadata,
            ..simple_app(id)
        },
    )
}

pub(crate) fn simple_app(id: u32) -> App {
    App {
        id: AppId(id),
        name: format!("app-{id}"),
        description: String::new(),
        owner_email: "a@b".to_owned(),
        is_active: true,
        monthly_budget: 0.0,
        rate_limit: 0,
        metadata: Map::new(),
        namespace: <_>::default(),
        max_staleness: None,
        managed_by: String::new(),
        made_for: None,
        created_at: 1,
        updated_at: 2,
    }
}

pub(crate) fn token() -> impl Strategy<Value = Token> {
    let numbers = (any::<u32>(), any::<u32>(), any::<i64>());
    let options = (proptest::option::of(any::<i64>()), proptest::option::of(any::<u32>()));
    (any::<[u8; 32]>(), numbers, options, vec("[a-z]{1,4}", 0..3), ".{0,5}").prop_map(
        |(hash, (id, app, at), (expires_at, replaced_by), scopes, name)| Token {
            id: TokenId(id),
            app_id: AppId(app),
            name,
            hash: TokenHash(hash),
            hint: "sgt_abcd".to_owned(),
            scopes,
            expires_at,
            created_at: at,
            updated_at: at,
            replaced_by: replaced_by.map(TokenId),
            last_used: LastUse::default(),
        },
    )
}

/// A revision of the global namespace, with its blobs.
pub(crate) fn published(
    signer: &Signer,
    (lineage, revision): (u64, u64),
    content: &Snapshot,
) -> (VerifiedManifest, Vec<Blob>) {
    let content = Content::of(content).unwrap();
    let publication = Publication {
        namespace: Namespace::global(),
        position: Position { lineage, revision },
        parent: None,
        author: "root".to_owned(),
        at: 7,
    };
    let manifest = Manifest::new(publication, content.blobs()).unwrap();
    (signer.sign(manifest), content.blobs().cloned().collect())
}

/// Plugins of these numbers, whose commands name the version.
pub(crate) fn plugins(ids: &[u32], version: u64) -> Snapshot {
    ids.iter().fold(Snapshot::default(), |snapshot, id| {
        let command = format!("file:///opt/v{version}");
        let spec = PluginSpec::new(PluginId(*id), &format!("p{id}"), &command);
        snapshot.with_plugin(spec.id, Some(spec))
    })
}
