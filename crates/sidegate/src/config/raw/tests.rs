//! What the table promises of names.

use super::*;
use std::collections::BTreeSet;

#[test]
fn every_setting_has_a_name_of_its_own_and_a_manual() {
    let variables: BTreeSet<_> = SETTINGS.iter().map(|s| s.variable).collect();
    let keys: BTreeSet<_> = SETTINGS.iter().map(Setting::key).collect();
    assert_eq!((variables.len(), keys.len()), (SETTINGS.len(), SETTINGS.len()));
    for row in SETTINGS {
        assert!(row.doc.ends_with('.'), "{}", row.variable);
        assert!(!row.summary().is_empty(), "{}", row.variable);
    }
}

#[test]
fn only_old_settings_have_a_bare_name_and_they_have_a_prefixed_one_beside_it() {
    let bare = SETTINGS.iter().filter(|row| !row.variable.starts_with(PREFIX)).count();
    assert_eq!(bare, 34, "a new setting is called SIDEGATE_… and has no bare name");
    assert_eq!(variables(setting("PORT").variable), ["SIDEGATE_PORT", "PORT"]);
    assert_eq!(variables(setting("SIDEGATE_URL").variable), ["SIDEGATE_URL"]);
    let names: BTreeSet<_> = SETTINGS.iter().flat_map(|row| variables(row.variable)).collect();
    assert_eq!(names.len(), SETTINGS.len() + bare, "no two settings answer to one name");
}

#[test]
fn a_secret_cannot_be_given_where_every_process_can_read_it() {
    assert_eq!(setting("SIDEGATE_ADMIN_TOKEN").flag(), None);
    assert_eq!(setting("SIDEGATE_URL").flag().as_deref(), Some("url"));
    assert_eq!(setting("ADMIN_PORT").flag().as_deref(), Some("admin-port"));
}
