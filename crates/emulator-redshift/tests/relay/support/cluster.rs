//! A private Postgres for this test binary, gone with it whatever happens.
//!
//! A shell holds the server by its standard input: when the test process ends, even by a signal,
//! the pipe closes, and the shell stops the server and removes the directory.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use emulator_redshift::catalog::{cluster_statements, template_sql};
use emulator_redshift::{Upstream, UpstreamAddress};
use tokio_postgres::{Client, NoTls};

const KEEPER: &str = r#"
trap '' INT TERM
"$1/postgres" -D "$2/data" >"$2/log" 2>&1 &
server=$!
cat >/dev/null
kill -QUIT $server
wait $server
rm -rf "$2"
"#;

/// Roles that must show a password, for an upstream that does not trust the relay.
const PASSWORD_RULES: &str = "local all role_scram scram-sha-256\n\
    local all role_md5 md5\nlocal all role_clear password\n";

pub(crate) struct Cluster {
    directory: PathBuf,
    /// Its standard input keeps the server alive.
    _keeper: Child,
    creating: tokio::sync::Mutex<()>,
}

impl Cluster {
    /// The one cluster of this process.
    pub(crate) fn shared() -> &'static Self {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        CLUSTER.get_or_init(|| {
            // Not on a thread of the test's own runtime.
            std::thread::spawn(Self::make).join().expect("the cluster starts")
        })
    }

    pub(crate) fn upstream(&self) -> Upstream {
        let directory = self.directory.clone();
        Upstream {
            address: UpstreamAddress::Unix { directory, port: 5432 },
            role: None,
            password: None,
        }
    }

    pub(crate) async fn create_database(&self, name: &str) {
        let _one_at_a_time = self.creating.lock().await;
        let superuser = connect(&self.directory, "postgres").await.expect("the cluster runs");
        superuser
            .batch_execute(&format!("CREATE DATABASE {name} OWNER awsuser TEMPLATE dev"))
            .await
            .unwrap();
    }

    /// A session of the superuser that the relay does not see.
    pub(crate) async fn superuser(&self, database: &str) -> Client {
        connect(&self.directory, database).await.expect("the cluster runs")
    }

    fn make() -> Self {
        let binaries = binaries();
        let directory = tempfile::Builder::new().prefix("rs-").tempdir_in("/tmp").unwrap().keep();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let owner = unprivileged();
        if let Some((user, group)) = owner {
            chown(&directory, Some(user), Some(group)).unwrap();
        }
        let initdb = as_user(&binaries.join("initdb"), owner)
            .arg("-D")
            .arg(directory.join("data"))
            .args(["-U", "rdsdb", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"])
            .current_dir(&directory)
            .output()
            .unwrap();
        assert!(initdb.status.success(), "{}", String::from_utf8_lossy(&initdb.stderr));
        let settings = format!(
            "\nlisten_addresses = ''\nunix_socket_directories = '{}'\nport = 5432\nfsync = off\n\
             full_page_writes = off\nsynchronous_commit = off\nmax_connections = 200\n\
             shared_buffers = 32MB\ntimezone = 'UTC'\n",
            directory.display()
        );
        let file = directory.join("data/postgresql.conf");
        let configuration = fs::read_to_string(&file).unwrap() + &settings;
        fs::write(&file, configuration).unwrap();
        let file = directory.join("data/pg_hba.conf");
        let rules = PASSWORD_RULES.to_owned() + &fs::read_to_string(&file).unwrap();
        fs::write(&file, rules).unwrap();
        let keeper = as_user(Path::new("/bin/sh"), owner)
            .args(["-c", KEEPER, "sh"])
            .arg(&binaries)
            .arg(&directory)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(install(&directory));
        Self { directory, _keeper: keeper, creating: tokio::sync::Mutex::new(()) }
    }
}

async fn install(directory: &Path) {
    let began = std::time::Instant::now();
    let template = loop {
        match connect(directory, "template1").await {
            Ok(client) => break client,
            Err(error) if super::DEADLINE < began.elapsed() => {
                let mut log = String::new();
                let _ = fs::File::open(directory.join("log"))
                    .and_then(|mut file| file.read_to_string(&mut log));
                panic!("Postgres did not start: {error}\n{log}");
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    template.batch_execute(template_sql()).await.unwrap();
    drop(template);
    let cluster = connect(directory, "postgres").await.unwrap();
    for statement in cluster_statements() {
        cluster.batch_execute(statement).await.unwrap();
    }
}

async fn connect(directory: &Path, database: &str) -> Result<Client, tokio_postgres::Error> {
    let mut config = tokio_postgres::Config::new();
    config.host_path(directory).port(5432).user("rdsdb").dbname(database);
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The newest server binaries of this machine.
fn binaries() -> PathBuf {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .expect("Postgres' server binaries are installed: apt-get install postgresql")
        .map(|entry| entry.unwrap().path().join("bin"))
        .filter(|path| path.join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop().expect("Postgres' server binaries are installed: apt-get install postgresql")
}

/// Whom to run as: Postgres refuses to run as root.
fn unprivileged() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    Some(find("postgres").or_else(|| find("nobody")).expect("a user to run Postgres as"))
}

fn as_user(program: &Path, owner: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command.env_clear().env("PATH", "/usr/bin:/bin").env("TZ", "UTC");
    command
}
