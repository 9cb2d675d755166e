//! Starts, stops and kills the programs of one scenario, and keeps all they print.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use blueshift::Programs;
use rustix::process::{Pid, Signal};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::binaries::Binaries;

/// The longest any program of a scenario may run.
const RUN_WITHIN: Duration = Duration::from_secs(120);

const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";

/// The programs of one scenario, with the environment they get and the folder their output goes
/// to.
#[derive(Debug)]
pub struct Pipeline {
    binaries: Binaries,
    folder: PathBuf,
    environment: Vec<(String, String)>,
    /// Whether each program gets an access key of its own.
    names_callers: bool,
    started: AtomicUsize,
    programs: Programs,
}

impl Pipeline {
    /// Programs get `environment` and nothing else: a developer's real AWS keys never leak in.
    pub fn new(binaries: Binaries, folder: &Path, environment: Vec<(String, String)>) -> Self {
        Self {
            binaries,
            folder: folder.to_owned(),
            environment,
            names_callers: true,
            started: AtomicUsize::new(0),
            programs: Programs::default(),
        }
    }

    /// For a stack that looks at credentials.
    #[must_use]
    pub fn with_real_credentials(self) -> Self {
        Self { names_callers: false, ..self }
    }

    /// For a stack that goes on without us: whoever cleans up there ends what was started first.
    #[must_use]
    pub fn written_down_in(self, programs: Programs) -> Self {
        Self { programs, ..self }
    }

    /// Where output, records and charts of this scenario are kept.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Sets a variable of all programs started from now on, or takes it away.
    pub fn set_variable(&mut self, name: &str, value: Option<&str>) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }

    /// The value of a variable of all programs.
    pub fn variable(&self, name: &str) -> Option<String> {
        let found = self.environment.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    }

    /// The access key of the program that is started next: by it a plan of faults knows it.
    pub fn next_caller(&self, program: &str) -> String {
        stem(self.started.load(Ordering::Relaxed) + 1, program)
    }

    /// Starts a program with JSON logs and a JSON result.
    pub fn start(&self, program: &str, arguments: &[&str]) -> anyhow::Result<Running> {
        self.launch(program, arguments, &[], None)
    }

    /// Starts a program with variables that no other gets.
    pub fn start_with(
        &self,
        program: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> anyhow::Result<Running> {
        self.launch(program, arguments, variables, None)
    }

    /// Starts a program whose result goes to `stdout`, where nobody reads it.
    pub fn start_into(
        &self,
        program: &str,
        arguments: &[&str],
        stdout: File,
    ) -> anyhow::Result<Running> {
        self.launch(program, arguments, &[], Some(stdout))
    }

    fn launch(
        &self,
        program: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
        stdout: Option<File>,
    ) -> anyhow::Result<Running> {
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        let stem = stem(number, program);
        let (log, result) = (format!("{stem}.log"), format!("{stem}.out"));
        let create = |name: &str| {
            File::create(self.folder.join(name)).with_context(|| format!("create {name}"))
        };
        // The names of subcommands stand before all flags.
        let first_flag = arguments.iter().position(|argument| argument.starts_with('-'));
        let first_flag = first_flag.unwrap_or(arguments.len());
        let (subcommand, flags) = arguments.split_at(first_flag);
        let mut command = Command::new(self.binaries.path(program));
        command
            .args(subcommand)
            .args(["--log-format", "json", "--output", "json"])
            .args(flags)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .envs(variables.iter().copied())
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(stdout.map_or_else(|| create(&result), Ok)?)
            .stderr(create(&log)?)
            .kill_on_drop(true);
        if self.names_callers && self.environment.iter().any(|(name, _)| name == ACCESS_KEY_ID) {
            // A plan of faults knows each program by its access key; the kit takes any.
            command.env(ACCESS_KEY_ID, &stem);
        }
        let child = command.spawn().with_context(|| format!("start {program}"))?;
        if let Some(pid) = child.id() {
            self.programs.started(program, pid).context("write down a program")?;
        }
        Ok(Running {
            program: program.to_owned(),
            child,
            started_at: Instant::now(),
            log: self.folder.join(log),
            result: self.folder.join(result),
        })
    }

    /// Starts a program and waits for its good end.
    pub async fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<Finished> {
        self.start(program, arguments)?.finish().await
    }
}

/// What the files of a program begin with, and its access key.
fn stem(number: usize, program: &str) -> String {
    format!("{number:02}-{program}")
}

