//! Carries out one start, whatever form its command has: checks that it is permitted, then hands it
//! to the one who can.

use super::assignment::{Affected, Assignment, ProcessEvent};
use super::fault::Fault;
use super::local::Local;
use super::remote::Remote;
use sidegate_model::plugin::Command;

/// Looks after one start until nothing is left of it.
pub(super) async fn run(mut assignment: Assignment) {
    if let Err(fault) = live(&mut assignment).await {
        let recording = assignment.recorder.begin();
        recording.refused(&fault.to_string());
        assignment.fail(&fault, Affected::default()).await;
    }
    assignment.tell(ProcessEvent::Gone).await;
}

async fn live(assignment: &mut Assignment) -> Result<(), Fault> {
    let command = Command::parse(&assignment.spec.command)?;
    assignment.setup.settings.permitted.check(&assignment.spec.command, &command)?;
    match command {
        Command::File(program) => Local { assignment, program: &program }.live().await,
        Command::Remote(_) if assignment.spec.options.sha256.is_some() => {
            return Err(Fault::UnseenBytes);
        }
        Command::Remote(_) if assignment.spec.options.mtls => return Err(Fault::NoHandover),
        Command::Remote(addresses) => Remote { assignment, addresses: &addresses }.live().await,
    }
    Ok(())
}
