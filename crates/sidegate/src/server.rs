//! What the order of a server's life asks of a role.

use crate::certificate::Renewals;
use crate::config::resolved::Config;
use crate::error::Failure;
use sidegate_gateway::Gateway;
use std::io;
use std::os::fd::BorrowedFd;
use tokio::sync::watch;

/// All parts of a started server of some role.
pub(crate) trait Server {
    /// The data plane, in roles that have one.
    fn gateway(&self) -> Option<&Gateway>;

    /// The socket of the admin API, or of what a role has in its place.
    fn admin_socket(&self) -> BorrowedFd<'_>;

    /// The renewals of its certificates.
    fn renewals(&self) -> Renewals;

    /// Serves from now on; nobody is served before.
    ///
    /// # Errors
    /// When there are too many open files.
    fn serve(&mut self) -> Result<(), Failure>;

    /// Says where it listens.
    fn announce(&self, config: &Config);

    /// What the ready file says.
    fn ready_text(&self) -> String;

    /// Another process is about to take over: desired state is neither changed nor written here any more, and
    /// clients are served as before.
    async fn step_back(&mut self);

    /// Nobody took over after all: everything is done here as before.
    ///
    /// # Errors
    /// When there are too many open files.
    async fn step_up(&mut self) -> io::Result<()>;

    /// The process before has stepped back: what it wrote last is served by before this comes back.
    ///
    /// # Errors
    /// When it cannot be read, or is not live in time.
    async fn catch_up(&mut self) -> Result<(), Failure>;

    /// Tells, with the reason, when it cannot go on.
    fn broken(&self) -> watch::Receiver<Option<String>> {
        // Whose other end is gone never tells anything.
        watch::channel(None).1
    }

    /// It is about to stop, perhaps while another process serves already.
    fn stopping(&mut self) {}

    /// Stops all parts, in the order that keeps what is promised to clients.
    async fn stop(self);
}
