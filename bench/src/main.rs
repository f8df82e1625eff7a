//! The benchmark's command line. Measures nothing itself.

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Parser, Subcommand};
use sidegate_bench::machine::{Machine, root};
use sidegate_bench::marks::Marks;
use sidegate_bench::plan::Plan;
use sidegate_bench::program::LOAD;
use sidegate_bench::results::Results;
use sidegate_bench::{build, compare, console, fleet, kernel, plot, report, run, start};
use std::fs;
use std::path::{Path, PathBuf};

/// What a request costs: this gateway beside nginx, a naive gateway and no gateway at all.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Builds and measures everything; writes performance.md and performance.svg.
    Run {
        #[command(flatten)]
        options: Options,
        /// Where to write; the part of an existing performance.md between its marks is replaced.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Lets a report of uncommitted code be written into docs/.
        #[arg(long)]
        allow_dirty: bool,
    },
    /// Builds and measures a control plane with many edges; writes its part of performance.md.
    Fleet {
        /// How many edges there are.
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
        edges: u32,
        /// How many tokens the large namespace has.
        #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
        tokens: u32,
        /// How often something is saved.
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
        saves: u16,
        /// Where to write; the part of an existing performance.md between its marks is replaced.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Lets a report of uncommitted code be written into docs/.
        #[arg(long)]
        allow_dirty: bool,
    },
    /// Builds and measures the console: the first view, and what people who watch cost; writes its part of performance.md.
    Console {
        /// How often each contestant has its turn.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        rounds: Option<u16>,
        /// Where to write; the part of an existing performance.md between its marks is replaced.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Lets a report of uncommitted code be written into docs/.
        #[arg(long)]
        allow_dirty: bool,
    },
    /// Builds two revisions and measures them beside each other.
    Compare {
        /// The first, as git knows it.
        a: String,
        /// The second.
        b: String,
        #[command(flatten)]
        options: Options,
    },
}

#[derive(Debug, Args)]
struct Options {
    /// Less of everything, for a look in less than three minutes.
    #[arg(long)]
    quick: bool,
    /// Only the cases whose names contain one of these.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    only: Vec<String>,
    /// How often each contestant has its turn.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    ensure!(cores >= 2, "the load needs a core of its own, and this machine has only {cores}");
    match cli.command {
        Command::Run { options, out, allow_dirty } => {
            let out = out.map_or_else(|| build::target_folder().map(|t| t.join("bench")), Ok)?;
            measure_all(&options, &out, allow_dirty)
        }
        Command::Fleet { edges, tokens, saves, out, allow_dirty } => {
            let sizes = fleet::Sizes { edges, tokens, saves };
            measure_fleet(sizes, out, allow_dirty)
        }
        Command::Console { rounds, out, allow_dirty } => measure_console(rounds, out, allow_dirty),
        Command::Compare { a, b, options } => {
            build::all()?;
            let (text, _) = in_runtime(&options, async |plan| compare::run(plan, [&a, &b]).await)?;
            println!("{text}");
            Ok(())
        }
    }
}

fn measure_all(options: &Options, out: &Path, allow_dirty: bool) -> Result<()> {
    let nginx = start::find_nginx();
    let machine = Machine::look(nginx.as_deref())?;
    may_write(&machine, out, allow_dirty)?;
    build::all()?;
    let results = in_runtime(options, async |plan| run::run(plan).await)?;
    write(&results, &machine, out)
}

fn measure_fleet(sizes: fleet::Sizes, out: Option<PathBuf>, allow_dirty: bool) -> Result<()> {
    let (machine, out) = beforehand(out, allow_dirty)?;
    let options = Options { quick: false, only: Vec::new(), rounds: None };
    let measured = in_runtime(&options, async |plan| fleet::run(&sizes, &plan.folder).await)?;
    let text = fleet::report(&measured, &machine, &command_line(&machine));
    write_part(&out, fleet::MARKS, &text)?;
    let missed = fleet::not_met(&measured);
    ensure!(missed.is_empty(), "not met: {}", missed.join("; "));
    Ok(())
}

fn measure_console(rounds: Option<u16>, out: Option<PathBuf>, allow_dirty: bool) -> Result<()> {
    let (machine, out) = beforehand(out, allow_dirty)?;
    let options = Options { quick: false, only: Vec::new(), rounds };
    let measured = in_runtime(&options, async |plan| console::run(plan).await)?;
    let text = console::report(&measured, &machine, &command_line(&machine));
    write_part(&out, console::MARKS, &text)
}

/// Looks at the machine, whether the report may be written, and builds.
fn beforehand(out: Option<PathBuf>, allow_dirty: bool) -> Result<(Machine, PathBuf)> {
    let out = out.map_or_else(|| build::target_folder().map(|t| t.join("bench")), Ok)?;
    let machine = Machine::look(None)?;
    may_write(&machine, &out, allow_dirty)?;
    build::all()?;
    Ok((machine, out))
}

fn write_part(out: &Path, marks: Marks, text: &str) -> Result<()> {
    let page = out.join("performance.md");
    let old = fs::read_to_string(&page).unwrap_or_default();
    fs::write(&page, marks.put_into(&old, text))?;
    println!("{text}");
    eprintln!("written: {}", page.display());
    Ok(())
}

fn may_write(machine: &Machine, out: &Path, allow_dirty: bool) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("make {}", out.display()))?;
    let is_for_docs = out.canonicalize()?.starts_with(root().join("docs").canonicalize()?);
    if is_for_docs && machine.is_dirty && !allow_dirty {
        bail!("docs/ must not tell of code that is not committed: commit, or give --allow-dirty");
    }
    Ok(())
}

fn command_line(machine: &Machine) -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let release = if machine.is_release { " --release" } else { "" };
    format!("cargo run{release} -p sidegate-bench -- {}", arguments.join(" "))
}

fn write(results: &Results, machine: &Machine, out: &Path) -> Result<()> {
    let text = report::markdown(results, machine, &command_line(machine));
    let plot_file = out.join("performance.svg");
    fs::write(&plot_file, plot::svg(&results.tables))?;
    eprintln!("written: {}", plot_file.display());
    write_part(out, report::MARKS, &text)
}

/// Runs on the load's core, in a folder that goes away at the end.
fn in_runtime<T>(options: &Options, run: impl AsyncFnOnce(&Plan) -> Result<T>) -> Result<T> {
    // In memory where there is such a place: no disk shall be measured.
    let memory = Path::new("/dev/shm");
    let below = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = tempfile::Builder::new().prefix("sgb").tempdir_in(below)?;
    let mut plan = Plan::new(options.quick, folder.path().to_owned());
    plan.only.clone_from(&options.only);
    if let Some(rounds) = options.rounds {
        plan.rounds = usize::from(rounds);
    }
    kernel::allow_open_files()?;
    kernel::pin(LOAD)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(&plan))
}
