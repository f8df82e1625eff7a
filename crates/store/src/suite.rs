//! What every database must keep to. Each promise is a function that gets an empty store; the
//! macro below runs all of them for each kind of database, so another kind is one more line there.

mod admin_settings;
mod admin_tokens;
mod applied;
mod apps;
mod apps_of_clients;
mod audit;
mod console;
mod copies;
mod edges;
mod fleet;
mod history;
mod history_random;
mod issuers;
mod kept_entries;
mod kv;
mod kv_conditions;
mod namespaces;
mod plugins;
mod public_endpoints;
mod same_schema;
mod scopes;
mod secrets;
mod token_life;
mod tokens;
mod writes;

use crate::{NewTokenRow, Page, Store};
use serde_json::{Value, json};
use sidegate_model::app::{AppDraft, AppId};
use sidegate_model::plugin::PluginDraft;
use sidegate_model::sealing::Keyring;
use sidegate_model::token::TokenHash;
use std::collections::BTreeMap;

macro_rules! for_each_database {
    ($($noun:ident: $($promise:ident)+;)+) => {
        mod sqlite_file {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let folder = tempfile::tempdir().unwrap();
                let dsn = format!("sqlite://{}/suite.db", folder.path().display());
                let store = crate::Store::open(&dsn, &super::keys()).await.unwrap();
                super::$noun::$promise(&store).await;
                store.close().await;
            })+)+
        }

        mod sqlite_memory {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let store = crate::Store::open("sqlite::memory:", &super::keys()).await.unwrap();
                super::$noun::$promise(&store).await;
            })+)+
        }

        mod postgres {
            use sidegate_e2e::{Need, Postgres};

            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
                let store = crate::Store::open(&server.schema(), &super::keys()).await.unwrap();
                super::$noun::$promise(&store).await;
                store.close().await;
            })+)+
        }
    };
}

/// The same for what the plugins of an edge keep.
macro_rules! for_an_edge {
    ($($noun:ident: $($promise:ident)+;)+) => {
        mod edge_file {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let folder = tempfile::tempdir().unwrap();
                let store = crate::EdgeStore::open(&folder.path().join("kv.db")).await.unwrap();
                super::$noun::$promise(&store).await;
                store.close().await;
            })+)+
        }
    };
}

for_an_edge! {
    kv:
        a_value_is_kept_replaced_and_removed
        two_plugins_with_the_same_key_never_meet
        an_entry_that_has_expired_is_absent_and_makes_room
        a_write_removes_what_has_expired_a_little_at_a_time
        whatever_expires_is_removed_in_bounded_steps
        a_key_or_a_value_that_breaks_the_rule_is_refused
        ten_thousand_keys_are_the_most
        all_bytes_together_are_limited
        writers_at_the_same_time_lose_no_key_and_one_of_them_is_last
        whatever_is_done_it_behaves_like_a_map;
    kv_conditions:
        a_value_is_written_only_where_its_condition_holds
        what_has_expired_is_neither_compared_nor_taken_nor_listed
        of_ten_who_take_an_entry_at_once_one_gets_it
        of_ten_who_create_an_entry_at_once_one_does
        counting_by_versions_loses_nothing
        a_key_that_stays_is_listed_once_whatever_is_written_between_pages
        a_page_is_bounded_by_its_size_and_by_the_bytes_of_its_values;
}

