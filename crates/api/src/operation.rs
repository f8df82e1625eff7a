//! What an operation of the admin API is: where it is, what it takes and what it answers. Which
//! operations there are is in `operations`.

use crate::error::ErrorCode;
use crate::read::Readable;
use crate::resource::Changed;
use crate::role::Role;
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// The methods that operations have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// Looks, and changes nothing.
    Get,
    /// Creates something, or makes something happen.
    Post,
    /// Puts something in the place of what is there.
    Put,
    /// Changes something.
    Patch,
    /// Deletes something.
    Delete,
}

impl Method {
    /// The upper-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// The schema of a type, once a generator asks for it.
#[derive(Clone, Copy)]
pub struct Shape(fn(&mut SchemaGenerator) -> Schema);

impl Shape {
    /// That of `T`.
    pub const fn of<T: JsonSchema>() -> Self {
        Self(SchemaGenerator::subschema_for::<T>)
    }

    /// The schema, or a reference to it among the generator's definitions.
    pub fn schema(self, generator: &mut SchemaGenerator) -> Schema {
        (self.0)(generator)
    }
}

/// What an operation does with the query of its address.
#[derive(Clone, Copy)]
pub enum Query {
    /// Takes none: every parameter is unknown.
    Refused,
    /// Takes parameters of this shape and no other.
    Taken(Shape),
    /// Looks at none, whatever it says.
    Ignored,
}

/// Fields of a noun, as a request brings them.
pub trait Fields: Readable {
    /// The noun, in the singular; a request may also say its plural.
    const NOUN: &'static str;
}

/// What a request brings.
#[derive(Clone, Copy)]
pub struct Body {
    /// Its fields.
    pub fields: Shape,
    /// The noun they are about, as `data.type` may say.
    pub noun: &'static str,
    /// Whether a merge patch is taken too.
    pub merges: bool,
}

/// What a successful answer brings.
#[derive(Clone, Copy)]
pub enum Content {
    /// JSON of this shape.
    Json(Shape),
    /// A text of this media type.
    Text(&'static str),
    /// Bytes of any media type.
    Bytes,
    /// Server-sent events: their names, and of which shape the JSON in their data is. See [`crate::event_stream`].
    Events(&'static [(&'static str, Shape)]),
    /// Nothing.
    Nothing,
}

/// An answer that is no refusal of the usual form.
#[derive(Clone, Copy)]
pub struct Answer {
    /// Its HTTP status.
    pub status: u16,
    /// What it says, in a sentence.
    pub meaning: &'static str,
    /// What it brings.
    pub content: Content,
    /// Whether `ETag` names the version of the thing.
    pub versioned: bool,
    /// Whether `X-Sidegate-Applied` says whether the change is live.
    pub change: bool,
    /// Whether `Location` says where the new thing is.
    pub located: bool,
    /// Whether the cookie of a new session comes along.
    pub begins_session: bool,
}

impl Answer {
    /// One of this status that brings this.
    pub const fn new(status: u16, meaning: &'static str, content: Content) -> Self {
        let (versioned, change, located, begins_session) = (false, false, false, false);
        Self { status, meaning, content, versioned, change, located, begins_session }
    }
}

/// One row of the table of the admin API.
#[derive(Clone)]
pub struct Operation<Id> {
    /// What it is called.
    pub id: Id,
    /// Its method.
    pub method: Method,
    /// Its path, with `{id}` for a number.
    pub path: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// The group it belongs to.
    pub tag: &'static str,
    /// Whether it needs a token.
    pub token: bool,
    /// The role that the token must have.
    pub role: Role,
    /// What of it needs a stronger role, for people.
    pub role_note: Option<String>,
    /// Whether a change can be made dependent on a version, by `If-Match`.
    pub conditional: bool,
    /// What it does with the query of its address.
    pub query: Query,
    /// What a request brings.
    pub body: Option<Body>,
    /// Whether a request may bring any JSON object, or nothing.
    pub any_json: bool,
    /// What it answers where it is not refused.
    pub answers: Vec<Answer>,
    /// How it can be refused, beside what holds for every operation.
    pub refusals: Vec<ErrorCode>,
}

impl<Id> Operation<Id> {
    /// One that needs a token and takes nothing. Whoever only looks needs the weakest role; all else is an admin's,
    /// unless it is said otherwise.
    pub fn new(id: Id, method: Method, path: &'static str, summary: &'static str) -> Self {
        let (token, conditional, any_json) = (true, false, false);
        let (query, body, tag) = (Query::Refused, None, "");
        let (answers, refusals, role_note) = (Vec::new(), Vec::new(), None);
        let role = if method == Method::Get { Role::Viewer } else { Role::Admin };
        let made = Self {
            id,
            method,
            path,
            summary,
            tag,
            token,
            role,
            role_note,
            conditional,
            query,
            body,
            any_json,
            answers,
            refusals,
        };
        if path.contains("{id}") { made.refused(ErrorCode::NotFound) } else { made }
    }

    /// Puts it into a group.
    #[must_use]
    pub fn tag(self, tag: &'static str) -> Self {
        Self { tag, ..self }
    }

    /// Needs no token.
    #[must_use]
    pub fn open(self) -> Self {
        Self { token: false, ..self }
    }

    /// Needs this role.
    #[must_use]
    pub fn role(self, role: Role) -> Self {
        Self { role, ..self }
    }

