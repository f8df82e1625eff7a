//! A PostgreSQL server of the tests' own: made in a temporary folder, listening on a free port of loopback, and
//! ended with the program that started it, however that ends. Knows nothing of what is kept in it.

use crate::binaries::search_path;
use crate::certificate::Certificate;
use crate::eventually::some_time_blocking;
use crate::free_port;
use crate::process::{descendants, freeze, thaw};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// Where Debian puts them, each version in a folder of its own.
const DEBIANS: &str = "/usr/lib/postgresql";
/// Whoever may do everything; the server asks nobody on loopback for a password but [`GUARDED`].
const ADMIN: &str = "tests";
/// The one user who needs a password: [`PASSWORD`].
const GUARDED: &str = "guarded";
const PASSWORD: &str = "right/password@1";

/// The file with the certificate of whoever signed the server's.
const AUTHORITY: &str = "authority.pem";

/// Runs a server until its input ends, which it does with the program that holds the other end; removes its
/// folder unless it is told to keep it. A frozen server has to be woken for that; it kills what it started itself.
const WATCH: &str = r#""$@" & server=$!; read -r word
kill -QUIT "$server"; kill -CONT "$server"; wait "$server"
[ "$word" = keep ] || rm -rf -- "$PWD""#;

/// How often another port is tried where somebody else was quicker.
const TRIES: u32 = 5;

/// A running server, ended when dropped.
pub struct Postgres {
    programs: PathBuf,
    /// Who runs it, where we are root.
    owner: Option<(u32, u32)>,
    port: u16,
    running: Option<Running>,
    /// How many schemas were made.
    schemas: AtomicU32,
    // Last, so that it outlives the server.
    folder: TempDir,
}

/// What a database was at some time; removed with the server.
pub struct Backup(PathBuf);

struct Running {
    watch: Child,
    /// The server runs as long as this is open.
    input: ChildStdin,
}

