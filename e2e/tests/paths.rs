//! Paths in all their encodings: read in two ways, refused where the two disagree.

use serde_json::json;
use sidegate_e2e::{Answer, Gateway, Version, story};

/// A GET with a target that ordinary clients would not send.
async fn raw_get(gateway: &Gateway, target: &str) -> Answer {
    let mut raw = gateway.raw().await;
    raw.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
    raw.answer().await
}

#[test]
fn paths_are_cut_as_the_page_says() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for (path, relative, segments) in [
            ("/plugins/lab", "/", json!([])),
            ("/plugins/lab/", "/", json!([])),
            ("/plugins/lab/mcp", "/mcp", json!(["mcp"])),
            (
                "/plugins/lab/users/123/profile",
                "/users/123/profile",
                json!(["users", "123", "profile"]),
            ),
            (
                "/plugins/lab/.well-known/openid-configuration",
                "/.well-known/openid-configuration",
                json!([".well-known", "openid-configuration"]),
            ),
            ("/plugins/lab/a/", "/a/", json!(["a"])),
            ("/plugins/lab/a//b", "/a//b", json!(["a", "", "b"])),
            ("/plugins/lab/sp%20ace", "/sp ace", json!(["sp ace"])),
            ("/plugins/lab/gr%C3%BC%C3%9Fe", "/grüße", json!(["grüße"])),
            ("/plugins/lab/a+b", "/a+b", json!(["a+b"])),
            ("/plugins/lab/100%25", "/100%", json!(["100%"])),
            ("/plugins/lab/a..b", "/a..b", json!(["a..b"])),
            ("/plugins/lab/.../..a", "/.../..a", json!(["...", "..a"])),
        ] {
            let seen = gateway.get(path).send().await.expect(200).json();
            assert_eq!(seen["relative_path"], relative, "{path}");
            assert_eq!(seen["path_segments"], segments, "{path}");
            assert_eq!(seen["raw_path"], path);
        }
    });
}

#[test]
fn an_encoded_slash_stays_in_the_raw_path_and_inside_one_segment() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for version in [Version::Http1, Version::Http2] {
            let path = "/plugins/lab/a%2Fb/c%2fd/e";
            let seen = gateway.get(path).version(version).send().await.expect(200).json();
            assert_eq!(seen["raw_path"], path, "{version:?}");
            assert_eq!(seen["path"], "/plugins/lab/a/b/c/d/e");
            assert_eq!(seen["relative_path"], "/a/b/c/d/e");
            assert_eq!(seen["path_segments"], json!(["a/b", "c/d", "e"]));
        }
    });
}

#[test]
fn no_encoding_slips_past_a_protected_route() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("r").program("e2e-plugin-routes").config("catch_all", "true");
        plugin.ready().await;
        let protected = gateway.get("/plugins/r/admin/users").send().await;
        protected.is_error(401, "unauthorized", "client");
        // Encoded letters name the same endpoint, so they meet the same guard.
        for same in
            ["/plugins/r/%61dmin/users", "/plugins/r/admin/%75sers", "/%70lugins/r/admin/users"]
        {
            gateway.get(same).send().await.is_error(401, "unauthorized", "client");
        }
        for other_in_two_readings in ["/plugins/r/admin%2Fusers", "/plugins/r/admin%2fusers"] {
            let answer = gateway.get(other_in_two_readings).send().await;
            answer.is_error(400, "invalid_request", "client");
        }
        // Where both readings name the same endpoint, nothing is ambiguous.
        let answer = gateway.get("/plugins/r/files/a%2Fb").send().await.expect(200);
        assert_eq!(answer.text(), "files");
        let answer = gateway.get("/plugins/r/files%2Fdeep").send().await;
        answer.is_error(400, "invalid_request", "client");
        for mount in ["/plugins%2Fr/exact", "/plugins/r%2Fexact"] {
            gateway.get(mount).send().await.is_error(400, "invalid_request", "client");
        }
    });
}

#[test]
fn parent_segments_are_refused_in_every_reading() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for target in [
            "/plugins/lab/..",
            "/plugins/lab/../lab/x",
            "/plugins/lab/a/../b",
            "/plugins/lab/%2e%2e/b",
            "/plugins/lab/.%2E/b",
            "/plugins/lab/a%2F..%2Fb",
            "/plugins/lab/a/..%2Fb",
            "/plugins/lab/a%2F%2E%2E",
            "/plugins/../lab/x",
            "/plugins/lab/./a",
            "/plugins/lab/%2e/a",
            "/plugins/lab/a/.",
        ] {
            raw_get(&gateway, target).await.is_error(400, "invalid_request", "client");
        }
        for fine in [
            "/plugins/lab/a..b",
            "/plugins/lab/..a/b..",
            "/plugins/lab/.well-known/a.",
            "/plugins/lab/a?b=../c",
        ] {
            raw_get(&gateway, fine).await.expect(200);
        }
    });
}

#[test]
fn a_path_that_is_no_text_or_broken_is_refused() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for target in [
            "/plugins/lab/%ff",
            "/plugins/lab/%c3/%bc",
            "/plugins/lab/%00",
            "/plugins/lab/%",
            "/plugins/lab/%4",
            "/plugins/lab/%zz",
            "/plugins/lab/a\\b",
            "/plugins/lab/a#b",
            "/plugins/lab/a\"b",
        ] {
            raw_get(&gateway, target).await.is_error(400, "invalid_request", "client");
        }
    });
}

#[test]
fn a_double_encoded_slash_is_decoded_once() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let seen = gateway.get("/plugins/lab/a%252Fb").send().await.expect(200).json();
        assert_eq!(seen["relative_path"], "/a%2Fb");
        assert_eq!(seen["path_segments"], json!(["a%2Fb"]));
    });
}
