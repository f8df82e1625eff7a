//! What waits for an operator, as the admin API tells it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that waits for an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NeedAttributes {
    /// What it is.
    pub kind: NeedKind,
    /// How soon somebody should look.
    pub urgency: Urgency,
    /// What it is about.
    pub thing: NeedThing,
    /// Since when it is so, or when it happens for what expires; `null` where that is not known. UTC, RFC 3339.
    pub since: Option<String>,
    /// What is the matter, in words for an operator.
    pub text: String,
    /// What to do, in words for an operator.
    pub action: String,
    /// The command that does it or shows more; `null` where there is none.
    pub command: Option<String>,
}

/// What a need is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NeedThing {
    /// What kind of thing it is.
    #[serde(rename = "type")]
    pub kind: NeedThingKind,
    /// Its id, as it stands in addresses; for a certificate the name of its setting.
    pub id: String,
    /// What it is called.
    pub name: String,
}

/// What kinds of things needs are about.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum NeedThingKind {
    /// A plugin.
    #[default]
    Plugin,
    /// A token of an app.
    Token,
    /// An admin token.
    AdminToken,
    /// A certificate of a port of this process.
    Certificate,
    /// An edge of a control plane.
    Edge,
    /// An issuer of JWTs.
    Issuer,
}

/// How soon somebody should look, most urgent first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Something does not work now.
    Now,
    /// Something will stop to work.
    Soon,
    /// Something waits for a decision.
    Decision,
}

/// What waits for an operator.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NeedKind {
    /// A plugin failed so often that it is not started any more.
    PluginParked,
    /// A plugin is to run, and cannot be started, whatever is tried again.
    PluginStopped,
    /// A plugin fails and is started again and again, or cannot be started as it is now, and its process before serves.
    PluginFailing,
    /// The configuration of a plugin does not fit its schema.
    PluginInvalidConfig,
    /// The keys of an issuer cannot be fetched.
    IssuerKeysMissing,
    /// A plugin takes JWTs of an issuer that is not there, or an issuer is a plugin that is not, or a client of it speaks for
    /// an app that is not.
    IssuerIncomplete,
    /// An edge does not take something that is published.
    EdgeRejected,
    /// An edge does not serve by what is published, or has not heard from its control plane for long.
    EdgeStale,
    /// An edge that joined is not connected.
    EdgeOffline,
    /// A certificate ends, or has ended.
    CertificateExpires,
    /// A token of an app ends.
    TokenExpires,
    /// An admin token ends.
    AdminTokenExpires,
    /// A plugin wishes to ask more of the gateway than it may.
    ScopesWished,
    /// A plugin offers something without a token that nobody has approved.
    PublicEndpointWaits,
}

impl NeedKind {
    /// Every kind, most urgent first.
    pub const ALL: [Self; 14] = [
        Self::PluginParked,
        Self::PluginStopped,
        Self::PluginFailing,
        Self::PluginInvalidConfig,
        Self::IssuerKeysMissing,
        Self::IssuerIncomplete,
        Self::EdgeRejected,
        Self::EdgeStale,
        Self::EdgeOffline,
        Self::CertificateExpires,
        Self::TokenExpires,
        Self::AdminTokenExpires,
        Self::ScopesWished,
        Self::PublicEndpointWaits,
    ];

    /// How soon somebody should look.
    pub const fn urgency(self) -> Urgency {
        match self {
            Self::PluginParked
            | Self::PluginStopped
            | Self::PluginFailing
            | Self::PluginInvalidConfig
            | Self::IssuerKeysMissing
            | Self::IssuerIncomplete
            | Self::EdgeRejected
            | Self::EdgeStale
            | Self::EdgeOffline => Urgency::Now,
            Self::CertificateExpires | Self::TokenExpires | Self::AdminTokenExpires => {
                Urgency::Soon
            }
            Self::ScopesWished | Self::PublicEndpointWaits => Urgency::Decision,
        }
    }
}