impl Postgres {
    /// The server that all tests of a program share; `None` where PostgreSQL is not installed.
    ///
    /// # Panics
    /// When it is installed and does not start.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// A server for one test, which may stop it; `None` where PostgreSQL is not installed.
    ///
    /// # Panics
    /// When it is installed and does not start.
    pub fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("sgpg").tempdir();
        let folder = folder.expect("a temporary folder");
        let mut server = Self {
            programs,
            owner: owner(),
            port: 0,
            running: None,
            schemas: AtomicU32::new(0),
            folder,
        };
        server.give_away(server.folder.path());
        server.make();
        server.start_again();
        server.tell(&format!("CREATE ROLE {GUARDED} LOGIN PASSWORD '{PASSWORD}'"));
        Some(server)
    }

    /// The address of a new schema with nothing in it.
    ///
    /// # Panics
    /// When the server does not make it.
    pub fn schema(&self) -> String {
        let name = format!("s{}", self.schemas.fetch_add(1, Ordering::Relaxed));
        self.tell(&format!("CREATE SCHEMA {name}"));
        format!("{}&options=-c%20search_path%3D{name}", self.dsn("postgres"))
    }

    /// The address of a database, for the user who may do everything.
    pub fn dsn(&self, database: &str) -> String {
        self.dsn_of(ADMIN, database)
    }

    /// The address of a database, for the user who needs a password.
    pub fn guarded_dsn(&self, password: &str, database: &str) -> String {
        self.dsn_of(&format!("{GUARDED}:{password}"), database)
    }

    /// The password that lets that user in, as it is written in an address.
    pub fn password(&self) -> &'static str {
        "right%2Fpassword%401"
    }

    /// The address of a database over TLS, with a certificate that is verified.
    pub fn tls_dsn(&self, database: &str) -> String {
        let authority = self.folder.path().join(AUTHORITY);
        let (port, authority) = (self.port, authority.display());
        let parameters = format!("sslmode=verify-full&sslrootcert={authority}");
        format!("postgres://{ADMIN}@localhost:{port}/{database}?{parameters}")
    }

    fn dsn_of(&self, who: &str, database: &str) -> String {
        format!("postgres://{who}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// Runs statements, each in a transaction of its own; gives what they answer, without headings.
    ///
    /// # Panics
    /// When one is refused.
    pub fn tell(&self, statements: &str) -> String {
        self.ask(statements).unwrap_or_else(|refused| panic!("{statements}: {refused}"))
    }

    /// Backs a database up, while it is used; gives the backup.
    ///
    /// # Panics
    /// When it cannot be.
    pub fn back_up(&self, database: &str) -> Backup {
        let backup = Backup(self.folder.path().join(format!("{database}.backup")));
        self.run("pg_dump", database, &["--format=custom", "--file"], &backup.0);
        backup
    }

    /// Puts what was backed up in the place of a database, as whoever restores one: connections to it end.
    ///
    /// # Panics
    /// When it cannot be.
    pub fn restore(&self, database: &str, backup: &Backup) {
        let restored = format!("{database}_restored");
        self.tell(&format!("CREATE DATABASE {restored}"));
        self.run("pg_restore", &restored, &["--exit-on-error"], &backup.0);
        self.replace(database, &restored);
    }

    /// Puts a database in the place of another one, whose connections end.
    ///
    /// # Panics
    /// When it cannot be.
    pub fn replace(&self, database: &str, by: &str) {
        self.tell(&format!("ALTER DATABASE {database} WITH ALLOW_CONNECTIONS false"));
        self.tell(&format!("DROP DATABASE {database} WITH (FORCE)"));
        self.tell(&format!("ALTER DATABASE {by} RENAME TO {database}"));
    }

    fn run(&self, program: &str, database: &str, arguments: &[&str], file: &Path) {
        let mut command = self.command(program);
        command.args(["-U", ADMIN, "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        let done = command.args(["-d", database]).args(arguments).arg(file).output();
        let done = done.unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
        assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn ask(&self, statements: &str) -> Result<String, String> {
        let mut psql = self.command("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]).args(["-U", ADMIN]);
        psql.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-d", "postgres"]);
        let done = psql.args(["-c", statements]).output().expect("psql can be started");
        let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
        if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
    }

    /// Ends the server at once, as a crash would; its connections are closed.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&mut self) {
        if let Some(running) = &mut self.running {
            running.input.write_all(b"keep\n").expect("the watch listens");
        }
        assert!(self.end(), "the server did not end: {}", self.log());
    }

    /// Whether it has ended in time.
    fn end(&mut self) -> bool {
        let Some(Running { mut watch, input }) = self.running.take() else { return true };
        drop(input);
        some_time_blocking(|| watch.try_wait().expect("the watch is ours")).is_some()
    }

    /// Starts it again where it was, with all that was kept in it.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        for _ in 0..TRIES {
            if self.port == 0 {
                self.port = free_port();
            }
            self.running = Some(self.spawn());
            let ready = some_time_blocking(|| match self.ask("SELECT 1") {
                Ok(_) => Some(true),
                Err(_) if self.log().contains("could not bind") => Some(false),
                Err(_) => None,
            });
            match ready {
                Some(true) => return,
                Some(false) => {
                    self.stop();
                    self.port = 0;
                }
                None => break,
            }
        }
        panic!("PostgreSQL does not start: {}", self.log());
    }

    /// Halts it without ending it: connections stay open and nothing is answered.
    ///
    /// # Panics
    /// When it does not run.
    pub fn freeze(&self) {
        for pid in self.processes() {
            freeze(pid);
        }
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// When it does not run.
    pub fn thaw(&self) {
        for pid in self.processes() {
            thaw(pid);
        }
    }

    fn processes(&self) -> Vec<u32> {
        let watch = &self.running.as_ref().expect("the server runs").watch;
        descendants(watch.id())
    }

    /// What the server logged.
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn make(&self) {
        let mut initdb = self.command("initdb");
        initdb.args(["--no-sync", "--encoding=UTF8", "--no-locale", "--auth=trust", "-U", ADMIN]);
        let done = initdb.arg("-D").arg(self.data()).output().expect("initdb can be started");
        assert!(done.status.success(), "initdb: {}", String::from_utf8_lossy(&done.stderr));
        let rules = format!(
            "host all {GUARDED} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
        );
        fs::write(self.data().join("pg_hba.conf"), rules).expect("the folder can be written to");
        let (certificate, authority) = Certificate::of_authority(&self.data());
        fs::rename(authority, self.folder.path().join(AUTHORITY)).expect("both are in one folder");
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(&certificate.key, private).expect("the file is ours");
        for file in [certificate.certificate, certificate.key] {
            self.give_away(&file);
        }
    }

    /// Lets the server have a file or a folder.
    fn give_away(&self, path: &Path) {
        if let Some((user, group)) = self.owner {
            chown(path, Some(user), Some(group)).expect("root may give files away");
        }
    }

    fn spawn(&self) -> Running {
        let log = File::create(self.folder.path().join("log")).expect("a file for the log");
        let server = self.programs.join("postgres");
        let mut watch = self.command("sh");
        watch.args(["-c", WATCH, "sh"]).arg(server).arg("-D").arg(self.data());
        // Nothing that is kept here has to survive the machine.
        watch.args(["-F", "-h", "127.0.0.1", "-p", &self.port.to_string(), "-k", ""]);
        watch.args(["-c", "ssl=on", "-c", "ssl_cert_file=certificate.pem"]);
        watch.args(["-c", "ssl_key_file=key.pem"]);
        watch.stdin(Stdio::piped()).stdout(log.try_clone().expect("a file can be shared"));
        let mut watch = watch.stderr(log).spawn().expect("a shell can be started");
        let input = watch.stdin.take().expect("its input is a pipe");
        Running { watch, input }
    }

    /// A program of the server, or of the machine, as the user who owns the server's folder.
    fn command(&self, program: &str) -> Command {
        let found = self.programs.join(program);
        let mut command = Command::new(if found.is_file() { found } else { program.into() });
        command.env_clear().env("PATH", search_path()).env("LC_ALL", "C");
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the log of PostgreSQL:\n{}--- its end", self.log());
        }
        if !self.end() {
            eprintln!("PostgreSQL did not end");
        }
    }
}

/// The folder with the programs of the newest server there is.
fn programs() -> Option<PathBuf> {
    let has_all = |folder: &PathBuf| {
        ["initdb", "postgres", "psql"].iter().all(|program| folder.join(program).is_file())
    };
    let search_path = search_path();
    let on_path = std::env::split_paths(&search_path).find(has_all);
    on_path.or_else(|| {
        let versions = fs::read_dir(DEBIANS).ok()?.flatten();
        let version = |folder: &PathBuf| {
            let name = folder.parent().and_then(Path::file_name);
            name.and_then(|name| name.to_str()?.parse::<u32>().ok())
        };
        versions.map(|entry| entry.path().join("bin")).filter(has_all).max_by_key(version)
    })
}

/// The user and the group that the server runs as, where we are root: it refuses to be root itself.
fn owner() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("the machine has users");
    let of = |name: &str| {
        let line = users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":"))?;
        let mut fields = line.split(':').skip(1).map(str::parse);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    };
    Some(of("postgres").or_else(|| of("nobody")).expect("there is a user without rights"))
}
