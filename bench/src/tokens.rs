//! Many tokens, written before the gateway starts: one by one over the admin API would take minutes.

use anyhow::{Context as _, Result};
use sidegate_model::app::AppDraft;
use sidegate_model::sealing::{Keyring, SealingKey};
use sidegate_model::token::NewToken;
use sidegate_store::{NewTokenRow, Store};
use std::path::Path;

/// How many of them are used; they lie evenly among all.
const SAMPLE: u32 = 64;

/// Makes a database with one app and `count` tokens, and beside it the file with the key of its secrets; gives
/// the text of some of them.
///
/// # Errors
/// When the file cannot be written.
pub(crate) async fn fill(file: &Path, count: u32) -> Result<Vec<String>> {
    let key = SealingKey::generate().context("randomness of the system")?;
    std::fs::write(file.with_file_name("secrets.key"), key.reveal())?;
    let store =
        Store::open(&format!("sqlite://{}", file.display()), &Keyring::new(key, [])).await?;
    let app = AppDraft::new("bench", "bench@example.com");
    let app = store.create_app(&app).await?.value;
    let step = count.div_ceil(SAMPLE).max(1);
    let mut sample = Vec::new();
    for number in 0..count {
        let token = NewToken::generate().context("randomness of the system")?;
        let row = NewTokenRow {
            app_id: app.id,
            name: String::new(),
            hash: token.hash(),
            hint: token.hint(),
            scopes: vec!["read".to_owned(), "write".to_owned()],
            expires_at: None,
        };
        store.create_token(&row).await?;
        if number % step == 0 {
            sample.push(token.reveal().to_owned());
        }
    }
    store.close().await;
    Ok(sample)
}
