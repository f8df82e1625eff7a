//! The stub: binds its life to the guard's, sets limits, and becomes the plugin.
//!
//! It has the plugin's environment, output, folder and group already. Its standard input is the pipe
//! on which the guard learns why it did not become the plugin; when it did, the pipe just closes.

use super::messages::{read_checksum, read_number, write_refusal};
use crate::host::file_limit::limit_files;
use crate::host::sealed::{LaunchRefusal, seal};
use rustix::fs::{Mode, OFlags};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setrlimit,
};
use sidegate_model::sha256::Sha256;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// What shells answer for a program that cannot be run.
const NOT_RUN: u8 = 127;

struct StubArguments {
    guard: Pid,
    program: PathBuf,
    checksum: Option<Sha256>,
    open_files: Option<u64>,
}

/// Runs the stub; comes back only when it could not become the plugin.
pub(super) fn run(arguments: Vec<OsString>) -> ExitCode {
    let Some(launch) = StubArguments::read(arguments) else {
        eprintln!("this is run by the gateway only");
        return ExitCode::from(NOT_RUN);
    };
    let Ok(mut answer) = take_answer_pipe() else {
        return ExitCode::from(NOT_RUN);
    };
    let refusal = become_plugin(&launch);
    // A guard that is gone needs no answer.
    let _ = answer.write_all(write_refusal(&refusal).as_bytes());
    ExitCode::from(NOT_RUN)
}

impl StubArguments {
    fn read(arguments: Vec<OsString>) -> Option<Self> {
        let [guard, program, checksum, open_files] = <[OsString; 4]>::try_from(arguments).ok()?;
        Some(Self {
            guard: guard.to_str()?.parse().ok().and_then(Pid::from_raw)?,
            program: program.into(),
            checksum: read_checksum(checksum.to_str()?)?,
            open_files: read_number(open_files.to_str()?)?,
        })
    }
}

/// Takes the pipe away from standard input, so that the plugin does not get it.
fn take_answer_pipe() -> io::Result<File> {
    // A copy of a descriptor closes at exec.
    let pipe = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(null)?;
    Ok(File::from(pipe))
}

fn become_plugin(launch: &StubArguments) -> LaunchRefusal {
    if let Err(error) = prepare(launch) {
        return LaunchRefusal::Exec(error);
    }
    let sealed = match launch.checksum.map(|demanded| seal(&launch.program, demanded)).transpose() {
        Ok(sealed) => sealed,
        Err(refusal) => return refusal,
    };
    // The copy closes at exec too; the system has opened it by then.
    let path = match &sealed {
        Some(copy) => PathBuf::from(format!("/proc/self/fd/{}", copy.as_raw_fd())),
        None => launch.program.clone(),
    };
    LaunchRefusal::Exec(Command::new(path).arg0(&launch.program).exec())
}

fn prepare(launch: &StubArguments) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before that; then nobody would ever end the plugin.
    if getppid() != Some(launch.guard) {
        return Err(io::ErrorKind::NotConnected.into());
    }
    // A dump would hold the plugin's secrets.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    limit_files(None, launch.open_files);
    Ok(())
}
