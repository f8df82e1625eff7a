//! A change of a plugin whose configuration is held against what the plugin says of it. What a schema means is the model's
//! business, and the plugin itself has the last word.

use crate::control::Control;
use crate::publish::Published;
use serde_json::{Map, Value};
use sidegate_api::error::Problem;
use sidegate_model::actor::AuditContext;
use sidegate_model::config_schema::ConfigSchema;
use sidegate_model::plugin::{Plugin, PluginDraft, PluginId};
use sidegate_store::{Precondition, StoreError};
use std::sync::Arc;

/// How often a configuration is looked at anew because it was changed while it was looked at.
const MAX_ATTEMPTS: usize = 100;

/// Why a changed configuration is not stored.
pub(crate) enum Unchecked {
    /// It newly breaks the schema.
    Broken(Vec<Problem>),
    /// It became another one whenever it was looked at.
    Restless,
    /// The look at it failed.
    Failed(String),
}

/// Changes a plugin by `amend`, unless the changed configuration newly breaks the schema.
///
/// Looking takes its time, which no other change has to wait for: it is done outside the transaction,
/// for what was found in it, and counts only while that is still so. Nothing else is held up either,
/// for it is done on a thread of its own.
pub(crate) async fn change_checked<E, M>(
    control: &Control,
    context: AuditContext,
    (id, precondition): (PluginId, Precondition),
    schema: Option<Arc<ConfigSchema>>,
    amend: M,
) -> Result<Published<Plugin>, E>
where
    E: From<StoreError> + From<Unchecked> + Send + 'static,
    M: Fn(&Plugin) -> Result<PluginDraft, E> + Clone + Send + 'static,
{
    let mut answer = None;
    for _ in 0..MAX_ATTEMPTS {
        let (amend, is_checked, known) = (amend.clone(), schema.is_some(), answer.take());
        let amend = move |plugin: &Plugin| {
            let draft = amend(plugin).map_err(Refusal::Certain)?;
            // Another program may say something else of the configuration.
            let is_same_program = plugin.draft.command == draft.command;
            if is_checked && is_same_program && plugin.draft.config != draft.config {
                Answer::take(known, &plugin.draft.config, &draft.config)?;
            }
            Ok(draft)
        };
        let changed = control.by(context.clone()).update_plugin(id, precondition.clone(), amend);
        match (changed.await, &schema) {
            (Ok(published), _) => return Ok(published),
            (Err(Refusal::Open(question)), Some(schema)) => {
                let asked = question.asked(schema.clone()).await;
                answer = Some(asked.map_err(Unchecked::Failed)?);
            }
            (Err(Refusal::Open(_)), None) => break,
            (Err(Refusal::Certain(error)), _) => return Err(error),
        }
    }
    Err(Unchecked::Restless.into())
}

/// Why a change was not made.
enum Refusal<E> {
    Certain(E),
    /// It was not held against the schema yet.
    Open(Box<Question>),
}

impl<E: From<StoreError>> From<StoreError> for Refusal<E> {
    fn from(error: StoreError) -> Self {
        Self::Certain(error.into())
    }
}

/// A configuration, and what it shall become.
#[derive(PartialEq)]
struct Question {
    before: Map<String, Value>,
    after: Map<String, Value>,
}

impl Question {
    async fn asked(self, schema: Arc<ConfigSchema>) -> Result<Answer, String> {
        let look = move || {
            let problems = schema.new_problems(&self.before, &self.after);
            let problems = problems.into_iter().map(Problem::from).collect();
            Answer { question: self, problems }
        };
        tokio::task::spawn_blocking(look).await.map_err(|error| error.to_string())
    }
}

/// What a change of the configuration newly breaks.
struct Answer {
    question: Question,
    problems: Vec<Problem>,
}

impl Answer {
    /// Takes an answer that is known, if it is one to what is asked now.
    fn take<E: From<Unchecked>>(
        known: Option<Self>,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) -> Result<(), Refusal<E>> {
        let question = Question { before: before.clone(), after: after.clone() };
        match known.filter(|known| known.question == question) {
            Some(known) if known.problems.is_empty() => Ok(()),
            Some(known) => Err(Refusal::Certain(Unchecked::Broken(known.problems).into())),
            None => Err(Refusal::Open(Box::new(question))),
        }
    }
}