/// A program that runs.
#[derive(Debug)]
pub struct Running {
    program: String,
    child: Child,
    started_at: Instant,
    log: PathBuf,
    result: PathBuf,
}

/// A program that ended well.
#[derive(Debug)]
pub struct Finished {
    /// Its result line.
    pub result: Value,
    /// How long it ran.
    pub seconds: f64,
}

impl Finished {
    /// A number of the result; an error if the program does not report it.
    pub fn count(&self, key: &str) -> anyhow::Result<u64> {
        self.result[key].as_u64().with_context(|| format!("{key} is no count in {}", self.result))
    }
}

impl Running {
    /// Waits for something the program is to bring about; an error if the program ends before.
    pub async fn meanwhile<T>(
        &mut self,
        awaited: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        tokio::select! {
            biased;
            outcome = awaited => outcome,
            status = self.child.wait() => {
                Err(self.ended(status.context("wait for the program")?).context("too early"))
            }
        }
    }

    /// Waits for the end, which must be a good one, and reads the result.
    pub async fn finish(mut self) -> anyhow::Result<Finished> {
        let status = self.wait().await?;
        if !status.success() {
            return Err(self.ended(status));
        }
        let seconds = self.started_at.elapsed().as_secs_f64();
        let text = std::fs::read_to_string(&self.result)
            .with_context(|| format!("read {}", self.result.display()))?;
        let result = serde_json::from_str(&text)
            .with_context(|| format!("read the result of {}: {text:?}", self.program))?;
        Ok(Finished { result, seconds })
    }

    /// Waits for the end, which must be a good one, and returns all that was printed.
    pub async fn finish_text(mut self) -> anyhow::Result<String> {
        let status = self.wait().await?;
        if !status.success() {
            return Err(self.ended(status));
        }
        std::fs::read_to_string(&self.result)
            .with_context(|| format!("read {}", self.result.display()))
    }

    /// Waits for the end, which may be a bad one. What it said is kept, but is no log any more.
    pub async fn until_ended(mut self) -> anyhow::Result<ExitStatus> {
        let status = self.wait().await?;
        std::fs::rename(&self.log, self.log.with_extension("txt")).context("keep what it said")?;
        Ok(status)
    }

    /// Where its log is.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its arguments as every user of this machine can see them.
    pub fn command_line(&self) -> anyhow::Result<String> {
        let pid = self.child.id().with_context(|| format!("{} has ended", self.program))?;
        let path = format!("/proc/{pid}/cmdline");
        let bytes = std::fs::read(&path).with_context(|| format!("read {path}"))?;
        Ok(String::from_utf8_lossy(&bytes).replace('\0', " "))
    }

    /// SIGSTOP: it does nothing until [`Running::go_on`].
    pub fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Ends a [`Running::pause`].
    pub fn go_on(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    /// SIGTERM.
    pub fn ask_to_stop(&self) -> anyhow::Result<()> {
        self.signal(Signal::TERM)
    }

    /// SIGINT, as Ctrl-C sends it.
    pub fn interrupt(&self) -> anyhow::Result<()> {
        self.signal(Signal::INT)
    }

    /// SIGTERM, then [`Running::finish`].
    pub async fn terminate(self) -> anyhow::Result<Finished> {
        self.signal(Signal::TERM)?;
        self.finish().await
    }

    /// SIGTERM, then [`Running::finish_text`].
    pub async fn terminate_text(self) -> anyhow::Result<String> {
        self.signal(Signal::TERM)?;
        self.finish_text().await
    }

    /// SIGKILL: no chance to tidy up. An error if it had ended before.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait().context("look at the program")? {
            bail!("{} ended with {status} before it was killed", self.program);
        }
        self.signal(Signal::KILL)?;
        self.wait().await?;
        Ok(())
    }

    /// How it ended, with the last it said.
    fn ended(&self, status: ExitStatus) -> anyhow::Error {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last = log.lines().rev().take(3).collect::<Vec<_>>();
        let last = last.into_iter().rev().collect::<Vec<_>>().join(" | ");
        anyhow!("{} ended with {status}: {last} (log: {})", self.program, self.log.display())
    }

    async fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        match tokio::time::timeout(RUN_WITHIN, self.child.wait()).await {
            Ok(status) => status.with_context(|| format!("wait for {}", self.program)),
            Err(_) => bail!("{} still runs after {RUN_WITHIN:?}", self.program),
        }
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let pid = pid.with_context(|| format!("{} has ended", self.program))?;
        rustix::process::kill_process(pid, signal)
            .with_context(|| format!("signal {}", self.program))
    }
}