for_each_database! {
    apps:
        what_is_saved_is_what_is_read
        any_text_and_json_survives
        a_text_that_one_database_cannot_keep_is_refused_by_all
        app_names_are_unique
        an_invalid_app_is_refused_with_every_problem
        an_app_that_is_not_there_is_named
        apps_are_listed_in_pages
        deleting_an_app_deletes_and_returns_its_tokens
        an_app_number_is_never_given_again;
    apps_of_clients:
        for_whom_an_app_was_made_is_kept_whatever_becomes_of_it
        apps_that_were_made_before_there_were_marks_get_them;
    tokens:
        a_token_is_saved_by_its_hash
        a_token_needs_its_app
        the_same_token_is_not_saved_twice
        an_invalid_token_is_refused_with_every_problem
        tokens_are_listed_by_app_and_name
        a_revoked_token_is_gone;
    kept_entries:
        what_a_plugin_keeps_is_listed_in_the_order_of_its_keys
        an_entry_that_is_removed_by_hand_is_in_the_audit_log_by_its_key
        a_planned_change_is_refused_as_a_real_one_and_changes_nothing;
    token_life:
        a_use_is_kept_without_a_new_revision_and_only_the_latest_counts
        an_edge_says_nothing_of_tokens_that_it_does_not_serve
        a_rotated_token_has_a_successor_like_it_and_ends_after_the_overlap
        an_overlap_prolongs_nothing_and_a_new_end_is_what_is_said
        what_has_ended_or_a_successor_is_not_rotated
        tokens_are_listed_by_their_end_and_their_last_use;
    plugins:
        a_plugin_is_saved_and_read
        plugin_names_are_unique
        a_slug_conflict_names_the_slug_and_its_holder
        a_plugin_may_keep_change_and_free_its_slug
        an_invalid_plugin_is_refused_with_every_problem
        a_reload_counts_and_changes_nothing_else
        plugins_are_filtered_and_paged
        a_plugin_number_is_never_given_again;
    scopes:
        scopes_are_granted_and_taken_back
        a_scope_that_is_unknown_is_refused_with_the_known_ones
        grants_at_the_same_time_lose_nothing;
    public_endpoints:
        public_endpoints_are_approved_and_taken_back
        what_was_never_decided_is_recorded_once
        a_first_decision_begins_with_what_was_offered
        approvals_at_the_same_time_lose_nothing;
    console:
        a_user_is_saved_found_changed_and_deleted
        a_user_without_the_right_name_is_refused
        a_session_is_as_its_holder_is_and_goes_with_them
        what_was_proved_must_still_hold_when_a_session_begins
        a_link_is_burnt_once
        another_password_or_none_to_sign_in_with_ends_sessions
        whoever_a_provider_vouches_for_is_known_by_identity
        one_holder_has_so_many_sessions_and_ended_ones_are_forgotten;
    namespaces:
        a_namespace_is_made_with_a_key_of_its_own_and_goes_when_nothing_is_in_it
        names_and_slugs_are_unique_in_what_one_edge_sees
        a_host_is_one_plugins_in_what_one_edge_sees
        a_thing_stays_in_its_namespace_and_needs_one_that_is_there
        lists_are_narrowed_by_namespace_and_by_who_looks_after_a_thing
        new_keys_seal_everything_anew_and_the_old_ones_are_still_read
        what_an_edge_gets_is_sealed_and_its_key_opens_it
        a_key_that_another_process_made_is_known_here;
    issuers:
        an_issuer_is_found_as_it_was_written_until_it_is_deleted
        no_two_issuers_that_one_edge_sees_have_one_name
        issuers_are_gone_back_to_like_everything_else;
    history:
        every_revision_is_listed_with_its_author_and_what_it_changed
        revisions_are_filtered_by_what_was_done_to_which_thing_and_when
        a_diff_tells_what_differs_and_a_rollback_undoes_it
        going_back_brings_what_was_deleted_back_and_removes_what_is_new
        going_back_to_what_is_there_changes_nothing
        going_back_brings_no_right_back_that_was_taken_away
        going_back_is_refused_by_name_where_somebody_has_the_name_now
        names_that_were_exchanged_are_exchanged_back
        a_setting_that_turns_out_to_be_a_secret_is_sealed_in_the_history_too
        a_sweep_leaves_every_kept_revision_to_be_gone_back_to
        the_head_of_a_namespace_is_where_something_in_it_last_changed;
    history_random:
        whatever_was_written_can_be_gone_back_to;
    secrets:
        secrets_are_sealed_in_the_database_and_read_in_clear
        what_does_not_change_stays_as_it_was_sealed
        what_is_called_a_secret_later_is_sealed_and_no_change_of_an_operator
        a_secret_can_be_read_of_its_own_plugin_only
        nobody_can_call_so_many_settings_secrets_that_others_are_forgotten;
    admin_tokens:
        an_admin_token_is_saved_found_and_revoked
        names_and_hashes_of_admin_tokens_are_unique
        an_invalid_admin_token_is_refused_with_every_problem
        the_last_use_of_an_admin_token_is_kept_and_only_the_latest_counts
        an_admin_token_number_is_never_given_again;
    audit:
        every_change_has_an_entry_of_who_did_what_to_which_thing
        root_and_the_program_itself_are_told_apart_from_all_others
        what_changes_nothing_or_is_refused_has_no_entry
        a_change_without_its_entry_is_no_change
        no_secret_is_in_an_entry
        entries_are_filtered
        pages_stay_as_they_are_while_entries_are_added
        refusals_are_added_and_the_same_again_is_counted
        old_entries_are_removed_in_bounded_steps
        a_revision_has_its_entries_whoever_writes_at_the_same_time;
    edges:
        an_edge_is_saved_found_listed_and_forgotten
        a_join_token_is_redeemed_once_and_again_by_the_same_key_only
        what_is_wrong_with_a_join_token_is_told_and_changes_nothing
        a_revoked_edge_is_barred_until_it_gets_another_join_token
        who_bars_an_edge_is_told_of_whoever_joined_until_then
        edges_are_filtered_by_namespace_and_by_where_they_are
        changes_of_edges_are_audited_and_no_desired_state;
    fleet:
        keys_are_made_once_and_sealed_by_the_key_from_outside
        a_key_that_is_next_takes_the_place_of_the_one_in_use
        the_lineage_only_grows_and_who_asks_for_the_same_gets_the_same
        the_first_manifest_at_a_position_counts
        blobs_are_kept_until_nobody_needs_them
        old_manifests_go_but_the_newest_of_each_namespace_stay
        reports_of_edges_are_read_once_by_each_process
        a_question_to_an_edge_is_answered_once_and_nothing_of_it_stays
        a_chore_is_done_by_one_process_and_keeps_no_reader_waiting;
    admin_settings:
        what_is_left_to_admins_is_kept_as_it_was_told_last
        what_is_left_to_admins_and_cannot_be_read_is_told_by_its_plugin;
    applied:
        what_files_named_is_kept_by_owner_and_leaves_the_revision_alone
        what_files_cannot_have_named_is_refused_with_every_problem;
    kv:
        a_value_is_kept_replaced_and_removed
        two_plugins_with_the_same_key_never_meet
        an_entry_that_has_expired_is_absent_and_makes_room
        a_write_removes_what_has_expired_a_little_at_a_time
        whatever_expires_is_removed_in_bounded_steps
        a_key_or_a_value_that_breaks_the_rule_is_refused
        ten_thousand_keys_are_the_most
        all_bytes_together_are_limited
        entries_go_with_their_plugin_and_cannot_come_back
        keeping_entries_leaves_the_revision_alone
        writers_at_the_same_time_lose_no_key_and_one_of_them_is_last
        whatever_is_done_it_behaves_like_a_map;
    kv_conditions:
        a_value_is_written_only_where_its_condition_holds
        what_has_expired_is_neither_compared_nor_taken_nor_listed
        of_ten_who_take_an_entry_at_once_one_gets_it
        of_ten_who_create_an_entry_at_once_one_does
        counting_by_versions_loses_nothing
        a_key_that_stays_is_listed_once_whatever_is_written_between_pages
        a_page_is_bounded_by_its_size_and_by_the_bytes_of_its_values;
    writes:
        every_write_grows_the_revision_by_one
        a_write_that_changes_nothing_keeps_the_revision
        a_refused_write_changes_nothing
        an_abandoned_write_changes_nothing
        parallel_writers_lose_nothing_and_the_revision_strictly_grows
        a_slug_wanted_by_many_is_given_once
        a_snapshot_holds_active_plugins_all_apps_and_all_tokens
        every_snapshot_is_of_one_moment
        ten_thousand_tokens_load;
}

