//! What the tests stand on: a relay with a database of its own and an S3 of a few objects.

pub(crate) mod cluster;
pub(crate) mod raw;
pub(crate) mod s3;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use emulator_core::clock::Clock;
use emulator_core::faults::Faults;
use emulator_redshift::copy::load::S3Access;
use emulator_redshift::{Isolation, Redshift, RedshiftConfig, Upstream, start};
use tokio::net::TcpListener;
use tokio_postgres::{AsyncMessage, Client, NoTls, SimpleQueryMessage};
use tokio_util::sync::CancellationToken;

use self::cluster::Cluster;
use self::s3::CannedS3;

/// The longest that a condition may take to come true.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A running relay.
pub(crate) struct Kit {
    pub(crate) redshift: Redshift,
    pub(crate) database: String,
    pub(crate) s3: CannedS3,
    pub(crate) faults: Faults,
    pub(crate) shutdown: CancellationToken,
}

/// A connection, and the notices that it was sent.
pub(crate) struct Connected {
    pub(crate) client: Client,
    pub(crate) notices: Arc<Mutex<Vec<String>>>,
}

impl Kit {
    pub(crate) async fn start() -> Self {
        Self::start_with(None, None).await
    }

    /// A relay that speaks TLS, or checks passwords.
    pub(crate) async fn start_with(
        tls: Option<Arc<rustls::ServerConfig>>,
        password: Option<&str>,
    ) -> Self {
        Self::start_in_front_of(Cluster::shared().upstream(), tls, password).await
    }

    /// A relay whose databases are isolated like this.
    pub(crate) async fn start_isolated(isolation: Isolation) -> Self {
        Self::start_as(Cluster::shared().upstream(), None, None, isolation).await
    }

    /// A relay that logs in to Postgres in its own way.
    pub(crate) async fn start_in_front_of(
        upstream: Upstream,
        tls: Option<Arc<rustls::ServerConfig>>,
        password: Option<&str>,
    ) -> Self {
        Self::start_as(upstream, tls, password, Isolation::default()).await
    }

    async fn start_as(
        upstream: Upstream,
        tls: Option<Arc<rustls::ServerConfig>>,
        password: Option<&str>,
        isolation: Isolation,
    ) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let database = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let cluster = Cluster::shared();
        cluster.create_database(&database).await;
        let s3 = CannedS3::start().await;
        let shutdown = CancellationToken::new();
        let faults = Faults::default();
        let redshift = start(RedshiftConfig {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            upstream,
            s3: S3Access { client: s3.client() },
            clock: Clock::default(),
            faults: faults.clone(),
            tls,
            password: password.map(str::to_owned),
            isolation,
            shutdown: shutdown.clone(),
        })
        .unwrap();
        Self { redshift, database, s3, faults, shutdown }
    }

    pub(crate) async fn connect_to(&self, database: &str) -> Connected {
        Self::connected(self.config().dbname(database)).await
    }

    pub(crate) fn config(&self) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(self.redshift.address().port())
            .user("awsuser")
            .password("anything")
            .dbname(&self.database);
        config
    }

    pub(crate) async fn connect(&self) -> Connected {
        Self::connected(&self.config()).await
    }

    pub(crate) async fn connected(config: &tokio_postgres::Config) -> Connected {
        let (client, mut connection) = config.connect(NoTls).await.unwrap();
        let notices = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&notices);
        tokio::spawn(async move {
            while let Some(Ok(message)) =
                std::future::poll_fn(|cx| connection.poll_message(cx)).await
            {
                if let AsyncMessage::Notice(notice) = message {
                    let notice = format!("{}: {}", notice.severity(), notice.message());
                    kept.lock().unwrap().push(notice);
                }
            }
        });
        Connected { client, notices }
    }

    /// Puts gzip-less JSON lines into the S3 and returns a COPY of them into `table`.
    pub(crate) fn copy_of(&self, table: &str, key: &str, lines: &[&str]) -> String {
        self.s3.put(key, &lines.join("\n"));
        format!("COPY {table} FROM 's3://bucket/{key}' IAM_ROLE default FORMAT AS JSON 'auto'")
    }
}

impl Drop for Kit {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Connected {
    /// The first column of the first row of a simple Query.
    pub(crate) async fn value(&self, sql: &str) -> String {
        let messages = self.client.simple_query(sql).await.unwrap_or_else(|error| {
            panic!("{sql}: {error}: {:?}", error.as_db_error());
        });
        let row = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL").to_owned()),
            _ => None,
        });
        row.unwrap_or_else(|| panic!("{sql} returned no row"))
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap_or_else(|error| {
            panic!("{sql}: {error}: {:?}", error.as_db_error());
        });
    }

    pub(crate) fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut *self.notices.lock().unwrap())
    }
}

/// SQLSTATE and message of an error.
pub(crate) fn said(error: &tokio_postgres::Error) -> (String, String) {
    match error.as_db_error() {
        Some(error) => (error.code().code().to_owned(), error.message().to_owned()),
        None => ("-----".to_owned(), error.to_string()),
    }
}

/// Waits until `condition` is true, within the deadline.
pub(crate) async fn until<F, C>(what: &str, mut condition: F)
where
    F: FnMut() -> C,
    C: Future<Output = bool>,
{
    let began = Instant::now();
    while !condition().await {
        assert!(began.elapsed() < DEADLINE, "{what} did not come true");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
