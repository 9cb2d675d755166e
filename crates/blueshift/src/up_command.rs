//! `blueshift up`: the whole stack, in the foreground or detached.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use blueshift::postgres::Download;
use blueshift::process::Process;
use blueshift::stacks::{Held, Ports, Record, checked_name};
use blueshift::{Endpoints, InProcess, Isolation, Stack};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::{Place, detached, print_block, stop_signal};

/// How long a start in the background may take.
const READY_WITHIN: Duration = Duration::from_secs(900);

/// Start a stack.
#[derive(Debug, clap::Args)]
pub(crate) struct Up {
    /// Port of SQS and S3; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 4566)]
    port: u16,
    /// Port of Redshift; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 5439)]
    redshift_port: u16,
    /// Check that Redshift's clients give this password [default: take any]. The flag shows it to
    /// everybody in the list of processes, the variable does not.
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "BLUESHIFT_REDSHIFT_PASSWORD",
        hide_env_values = true,
        value_parser = one_line
    )]
    redshift_password: Option<String>,
    /// Isolation of Redshift's databases: snapshot, or serializable (error 1023 on conflicts).
    #[arg(long, value_name = "LEVEL", default_value_t)]
    isolation: Isolation,
    /// Address to listen on. Anybody who reaches it can use the stack: it asks for no password.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: IpAddr,
    /// Make the queue, dead-letter queue, bucket and table this settings file names.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Run the .sql and .sh files of this folder, in the order of their names, before `ready`:
    /// .sql through Redshift, .sh with the environment block. The first failure ends it.
    #[arg(long, value_name = "DIR")]
    init: Option<PathBuf>,
    /// Seconds that each init script may take.
    #[arg(long, value_name = "SECONDS", requires = "init", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    init_timeout: u64,
    /// AWS region of all resources [default: that of the settings file, else us-east-1].
    #[arg(long, value_name = "REGION", env = "AWS_REGION")]
    region: Option<String>,
    /// Folder of Postgres' initdb and postgres [default: PATH, then the usual places].
    #[arg(long, value_name = "DIR", env = "BLUESHIFT_POSTGRES_BIN")]
    // Not a path yet: clap refuses a blank one, which counts as not given.
    postgres_binaries: Option<OsString>,
    /// Where to download Postgres from if none is installed: a URL laid out as the releases of
    /// github.com/theseus-rs/postgresql-binaries, or `never`.
    #[arg(
        long,
        value_name = "URL",
        env = "BLUESHIFT_POSTGRES_DOWNLOAD",
        default_value_t,
        hide_default_value = true
    )]
    postgres_download: Download,
    /// Return once it is ready, and leave it running: `blueshift down` stops it.
    #[arg(long)]
    detach: bool,
    /// Seconds that a start in the background may take in all [default: 900, enough for a download].
    #[arg(long, value_name = "SECONDS", requires = "detach", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,
    /// Its name among those in the background [default: default].
    #[arg(long, value_name = "NAME", requires = "detach", value_parser = checked_name)]
    name: Option<String>,
    #[command(flatten)]
    place: Place,
    /// This is the process in the background, and logs to this file.
    #[arg(long, hide = true)]
    detached_child: Option<PathBuf>,
}

/// The block has one line per variable.
fn one_line(text: &str) -> Result<String, String> {
    if text.contains(char::is_control) {
        return Err("it has a line break or another control character".to_owned());
    }
    Ok(text.to_owned())
}

impl Up {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let name = self.name.as_deref().unwrap_or("default");
        if self.detach && self.detached_child.is_none() {
            let within = self.timeout.map_or(READY_WITHIN, Duration::from_secs);
            return detached::start(&self.place.stacks(), name, within).await;
        }
        let mut held = None;
        if let Some(log) = &self.detached_child {
            // Away from the terminal: neither Ctrl-C nor its end reaches us.
            rustix::process::setsid().context("leave the terminal's session")?;
            let name = held.insert(self.place.stacks().hold(name).await?);
            name.keep_log(log)?;
        }
        let stop = stop_signal()?;
        tokio::pin!(stop);
        let mut stack = None;
        // A signal during the start drops what has been started, Postgres included.
        let started = tokio::select! {
            started = self.start(&mut stack, held.as_ref()) => started,
            () = &mut stop => return Ok(ExitCode::SUCCESS),
        };
        if started.is_ok() {
            stop.await;
        }
        if let Some(stack) = stack {
            stack.shutdown().await;
        }
        started.map(|()| ExitCode::SUCCESS)
    }

    /// Starts the stack and prints the environment block.
    async fn start(&self, stack: &mut Option<Stack>, held: Option<&Held>) -> anyhow::Result<()> {
        let options = InProcess {
            host: self.host,
            port: self.port,
            redshift_port: self.redshift_port,
            redshift_password: self.redshift_password.clone().filter(|it| !it.is_empty()),
            redshift_isolation: self.isolation,
            region: self.region.clone().filter(|region| !region.trim().is_empty()),
            settings: self.settings.clone(),
            init: self.init.clone(),
            init_within: Duration::from_secs(self.init_timeout),
            postgres_binaries: self
                .postgres_binaries
                .as_ref()
                .filter(|folder| !folder.is_empty())
                .map(PathBuf::from),
            postgres_download: self.postgres_download.clone(),
        };
        let started = stack.insert(options.start().await?);
        let environment = started.environment();
        if let Some(held) = held {
            held.write(&self.record(started.endpoints(), &environment)?)?;
        }
        print_block(&environment)
    }

    fn record(
        &self,
        endpoints: &Endpoints,
        environment: &[(String, String)],
    ) -> anyhow::Result<Record> {
        let name = self.name.as_deref().unwrap_or("default");
        let url = endpoints.aws_url().unwrap_or_default().to_owned();
        Ok(Record {
            name: name.to_owned(),
            process: Process::this(),
            ready_at: OffsetDateTime::now_utc()
                .replace_nanosecond(0)
                .map(|now| now.format(&Rfc3339).unwrap_or_default())
                .context("tell the time")?,
            ports: Ports {
                http: url.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default(),
                redshift: endpoints.redshift.port,
            },
            url,
            log: self.place.stacks().log_path(name),
            environment: environment.to_vec(),
        })
    }
}
