//! A plan, carried out: step by step in its order, each on the condition that the thing still is as it was when
//! the plan was made. The first failure ends it, and what was done and what was not is told; going on is doing it
//! again.

use super::plan::Plan;
use super::records::remember;
use super::secrets::{Sources, resolve};
use super::steps::{Action, Step};
use crate::client::{AdminApi, Change};
use crate::error::Failure;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Created,
    Changed,
    /// What was sent is what was stored already.
    Unchanged,
    Deleted,
    Failed,
    /// A step before it failed.
    NotDone,
}

/// A step and what became of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Done {
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) outcome: Outcome,
}

/// All steps, and the failure that ended them, if one did.
pub(crate) struct Report {
    pub(crate) done: Vec<Done>,
    pub(crate) failure: Option<Failure>,
}

/// How to carry it out.
pub(crate) struct How<'a, S> {
    pub(crate) api: &'a AdminApi,
    /// Where secrets come from.
    pub(crate) sources: &'a S,
    /// What is added to the address of a change of a plugin.
    pub(crate) query: &'static str,
}

/// Carries out a plan.
///
/// # Errors
/// When secrets cannot be found, or nothing can be begun; then nothing was done.
pub(crate) async fn carry_out<S: Sources>(
    plan: &Plan,
    how: &How<'_, S>,
) -> Result<Report, Failure> {
    let bodies = bodies(plan, how.sources)?;
    let owner = plan.limits.owner.as_deref();
    // Who dies on the way shall find, the next time, all that may have been written.
    let memory = &plan.memory;
    if let Some(owner) =
        owner.filter(|_| !plan.steps.is_empty() && memory.meanwhile != memory.before)
    {
        remember(how.api, owner, &memory.meanwhile).await?;
    }
    let (mut done, mut failure) = (Vec::new(), None);
    for (step, body) in plan.steps.iter().zip(bodies) {
        let outcome = match failure {
            Some(_) => Outcome::NotDone,
            None => how.step(step, body).await.unwrap_or_else(|failed| {
                failure = Some(failed.within(&step.key().to_string()));
                Outcome::Failed
            }),
        };
        let (kind, namespace, name) = (step.kind.noun(), step.namespace.clone(), step.name.clone());
        done.push(Done { kind, namespace, name, outcome });
    }
    let is_new = memory.after != memory.before
        || (!plan.steps.is_empty() && memory.after != memory.meanwhile);
    if let (Some(owner), None, true) = (owner, &failure, is_new) {
        remember(how.api, owner, &memory.after).await?;
    }
    Ok(Report { done, failure })
}

/// What is sent, with all secrets; found before anything is sent.
fn bodies(plan: &Plan, sources: &impl Sources) -> Result<Vec<Map<String, Value>>, Failure> {
    let (mut bodies, mut problems) = (Vec::new(), Vec::new());
    for step in &plan.steps {
        let mut body = step.body.clone();
        let mut own = Vec::new();
        for (name, value) in &mut body {
            if step.kind.field(name).is_some_and(|field| field.form.takes_references()) {
                resolve(value, name, sources, &mut own);
            }
        }
        problems.extend(own.into_iter().map(|problem| format!("{}: {problem}", step.key())));
        bodies.push(body);
    }
    if problems.is_empty() { Ok(bodies) } else { Err(Failure::usage(problems.join("\n  "))) }
}

impl<S: Sources> How<'_, S> {
    async fn step(&self, step: &Step, body: Map<String, Value>) -> Result<Outcome, Failure> {
        let wrapped = json!({"data": {"type": step.kind.noun(), "attributes": body}});
        let collection = step.kind.plural();
        let id = step.id.as_deref().unwrap_or_default();
        let version = step.version.as_deref().unwrap_or("*");
        let path = format!("{collection}/{id}");
        match step.action {
            Action::Create => {
                self.api.create_value(collection, &wrapped).await?;
                Ok(Outcome::Created)
            }
            Action::Change | Action::Send => {
                let query = if collection == "plugins" { self.query } else { "" };
                let change = Change { path: &format!("{path}{query}"), version };
                let now = self.api.change_at(&change, &wrapped).await?;
                let is_same = now.as_deref() == Some(version);
                Ok(if is_same { Outcome::Unchanged } else { Outcome::Changed })
            }
            Action::Delete => {
                self.api.delete_at(&Change { path: &path, version }).await?;
                Ok(Outcome::Deleted)
            }
        }
    }
}