fn keys() -> Keyring {
    Keyring::single([7; 32])
}

fn app(name: &str) -> AppDraft {
    let Value::Object(metadata) = json!({"mcp_access": true, "allowed": ["a", {"b": null}]}) else {
        unreachable!()
    };
    AppDraft {
        description: "who pays".to_owned(),
        monthly_budget: 12.5,
        rate_limit: 60,
        metadata,
        ..AppDraft::new(name, "ops@example.com")
    }
}

fn plugin(name: &str, slug: Option<&str>) -> PluginDraft {
    let mut config = serde_json::Map::new();
    config.insert("limit".to_owned(), json!(10));
    if let Some(slug) = slug {
        config.insert("slug".to_owned(), json!(slug));
    }
    PluginDraft {
        description: "does things".to_owned(),
        config,
        options: BTreeMap::from([("pass_token".to_owned(), "true".to_owned())]),
        ..PluginDraft::new(name, "file:///opt/plugins/p")
    }
}

fn token(app_id: AppId, text: &str) -> NewTokenRow {
    NewTokenRow {
        app_id,
        name: "ci".to_owned(),
        hash: TokenHash::of(text),
        hint: "sgt_abcd".to_owned(),
        scopes: vec!["files.read".to_owned(), "files.write".to_owned()],
        expires_at: Some(1_900_000_000_000),
    }
}

async fn saved_app(store: &Store, name: &str) -> AppId {
    store.create_app(&app(name)).await.unwrap().value.id
}

fn page(number: u32, size: u32) -> Page {
    Page::new(number, size).unwrap()
}
