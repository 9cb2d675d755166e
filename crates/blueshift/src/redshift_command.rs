//! `blueshift redshift`: Redshift alone.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use blueshift::postgres::Download;
use blueshift::{Isolation, Server, Standalone};

/// Start Redshift alone.
#[derive(Debug, clap::Args)]
pub(crate) struct RedshiftCommand {
    /// Port; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 5439)]
    port: u16,
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: IpAddr,
    /// Check that clients give this password [default: take any]. The flag shows it to everybody in
    /// the list of processes, the variable does not.
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "BLUESHIFT_REDSHIFT_PASSWORD",
        hide_env_values = true
    )]
    redshift_password: Option<String>,
    /// Isolation of its databases: snapshot, or serializable (error 1023 on conflicts).
    #[arg(long, value_name = "LEVEL", default_value_t)]
    isolation: Isolation,
    /// The Postgres behind it, 14 to 17; its database gets our catalog if its role is a superuser
    /// [default: a private one]. With a password in it use the variable: the flag shows it to
    /// everybody in the list of processes.
    #[arg(long, value_name = "URL", env = "BLUESHIFT_POSTGRES_URL", hide_env_values = true)]
    postgres_url: Option<String>,
    /// Folder of Postgres' initdb and postgres [default: PATH, then the usual places].
    #[arg(long, value_name = "DIR", env = "BLUESHIFT_POSTGRES_BIN")]
    postgres_binaries: Option<PathBuf>,
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
    /// Where COPY reads, e.g. LocalStack's or MinIO's address [default: the AWS SDK's].
    #[arg(long, value_name = "URL")]
    s3_endpoint: Option<String>,
    /// Region of the S3 [default: the AWS SDK's, else us-east-1].
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
}

impl RedshiftCommand {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        // Before anything starts, so that no signal is missed.
        let stop = crate::stop_signal()?;
        tokio::pin!(stop);
        let options = Standalone {
            host: Some(self.host),
            port: self.port,
            password: self.redshift_password.filter(|it| !it.is_empty()),
            isolation: self.isolation,
            postgres_url: self.postgres_url,
            postgres_binaries: self.postgres_binaries,
            postgres_download: self.postgres_download,
            s3_endpoint: self.s3_endpoint,
            region: self.region,
        };
        let server = tokio::select! {
            started = Server::start(options) => started?,
            () = &mut stop => return Ok(ExitCode::SUCCESS),
        };
        let printed = crate::print_block(&server.environment());
        if printed.is_ok() {
            stop.await;
        }
        server.stop().await;
        printed.map(|()| ExitCode::SUCCESS)
    }
}
