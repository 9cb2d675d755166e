//! The release build of the kit, or of its Redshift alone, as a process: where it listens, what
//! memory it takes.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use blueshift::Endpoints;
use blueshift::postgres::SOCKET_PORT;
use rustix::process::{Pid, Signal};
use tokio_postgres::{Client, Config, NoTls};

/// A running kit. Dropping it stops it.
#[derive(Debug)]
pub(super) struct Kit {
    child: Child,
    /// All its temporary files, those of its Postgres among them.
    folder: PathBuf,
    aws_url: String,
    redshift_url: String,
    /// All of its environment block.
    environment: Vec<(String, String)>,
}

impl Kit {
    /// Starts the program and waits until it is ready.
    pub(super) fn start(program: &Path) -> anyhow::Result<Kit> {
        Self::start_with(program, None)
    }

    /// The same, with what a settings file names.
    pub(super) fn start_with(program: &Path, settings: Option<&Path>) -> anyhow::Result<Kit> {
        let mut up = Command::new(program);
        up.args(["up", "--port", "0", "--redshift-port", "0"]);
        up.args(settings.iter().flat_map(|path| [Path::new("--settings"), path]));
        Self::run(up, "bench")
    }

    /// Starts Redshift alone, whose COPY reads from another kit's S3.
    pub(super) fn start_redshift(program: &Path, s3: &Kit) -> anyhow::Result<Kit> {
        let mut redshift = Command::new(program);
        redshift.args(["redshift", "--port", "0", "--s3-endpoint", &s3.aws_url]);
        redshift.args(["--region", "us-east-1"]);
        redshift.env("AWS_ACCESS_KEY_ID", Endpoints::ACCESS_KEY_ID);
        redshift.env("AWS_SECRET_ACCESS_KEY", Endpoints::SECRET_ACCESS_KEY);
        Self::run(redshift, "bench-redshift")
    }

    fn run(mut command: Command, name: &str) -> anyhow::Result<Kit> {
        // Short: the path of Postgres' socket may have 107 bytes.
        let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        // Postgres may run as another user.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&folder, open).context("open the folder to Postgres")?;
        let child = command
            .env("TMPDIR", &folder)
            // The table's file is looked for here.
            .current_dir(crate::binaries::workspace_root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", command.get_program().to_string_lossy()))?;
        let (aws_url, redshift_url, environment) = Default::default();
        let mut kit = Kit { child, folder, aws_url, redshift_url, environment };
        kit.await_ready()?;
        Ok(kit)
    }

    /// Reads the environment block up to `ready`.
    fn await_ready(&mut self) -> anyhow::Result<()> {
        let stdout = self.child.stdout.take().context("the kit's stdout is piped")?;
        for line in std::io::BufReader::new(stdout).lines() {
            let line = line.context("read the kit's environment block")?;
            if let Some((name, value)) = line.split_once('=') {
                self.environment.push((name.to_owned(), value.to_owned()));
            }
            match line.split_once('=') {
                Some(("AWS_ENDPOINT_URL", url)) => self.aws_url = url.to_owned(),
                Some(("REDSHIFT_URL", url)) => self.redshift_url = url.to_owned(),
                Some(_) => {}
                None if line == "ready" => return Ok(()),
                None => bail!("the kit printed {line:?}"),
            }
        }
        bail!("the kit ended before it was ready")
    }

    pub(super) fn s3(&self) -> aws_sdk_s3::Client {
        let (id, key) = (Endpoints::ACCESS_KEY_ID, Endpoints::SECRET_ACCESS_KEY);
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.aws_url)
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(id, key, None, None, "bench"))
            .force_path_style(true)
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    pub(super) fn sqs(&self) -> aws_sdk_sqs::Client {
        let (id, key) = (Endpoints::ACCESS_KEY_ID, Endpoints::SECRET_ACCESS_KEY);
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
            .endpoint_url(&self.aws_url)
            .region(aws_sdk_sqs::config::Region::new("us-east-1"))
            .credentials_provider(Credentials::new(id, key, None, None, "bench"))
            .build();
        aws_sdk_sqs::Client::from_conf(config)
    }

    /// What a program has to know to find it.
    pub(super) fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// A session of the local Redshift.
    pub(super) async fn redshift(&self) -> anyhow::Result<Client> {
        let config: Config = self.redshift_url.parse().context("read the URL")?;
        connect(config).await.context("connect to Redshift")
    }

    /// A session of the private Postgres behind it, without the kit in between.
    pub(super) async fn postgres(&self) -> anyhow::Result<Client> {
        let socket = format!(".s.PGSQL.{SOCKET_PORT}");
        let entries = std::fs::read_dir(&self.folder).context("list the kit's folder")?;
        let mut folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let folder = folders
            .find(|folder| folder.join(&socket).exists())
            .with_context(|| format!("find {socket} below {}", self.folder.display()))?;
        let mut config = Config::new();
        config.host_path(folder).port(SOCKET_PORT);
        config.user(Endpoints::REDSHIFT_USER).dbname(Endpoints::REDSHIFT_DATABASE);
        connect(config).await.context("connect to the private Postgres")
    }

    /// Forgets the peak so far.
    pub(super) fn reset_peak(&self) -> anyhow::Result<()> {
        let path = format!("/proc/{}/clear_refs", self.child.id());
        std::fs::write(&path, "5").with_context(|| format!("write {path}"))
    }

    /// The most memory the kit's process has held since, without its Postgres.
    pub(super) fn peak_bytes(&self) -> anyhow::Result<u64> {
        self.status("VmHWM:")
    }

    /// What it holds now.
    pub(super) fn resident_bytes(&self) -> anyhow::Result<u64> {
        self.status("VmRSS:")
    }

    fn status(&self, key: &str) -> anyhow::Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        kibibytes.map(|count: u64| count * 1024).with_context(|| format!("find {key} in {path}"))
    }

    fn stop(&mut self) -> anyhow::Result<()> {
        if self.child.try_wait().context("look at the kit")?.is_some() {
            return Ok(());
        }
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        rustix::process::kill_process(pid.context("know the kit's pid")?, Signal::TERM)
            .context("stop the kit")?;
        // It gives its connections a few seconds, so waiting ends.
        self.child.wait().context("wait for the kit")?;
        Ok(())
    }
}

impl Drop for Kit {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!(error = format!("{error:#}"), "kit not stopped");
            // It may be gone already.
            let _ = self.child.kill();
        }
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "folder not removed");
        }
    }
}

async fn connect(config: Config) -> anyhow::Result<Client> {
    let (client, connection) = config.connect(NoTls).await?;
    // It ends with the client, and what went wrong the client's own calls say.
    tokio::spawn(connection);
    Ok(client)
}