    /// Needs a stronger role for some of what it takes.
    #[must_use]
    pub fn role_note(self, note: String) -> Self {
        Self { role_note: Some(note), ..self }
    }

    /// Takes these parameters in its query.
    #[must_use]
    pub fn query<T: JsonSchema>(self) -> Self {
        Self { query: Query::Taken(Shape::of::<T>()), ..self }
    }

    /// Looks at no query.
    #[must_use]
    pub fn ignores_query(self) -> Self {
        Self { query: Query::Ignored, ..self }
    }

    /// Takes fields of a noun.
    #[must_use]
    pub fn body<T: Fields>(self) -> Self {
        let body = Some(Body { fields: Shape::of::<T>(), noun: T::NOUN, merges: false });
        [
            ErrorCode::InvalidRequest,
            ErrorCode::RequestTimeout,
            ErrorCode::BodyTooLarge,
            ErrorCode::UnsupportedMediaType,
        ]
        .into_iter()
        .fold(Self { body, ..self }, Self::refused)
    }

    /// Takes any JSON object, or nothing.
    #[must_use]
    pub fn any_json(self) -> Self {
        Self { any_json: true, ..self }
    }

    /// Takes a merge patch too.
    #[must_use]
    pub fn merges(self) -> Self {
        Self { body: self.body.map(|body| Body { merges: true, ..body }), ..self }
    }

    /// Takes `If-Match`.
    #[must_use]
    pub fn conditional(self) -> Self {
        Self { conditional: true, ..self }
            .refused(ErrorCode::InvalidRequest)
            .refused(ErrorCode::ChangedMeanwhile)
    }

    /// Can be refused so.
    #[must_use]
    pub fn refused(mut self, code: ErrorCode) -> Self {
        if !self.refusals.contains(&code) {
            self.refusals.push(code);
        }
        self
    }

    /// Answers so.
    #[must_use]
    pub fn answer(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }

    /// Answers 200 with JSON.
    #[must_use]
    pub fn shows<T: JsonSchema>(self, meaning: &'static str) -> Self {
        self.answer(Answer::new(200, meaning, Content::Json(Shape::of::<T>())))
    }

    /// Answers 200 with events of these names and shapes, for as long as somebody reads them. An event without a name
    /// is called [`MESSAGE_EVENT`](crate::event_stream::MESSAGE_EVENT).
    #[must_use]
    pub fn streams(self, events: &'static [(&'static str, Shape)], meaning: &'static str) -> Self {
        self.answer(Answer::new(200, meaning, Content::Events(events)))
    }

    /// Answers 200 with JSON and the cookie of a new session.
    #[must_use]
    pub fn begins_session<T: JsonSchema>(self, meaning: &'static str) -> Self {
        let shown = Answer::new(200, meaning, Content::Json(Shape::of::<T>()));
        self.answer(Answer { begins_session: true, ..shown })
    }

    /// Answers 200 with a thing and its version.
    #[must_use]
    pub fn shows_version<T: JsonSchema>(self, meaning: &'static str) -> Self {
        let shown = Answer::new(200, meaning, Content::Json(Shape::of::<T>()));
        self.answer(Answer { versioned: true, ..shown })
    }

    /// Answers 201 with what was created.
    #[must_use]
    pub fn creates<A: JsonSchema>(self, meaning: &'static str) -> Self {
        let made = Answer::new(201, meaning, Content::Json(Shape::of::<Changed<A>>()));
        self.answer(Answer { versioned: true, change: true, located: true, ..made })
    }

    /// Answers 200 with what was changed, as it is then.
    #[must_use]
    pub fn changes<A: JsonSchema>(self, meaning: &'static str) -> Self {
        let made = Answer::new(200, meaning, Content::Json(Shape::of::<Changed<A>>()));
        self.answer(Answer { versioned: true, change: true, ..made })
    }

    /// Answers 204: it is gone.
    #[must_use]
    pub fn deletes(self) -> Self {
        let gone = Answer::new(204, "It is gone.", Content::Nothing);
        self.answer(Answer { change: true, ..gone })
    }

    /// Every way in which it can be refused, by status, with those that hold for every operation.
    pub fn refusal_codes(&self) -> Vec<ErrorCode> {
        let general = [ErrorCode::Internal, ErrorCode::Unavailable];
        // Every token that is valid has at least the weakest role.
        let needs_role = self.role > Role::Viewer || self.role_note.is_some();
        let looks = self.method == Method::Get;
        let signed_in = [
            (ErrorCode::Unauthorized, true),
            (ErrorCode::InsufficientRole, needs_role),
            (ErrorCode::CrossSite, true),
            (ErrorCode::ReadOnly, !looks),
            (ErrorCode::UnsupportedMediaType, !looks),
        ];
        let token = signed_in.into_iter().filter(|(_, is_possible)| self.token && *is_possible);
        let token = token.map(|(code, _)| code);
        let looks_at_query = !matches!(self.query, Query::Ignored);
        let query = looks_at_query.then_some(ErrorCode::InvalidRequest);
        let own = self.refusals.iter().copied();
        let mut codes: Vec<_> = own.chain(token).chain(query).chain(general).collect();
        codes.sort_unstable_by_key(|code| (code.status(), *code));
        codes.dedup();
        // Where an operation answers such a status in a form of its own, that form holds.
        codes.retain(|code| self.answers.iter().all(|answer| answer.status != code.status()));
        codes
    }
}
