//! Where messages are posted, as a server tells it: it leads to that server and nowhere else, since what is posted has its credentials.

use url::Url;

use crate::failure::Failure;

/// The endpoint that the data of an event name, at the server of this address.
pub(super) fn read(server: &Url, data: &str) -> Result<Url, Failure> {
    let refused = |why: &str| Failure::Broken(format!("the endpoint that it tells {why}"));
    let data = data.trim();
    if data.is_empty() {
        return Err(refused("is empty"));
    }
    let endpoint = server.join(data).map_err(|_| refused("is no address"))?;
    // The origin of a blob: is that of the address in it.
    if endpoint.scheme() != server.scheme() || endpoint.origin() != server.origin() {
        return Err(refused("is of another origin"));
    }
    if !endpoint.username().is_empty() || endpoint.password().is_some() {
        return Err(refused("has a password in it"));
    }
    Ok(endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_at(server: &str, data: &str) -> Option<String> {
        read(&Url::parse(server).unwrap(), data).ok().map(String::from)
    }

    #[test]
    fn an_endpoint_is_found_from_the_address_of_the_stream() {
        for (data, expected) in [
            ("/messages?sessionId=1", "https://x.test/messages?sessionId=1"),
            (" messages?a=b&c ", "https://x.test/a/messages?a=b&c"),
            ("?s=1", "https://x.test/a/sse?s=1"),
            ("https://x.test/m", "https://x.test/m"),
            ("https://X.test:443/m", "https://x.test/m"),
            ("//x.test/m", "https://x.test/m"),
        ] {
            assert_eq!(read_at("https://x.test/a/sse", data).as_deref(), Some(expected), "{data}");
        }
        let same = read_at("http://[::1]:8000/sse", "/m");
        assert_eq!(same.as_deref(), Some("http://[::1]:8000/m"));
    }

    #[test]
    fn an_endpoint_that_leads_elsewhere_is_refused() {
        for data in [
            "",
            "http://x.test/m",
            "https://x.test:444/m",
            "https://y.test/m",
            "https://x.test.y.test/m",
            "https://x.test@y.test/m",
            "https://u:p@x.test/m",
            "https://u@x.test/m",
            "//y.test/m",
            "/\t/y.test/m",
            "\\\\y.test/m",
            "blob:https://x.test/m",
            "file:///etc/passwd",
            "data:,m",
            "https://",
        ] {
            assert_eq!(read_at("https://x.test/a/sse", data), None, "{data}");
        }
    }
}
