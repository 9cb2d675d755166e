//! The kit: SQS, S3 and Redshift on this machine.
//!
//! [`Stack::in_process`] starts all three inside this process, in front of a private Postgres;
//! [`Stack::environment`] is the block of variables a program needs to find them. A test:
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let stack = blueshift::Stack::in_process().await?;
//! let config = blueshift::provision::sdk_config(stack.endpoints()).await;
//! let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
//! let s3 = aws_sdk_s3::Client::from_conf(config);
//! s3.create_bucket().bucket("lake").send().await?;
//! s3.put_object().bucket("lake").key("k").body(br#"{"a": 1}"#.to_vec().into()).send().await?;
//! let redshift = stack.redshift().await?;
//! redshift.batch_execute("CREATE TABLE t (a INT)").await?;
//! redshift.batch_execute("COPY t FROM 's3://lake/k' IAM_ROLE default JSON 'auto'").await?;
//! assert_eq!(redshift.query_one("SELECT SUM(a) FROM t", &[]).await?.get::<_, i64>(0), 1);
//! # stack.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! The stack ends when it is dropped; [`Stack::shutdown`] waits for it. Programs in any language get
//! [`Stack::environment`] as their environment.
//!
//! Knows no program, no event and no table: what it makes on request comes from a settings file.

mod attached;
mod caller_identity;
pub mod certificates;
#[cfg(feature = "containers")]
pub mod containers;
mod endpoints;
mod error;
mod fault_pages;
mod fetch;
mod front_door;
mod gate;
pub mod health;
mod in_process;
pub mod init;
mod lease;
mod localstack_pages;
pub mod postgres;
mod preparation;
pub mod process;
pub mod provision;
mod readiness;
mod redshift_client;
mod reset;
mod stack;
pub mod stacks;
mod standalone;

pub use attached::{AttachError, Aws, Compose};
#[cfg(feature = "containers")]
pub use containers::Containers;
pub use emulator_core::{clock, faults};
pub use emulator_redshift::Isolation;
pub use emulator_sqs::Sqs;
pub use endpoints::{AwsCredentials, Endpoints, RedshiftEndpoint, ServiceUrls};
pub use error::StackError;
pub use fetch::FetchError;
pub use in_process::InProcess;
pub use lease::journal::Swept;
pub use lease::{Lease, LeaseError, Programs, Thing};
pub use redshift_client::SessionError;
pub use stack::{Need, Stack};
pub use standalone::{Server, Standalone};
