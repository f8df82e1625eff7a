//! The tokens of one shard as an object. When they were last used is no content.

use super::{MAX_TOLD, Rejection, invalid, shard};
use crate::features::Features;
use crate::message;
use sidegate_model::app::AppId;
use sidegate_model::last_use::LastUse;
use sidegate_model::sharded::ShardKey as _;
use sidegate_model::token::{Token, TokenHash, TokenId};
use std::sync::Arc;

/// Some of the tokens: those whose hashes name this shard.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenShard {
    /// Which shard.
    pub shard: u8,
    /// Its tokens, in the order of hashes.
    pub tokens: Vec<Arc<Token>>,
    /// Why others are not among them, as far as they need what this version does not know.
    pub left_out: Vec<String>,
}

impl TokenShard {
    /// These tokens, in order.
    pub fn new(shard: u8, tokens: impl IntoIterator<Item = Arc<Token>>) -> Self {
        let mut tokens: Vec<_> = tokens.into_iter().collect();
        tokens.sort_unstable_by_key(|token| token.hash);
        Self { shard, tokens, left_out: Vec::new() }
    }

    pub(super) fn to_message(&self) -> message::TokenShard {
        let tokens = self.tokens.iter().map(|token| token_message(token)).collect();
        message::TokenShard { shard: self.shard.into(), tokens }
    }

    pub(super) fn from_message(
        mut message: message::TokenShard,
        known: &Features,
    ) -> Result<Self, Rejection> {
        let shard = shard(message.shard)?;
        let mut left_out = Vec::new();
        message.tokens.retain(|token| match known.check(&token.required_features) {
            Ok(()) => true,
            Err(problem) => {
                if left_out.len() < MAX_TOLD {
                    left_out.push(format!("token {}: {problem}", token.id));
                }
                false
            }
        });
        let tokens = message.tokens.into_iter().map(read_token).collect::<Result<Vec<_>, _>>()?;
        if !tokens.iter().all(|token| token.hash.shard() == shard) {
            return Err(invalid("tokens", "one of them belongs to another shard"));
        }
        if !tokens.is_sorted_by(|a, b| a.hash < b.hash) {
            return Err(invalid("tokens", "they are not in order"));
        }
        Ok(Self { shard, tokens, left_out })
    }
}

fn token_message(token: &Token) -> message::Token {
    let Token {
        id,
        app_id,
        name,
        hash,
        hint,
        scopes,
        expires_at,
        created_at,
        updated_at,
        replaced_by,
        last_used: _,
    } = token;
    message::Token {
        id: id.0,
        app_id: app_id.0,
        name: name.clone(),
        hash: hash.0.to_vec(),
        hint: hint.clone(),
        scopes: scopes.clone(),
        expires_at: *expires_at,
        created_at: *created_at,
        updated_at: *updated_at,
        replaced_by: replaced_by.map(|token| token.0),
        required_features: Vec::new(),
    }
}

fn read_token(token: message::Token) -> Result<Arc<Token>, Rejection> {
    let hash = token.hash.as_slice().try_into();
    let hash = hash.map_err(|_| invalid(&format!("token {}: hash", token.id), "not 32 bytes"))?;
    Ok(Arc::new(Token {
        id: TokenId(token.id),
        app_id: AppId(token.app_id),
        name: token.name,
        hash: TokenHash(hash),
        hint: token.hint,
        scopes: token.scopes,
        expires_at: token.expires_at,
        created_at: token.created_at,
        updated_at: token.updated_at,
        replaced_by: token.replaced_by.map(TokenId),
        last_used: LastUse::default(),
    }))
}
