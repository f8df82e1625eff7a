//! Plugins in Go that die, are killed or are reloaded: only who was being served notices, and what
//! happened can be read afterwards.

use crate::go_endpoints::{all, all_raw};
use sidegate_e2e::{Gateway, Load, Version, go_story, kill, lines_of};
use std::collections::BTreeSet;

#[test]
fn a_panic_of_a_plugin_in_go_is_502_then_another_process_and_its_words_are_kept() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        let mut plugins = all(go, &gateway).await;
        plugins.extend(all_raw(go, &gateway).await);
        for (flavour, at, plugin) in plugins {
            let before = plugin.pid().await;
            gateway.get(&format!("{at}/crash")).send().await.is_error(
                502,
                "plugin_broke_off",
                "plugin",
            );
            let record = plugin.wait_ended(before).await;
            assert_eq!(record.exit_code, Some(2), "{flavour:?} {record:#?}");
            let lines = lines_of(&record);
            assert!(lines.contains("panic: the process was asked to panic"), "{record:#?}");
            assert!(lines.contains("goroutine"), "where it happened is told: {record:#?}");
            let after = plugin.wait_other_pid(before).await;
            let answer = gateway.get(&format!("{at}/pid")).send().await.expect(200);
            assert_eq!(answer.text(), after.to_string(), "{flavour:?}");
            assert_eq!(plugin.status().await.summary.restarts, 1, "{flavour:?}");
        }
    });
}

#[test]
fn a_killed_plugin_in_go_is_replaced() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        for (flavour, at, plugin) in all(go, &gateway).await {
            let before = plugin.pid().await;
            kill(before);
            let record = plugin.wait_ended(before).await;
            assert_eq!(record.signal, Some(9), "{flavour:?} {record:#?}");
            let after = plugin.wait_other_pid(before).await;
            let answer = gateway.get(&format!("{at}/pid")).send().await.expect(200);
            assert_eq!(answer.text(), after.to_string(), "{flavour:?}");
        }
    });
}

#[test]
fn reloads_of_a_plugin_in_go_under_load_cost_no_request() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        for (flavour, at, plugin) in all(go, &gateway).await {
            let mut pids = vec![plugin.pid().await];
            let quick = Load::begin(&gateway, Version::Http1, 4, &format!("{at}/pid")).await;
            let slow = Load::begin(&gateway, Version::Http2, 4, &format!("{at}/slow?ms=20")).await;
            for _ in 0..3 {
                quick.answers(100).await;
                plugin.reload().await;
                pids.push(plugin.wait_other_pid(*pids.last().unwrap()).await);
            }
            quick.answers(100).await;
            let tally = quick.end().await;
            tally.is_spotless(400);
            slow.end().await.is_spotless(10);
            let pids: BTreeSet<_> = pids.iter().map(u32::to_string).collect();
            assert_eq!(tally.bodies, pids, "{flavour:?}: each of them answered");
            for record in plugin.records().await {
                let in_order = (!record.running).then_some(true);
                assert_eq!(record.in_order, in_order, "{flavour:?} {record:#?}");
            }
        }
    });
}
