//! Options as an operator would write them: the way back from what was read. Every option is named here, so
//! one that is added does not compile before it has its line.

use super::{PluginOptions, RestartOptions};
use crate::authorization::{AuthorizationOptions, RESOURCE_OPTION, SERVERS_OPTION};
use crate::cors::{CorsOptions, Origins};
use crate::duration::format_duration;
use crate::own_host::HOST_OPTION;
use crate::policy::{ConcurrencyOptions, PolicyOptions};
use crate::stream_options::StreamOptions;
use std::collections::BTreeMap;
use std::time::Duration;

impl PluginOptions {
    /// Options as text, each that says something; [`PluginOptions::read`] makes the same of them.
    ///
    /// ```
    /// use sidegate_model::plugin::PluginOptions;
    /// let raw = [("apps", "billing,7"), ("restart.base", "1500ms")];
    /// let raw = raw.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    /// let texts = PluginOptions::read(&raw).0.texts();
    /// assert_eq!((texts["apps"].as_str(), texts["restart.base"].as_str()), ("7,billing", "1.5s"));
    /// ```
    pub fn texts(&self) -> BTreeMap<String, String> {
        let Self {
            optional_auth,
            pass_token,
            lenient_done,
            mtls,
            sha256,
            required,
            drain_deadline,
            start_timeout,
            initialize_timeout,
            ping_interval,
            ping_timeout,
            restart,
            cors,
            stream,
            policy,
            authorization,
            host,
            secret_settings,
            env,
        } = self;
        let mut texts = Texts::default();
        texts.flag("optional_auth", *optional_auth);
        texts.flag("pass_token", *pass_token);
        texts.flag("lenient_done", *lenient_done);
        texts.flag("mtls", *mtls);
        texts.value("sha256", sha256.as_ref());
        texts.flag("required", *required);
        texts.time("drain_deadline", *drain_deadline);
        texts.time("start_timeout", *start_timeout);
        texts.time("initialize_timeout", *initialize_timeout);
        texts.time("ping_interval", *ping_interval);
        texts.time("ping_timeout", *ping_timeout);
        texts.restart(restart);
        if let Some(cors) = cors {
            texts.cors(cors);
        }
        texts.stream(stream);
        texts.policy(policy);
        texts.authorization(authorization);
        texts.value(HOST_OPTION, host.as_ref());
        let paths: Vec<_> = secret_settings.iter().map(ToString::to_string).collect();
        texts.value("secret_settings", (!paths.is_empty()).then(|| paths.join(",")));
        for (name, value) in env.iter() {
            texts.value(&format!("env.{name}"), Some(value));
        }
        texts.0
    }
}

#[derive(Default)]
struct Texts(BTreeMap<String, String>);

impl Texts {
    fn value(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.to_string());
        }
    }

    fn flag(&mut self, name: &str, is_set: bool) {
        self.value(name, is_set.then_some(true));
    }

    fn time(&mut self, name: &str, time: Option<Duration>) {
        self.value(name, time.map(format_duration));
    }

    fn restart(&mut self, restart: &RestartOptions) {
        let RestartOptions { base, max, park_after, window, healthy_after } = restart;
        self.time("restart.base", *base);
        self.time("restart.max", *max);
        self.value("restart.park_after", *park_after);
        self.time("restart.window", *window);
        self.time("restart.healthy_after", *healthy_after);
    }

    fn cors(&mut self, cors: &CorsOptions) {
        let CorsOptions { origins, headers, expose, credentials, max_age } = cors;
        let origins = match origins {
            Origins::Any => "*".to_owned(),
            Origins::These(origins) => origins.join(","),
        };
        self.value("cors.origins", Some(origins));
        // Without the blanks, for the length of a list has a bound.
        self.value("cors.headers", headers.as_ref().map(|list| list.replace(", ", ",")));
        self.value("cors.expose", expose.as_ref().map(|list| list.replace(", ", ",")));
        self.flag("cors.credentials", *credentials);
        self.time("cors.max_age", *max_age);
    }

    fn authorization(&mut self, authorization: &AuthorizationOptions) {
        let AuthorizationOptions { servers, resource } = authorization;
        let named: Vec<_> = servers.iter().map(ToString::to_string).collect();
        self.value(SERVERS_OPTION, (!named.is_empty()).then(|| named.join(",")));
        self.value(RESOURCE_OPTION, resource.as_ref());
    }

    fn stream(&mut self, stream: &StreamOptions) {
        let StreamOptions { timeout, end, recheck } = stream;
        self.time("stream_timeout", *timeout);
        self.value("stream_end", (*end != <_>::default()).then_some(end.as_str()));
        self.value("stream_recheck", (!recheck).then_some(false));
    }

    fn policy(&mut self, policy: &PolicyOptions) {
        let PolicyOptions {
            require_auth,
            apps,
            scopes_required,
            issuers,
            refuses_query_token,
            allowed_origins,
            timeout,
            stream_idle_timeout,
            max_body,
            rate_limit,
            rate_limit_per_client,
            concurrency,
        } = policy;
        self.flag("require_auth", *require_auth);
        // Nobody is an empty list, which is not for people but reads as nobody.
        self.value(
            "apps",
            apps.as_ref().map(|apps| {
                let names = apps.names().map(str::to_owned);
                let all: Vec<_> =
                    apps.numbers().map(|number| number.to_string()).chain(names).collect();
                all.join(",")
            }),
        );
        self.value(
            "scopes_required",
            (!scopes_required.is_empty()).then(|| scopes_required.join(",")),
        );
        let names: Vec<_> = issuers.iter().map(String::as_str).collect();
        self.value("issuers", (!names.is_empty()).then(|| names.join(",")));
        self.value("query_token", refuses_query_token.then_some(false));
        self.value("allowed_origins", allowed_origins.as_ref());
        self.time("timeout", *timeout);
        self.time("stream_idle_timeout", *stream_idle_timeout);
        self.value("max_body", *max_body);
        self.value("rate_limit", *rate_limit);
        self.value("rate_limit_per_client", *rate_limit_per_client);
        if let Some(ConcurrencyOptions { max, queue, queue_timeout }) = concurrency {
            self.value("max_concurrent", Some(max));
            self.value("max_concurrent.queue", *queue);
            self.time("max_concurrent.queue_timeout", *queue_timeout);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::btree_map;
    use proptest::prelude::*;
    use proptest::sample::select;

    /// Names with values that often fit, and those that do not.
    fn raw() -> impl Strategy<Value = BTreeMap<String, String>> {
        let name = select(PluginOptions::NAMES).prop_map(|name| name.replace("NAME", "A_1"));
        let value = prop_oneof![
            select(vec![
                "true",
                "false",
                "0s",
                "1.5s",
                "90m",
                "7",
                "1",
                "64KiB",
                "*",
                "clean",
                "abort",
                "billing,7,a b",
                "a.read,b",
                "",
                "https://a.example, app://x",
                "same,http://b.example",
                "X-A, x-b",
                "ID.example.com.",
                "none",
            ])
            .prop_map(str::to_owned),
            "[a-f0-9]{64}",
            "\\PC{0,12}",
        ];
        btree_map(name, value, 0..20)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same_options(raw in raw()) {
            let options = PluginOptions::read(&raw).0;
            prop_assert_eq!(PluginOptions::read(&options.texts()).0, options);
        }
    }
}
