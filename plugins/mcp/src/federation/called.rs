//! A thing of one server, under the name by which the client called it.

use serde_json::json;

use crate::fields::Fields;
use crate::message::{Message, Outcome};
use crate::policy::Subject;
use crate::refusal::Refusal;

/// Both names of a thing.
pub(super) struct Called {
    own: String,
    joined: String,
}

impl Called {
    /// What a message is about, as the client and as its server says it.
    pub(super) fn of(joined: Subject, own: &Message) -> Option<Self> {
        match (joined, Subject::of(own)) {
            (Subject::Thing(_, joined), Subject::Thing(_, own)) => Some(Self { own, joined }),
            _ => None,
        }
    }

    /// What the plugin says of it.
    pub(super) fn refusal(&self, mut refusal: Refusal) -> Refusal {
        refusal.text = self.text(&refusal.text);
        if let Some(data) = &mut refusal.data
            && data["uri"] == self.own.as_str()
        {
            data["uri"] = json!(self.joined);
        }
        refusal
    }

    /// What its server says of it, where that is an error.
    pub(super) fn message(&self, message: Message) -> Message {
        let Message::Answer { id, outcome: Outcome::Error(error) } = message else {
            return message;
        };
        let Some(mut fields) = Fields::of(&error) else {
            return Message::Answer { id, outcome: Outcome::Error(error) };
        };
        if let Some(text) = fields.text("message") {
            fields.set("message", &self.text(&text));
        }
        if let Some(mut data) = fields.object("data")
            && data.text("uri").is_some_and(|uri| uri == self.own)
        {
            data.set("uri", &self.joined);
            fields.set("data", &data);
        }
        Message::error(id, &fields)
    }

    /// A text with the name in it, which is the last word of this kind: what is before it are words about it.
    fn text(&self, text: &str) -> String {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/');
        let found = text.rmatch_indices(&self.own).map(|(at, _)| (at, at + self.own.len()));
        let mut whole = found.filter(|(start, end)| {
            !text[..*start].ends_with(is_name) && !text[*end..].starts_with(is_name)
        });
        match whole.next() {
            Some((start, end)) if start < end => {
                format!("{}{}{}", &text[..start], self.joined, &text[end..])
            }
            _ => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_a_thing_as_the_client_called_it() {
        let called = |own: &str, joined: &str| Called { own: own.into(), joined: joined.into() };
        let tool = called("a", "one__a");
        for (text, told) in [
            ("Unknown tool: a", "Unknown tool: one__a"),
            ("a tool \"a\" is not known", "a tool \"one__a\" is not known"),
            ("Too many calls of a: try again in 3 s", "Too many calls of one__a: try again in 3 s"),
            ("it failed at large", "it failed at large"),
        ] {
            assert_eq!(tool.text(text), told);
            let refusal = tool.refusal(Refusal::new(200, -32602, text));
            assert_eq!(refusal.text, told);
        }
        let resource = called("a:b", "one+a:b");
        let refusal = Refusal::new(200, -32002, "Resource not found: a:b");
        let refusal = refusal.with_data(json!({"uri": "a:b"}));
        let told =
            r#"{"code":-32002,"message":"Resource not found: one+a:b","data":{"uri":"one+a:b"}}"#;
        let told: serde_json::Value = serde_json::from_str(told).unwrap();
        for message in
            [resource.refusal(refusal.clone()).message(), resource.message(refusal.message())]
        {
            let message: serde_json::Value = serde_json::from_str(&message.to_json()).unwrap();
            assert_eq!(message["error"], told);
        }
    }
}
