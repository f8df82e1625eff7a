//! Parameters of OAuth, from a query or a form: each once, and an empty one is none.

use sidegate_sdk::Request;
use url::form_urlencoded;

use crate::oauth_error::OAuthError;

/// More than any client needs.
const MOST_BYTES: usize = 32 * 1024;

/// The parameters of a request, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    pub(crate) fn read(text: &str) -> Result<Self, OAuthError> {
        if text.len() > MOST_BYTES {
            return Err(OAuthError::invalid_request("the parameters are too long"));
        }
        let pairs = form_urlencoded::parse(text.as_bytes()).into_owned();
        Ok(Self { pairs: pairs.filter(|(_, value)| !value.is_empty()).collect() })
    }

    /// Those of a form that was sent.
    pub(crate) fn of_form(req: &Request) -> Result<Self, OAuthError> {
        let kind = req.header("Content-Type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let text = "the body must be application/x-www-form-urlencoded";
            return Err(OAuthError::invalid_request(text));
        }
        let text = std::str::from_utf8(req.body());
        Self::read(text.map_err(|_| OAuthError::invalid_request("the body is not UTF-8"))?)
    }

    /// The value of a parameter that may be there once.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, OAuthError> {
        let mut all = self.all(name);
        match (all.next(), all.next()) {
            (_, Some(_)) => {
                Err(OAuthError::invalid_request(format!("`{name}` is there more than once")))
            }
            (value, None) => Ok(value),
        }
    }

    /// The value of a parameter that must be there once.
    pub(crate) fn required(&self, name: &str) -> Result<&str, OAuthError> {
        let missing = || OAuthError::invalid_request(format!("`{name}` is missing"));
        self.one(name)?.ok_or_else(missing)
    }

    /// All values of a parameter.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.pairs.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The words of a parameter, each once.
    pub(crate) fn words(&self, name: &str) -> Result<Vec<String>, OAuthError> {
        let mut words: Vec<String> = Vec::new();
        for word in self.one(name)?.unwrap_or_default().split(' ').filter(|word| !word.is_empty()) {
            if !words.iter().any(|known| known == word) {
                words.push(word.to_owned());
            }
        }
        Ok(words)
    }

    /// The same without one of them.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.pairs.retain(|(known, _)| known != name);
        self
    }

    /// The same with one more.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.pairs.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As a query.
    pub(crate) fn to_query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.pairs).finish()
    }
}

/// An address with more parameters in its query.
pub(crate) fn with_query(address: &str, pairs: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    if query.is_empty() {
        return address.to_owned();
    }
    let separator = match address.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{address}{separator}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_there_twice_is_refused_and_an_empty_one_is_none() {
        let params = Params::read("a=1&b=&c=1&c=2&s=x+y%20x").unwrap();
        assert_eq!(params.one("a").unwrap(), Some("1"));
        assert_eq!(params.one("b").unwrap(), None);
        assert!(params.one("c").is_err() && params.required("b").is_err());
        assert_eq!(params.words("s").unwrap(), ["x", "y"]);
        assert_eq!(params.without("c").without("s").with("d", "&").to_query(), "a=1&d=%26");
    }

    #[test]
    fn a_query_is_added_to_what_an_address_has() {
        assert_eq!(with_query("com.a:/cb", &[("a", "1")]), "com.a:/cb?a=1");
        assert_eq!(with_query("https://a/?x=1", &[("a", "ä b")]), "https://a/?x=1&a=%C3%A4+b");
        assert_eq!(with_query("https://a/?", &[("a", "1")]), "https://a/?a=1");
    }
}
