//! A running stack, whatever serves it.

use emulator_core::clock::Clock;
use emulator_core::faults::Faults;
use emulator_sqs::Sqs;

use crate::attached::{Aws, Compose, Proxy};
#[cfg(feature = "containers")]
use crate::containers;
use crate::endpoints::Endpoints;
use crate::error::StackError;
use crate::in_process::{InProcess, Servers};
use crate::lease::Lessor;
use crate::provision::Provisioned;
use crate::redshift_client::SessionError;

/// What a test may ask of a stack beyond AWS's own interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Calls of SQS and S3 can be refused, cut, delayed, held and robbed of their answers.
    ServiceFaults,
    /// So can statements of Redshift.
    StatementFaults,
    /// Time can be moved, for visibility timeouts and delays too: where they are too long to be waited
    /// for.
    Clock,
    /// A queue can behave as if it were at its in-flight limit ([`Sqs::pretend_in_flight`]).
    InFlightLimit,
    /// Redshift's databases are isolated SERIALIZABLE
    /// ([`InProcess::redshift_isolation`](crate::InProcess::redshift_isolation)).
    Serializable,
    /// S3's DeleteObject heeds `If-Match` (S3 User Guide, "How to perform conditional deletes").
    ConditionalDelete,
    /// SQS and S3 listen on an address without TLS, so that a proxy can stand in front of them.
    PlainAddress,
}

/// A running stack.
///
/// [`Stack::shutdown`] ends it in order; dropping it ends it too, without waiting for connections.
pub struct Stack {
    pub(crate) endpoints: Endpoints,
    pub(crate) provisioned: Option<Provisioned>,
    pub(crate) lessor: Lessor,
    pub(crate) running: Running,
}

/// What serves it.
pub(crate) enum Running {
    InProcess(Box<Servers>),
    #[cfg(feature = "containers")]
    Containers(Box<containers::Servers>),
    Compose(Proxy),
    Aws,
}

/// Which of the four it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    InProcess,
    #[cfg_attr(
        not(any(feature = "containers", test)),
        expect(dead_code, reason = "none can be started")
    )]
    Containers,
    Compose,
    Aws,
}

impl Running {
    fn kind(&self) -> Kind {
        match self {
            Self::InProcess(_) => Kind::InProcess,
            #[cfg(feature = "containers")]
            Self::Containers(_) => Kind::Containers,
            Self::Compose(_) => Kind::Compose,
            Self::Aws => Kind::Aws,
        }
    }
}

/// Why a stack of this kind cannot serve this need; `None`: it can.
fn lacks(kind: Kind, need: Need) -> Option<&'static str> {
    match (kind, need) {
        (Kind::InProcess, _)
        | (Kind::Containers, Need::ServiceFaults | Need::StatementFaults | Need::PlainAddress)
        | (Kind::Compose, Need::ServiceFaults | Need::PlainAddress) => None,
        (Kind::Containers, Need::Clock) => {
            Some("nobody can move LocalStack's clock, and minutes are too long to wait")
        }
        (Kind::Compose, Need::StatementFaults) => {
            Some("its Redshift runs in a container, where no plan of faults reaches it")
        }
        (Kind::Compose, Need::Clock) => {
            Some("its clock is in a container, and minutes are too long to wait")
        }
        (Kind::Aws, Need::ConditionalDelete) => None,
        (Kind::Containers, Need::ConditionalDelete) => {
            Some("LocalStack's DeleteObject heeds no condition")
        }
        (Kind::Compose, Need::ConditionalDelete) => {
            Some("it may be LocalStack, whose DeleteObject heeds no condition")
        }
        (Kind::Aws, Need::PlainAddress) => Some("AWS is reached over TLS, by names"),
        (Kind::Aws, Need::ServiceFaults | Need::StatementFaults) => {
            Some("nobody can make AWS refuse or hold a call")
        }
        (Kind::Aws, Need::Clock) => {
            Some("nobody can move AWS's clock, and minutes are too long to wait")
        }
        (_, Need::InFlightLimit) => Some("only the kit's own SQS can be told a lower limit"),
        (_, Need::Serializable) => Some("its databases keep the isolation level they have"),
    }
}

impl Stack {
    /// SQS, S3 and Redshift inside this process: what `blueshift up` starts. Takes free ports on the
    /// loopback unless told others; awaiting it starts it.
    pub fn in_process() -> InProcess {
        InProcess::default()
    }

    /// The same in containers: LocalStack, and our Redshift in front of a Postgres. Needs Docker, and
    /// the feature `containers`; awaiting it starts it.
    #[cfg(feature = "containers")]
    pub fn containers() -> containers::Containers {
        containers::Containers::default()
    }

    /// A compose project that runs on this machine.
    pub fn compose() -> Compose {
        Compose::default()
    }

    /// AWS itself: whatever is made there is leased ([`Stack::lease`]), and costs money.
    pub fn aws(endpoints: Endpoints, bucket: impl Into<String>) -> Aws {
        Aws::new(endpoints, bucket.into())
    }

    /// The variables that point a program here, and name what was made for it.
    pub fn environment(&self) -> Vec<(String, String)> {
        let made = self.provisioned.iter().flat_map(Provisioned::environment);
        let block = self.endpoints.environment().into_iter().chain(made);
        block.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Where it listens.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// A session with its Redshift; it ends when the client is dropped.
    ///
    /// # Errors
    /// If nobody answers there, or what answers refuses us.
    pub async fn redshift(&self) -> Result<tokio_postgres::Client, SessionError> {
        self.endpoints.redshift.connect().await
    }

    /// What was made of the settings it was started with.
    pub fn provisioned(&self) -> Option<&Provisioned> {
        self.provisioned.as_ref()
    }

    /// The clock of all services, where it can be moved ([`Need::Clock`]); moving it ends visibility
    /// timeouts and delays at once.
    pub fn clock(&self) -> Option<&Clock> {
        match &self.running {
            Running::InProcess(servers) => Some(&servers.clock),
            #[cfg(feature = "containers")]
            Running::Containers(_) => None,
            Running::Compose(_) | Running::Aws => None,
        }
    }

    /// The faults in front of its services, if it has any; none happens until a plan is set.
    pub fn faults(&self) -> Option<&Faults> {
        match &self.running {
            Running::InProcess(servers) => Some(&servers.faults),
            #[cfg(feature = "containers")]
            Running::Containers(servers) => Some(&servers.faults),
            Running::Compose(proxy) => Some(&proxy.faults),
            Running::Aws => None,
        }
    }

    /// Its SQS, where it is ours: to look into queues, and to lower their limits.
    pub fn sqs(&self) -> Option<&Sqs> {
        match &self.running {
            Running::InProcess(servers) => Some(&servers.sqs),
            _ => None,
        }
    }

    /// Why it cannot serve this need; `None`: it can.
    pub fn lacks(&self, need: Need) -> Option<&'static str> {
        lacks(self.running.kind(), need)
    }

    /// Back to how it was when it started: queues, buckets, faults, databases, users and journals go,
    /// Redshift's sessions end, and what the settings and init scripts ask for is made again.
    /// `POST /_blueshift/reset` does the same. The clock stays where it is. What has begun goes on to
    /// its end if this future is dropped, and the stack is not ready until it has worked.
    ///
    /// # Errors
    /// If an init script runs, or Postgres refuses, or what had been made cannot be made again; always on a stack that is not
    /// in this process.
    pub async fn reset(&self) -> Result<(), StackError> {
        match &self.running {
            Running::InProcess(servers) => servers.reset.run().await,
            _ => Err(StackError::NoReset),
        }
    }

    /// Whether requests may be signed by anybody, so that a plan of faults can tell programs apart by
    /// their access keys.
    pub fn takes_any_credentials(&self) -> bool {
        !matches!(self.running, Running::Aws)
    }

    /// What every name that this stack leases begins with.
    pub fn run_name(&self) -> &str {
        self.lessor.run()
    }

    /// Ends long polls, sessions and servers; leaves no process and no file of this stack.
    /// What was leased and not released is removed from a stack that goes on without us.
    pub async fn shutdown(self) {
        // A held or refused call would keep what was leased.
        if let Some(faults) = self.faults() {
            faults.clear();
        }
        self.lessor.remove_all(&self.endpoints).await;
        match self.running {
            Running::InProcess(servers) => servers.stop().await,
            #[cfg(feature = "containers")]
            Running::Containers(servers) => servers.stop().await,
            // Dropping the proxy ends it.
            Running::Compose(_) | Running::Aws => {}
        }
    }
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Stack").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which scenarios run where depends on this alone; the README's last column says the same.
    #[test]
    fn each_stack_serves_these_needs_and_the_readme_says_which_it_does_not() {
        let readme = include_str!("../../../README.md");
        let all = [
            Need::ServiceFaults,
            Need::StatementFaults,
            Need::PlainAddress,
            Need::Clock,
            Need::InFlightLimit,
            Need::Serializable,
            Need::ConditionalDelete,
        ];
        let rows: [(Kind, [bool; 7], &str, &str); 4] = [
            (Kind::InProcess, [true; 7], "`in-process`", "none"),
            (
                Kind::Containers,
                [true, true, true, false, false, false, false],
                "`containers`",
                "those that move the clock, lower SQS's limits, isolate SERIALIZABLE or delete on a condition",
            ),
            (
                Kind::Compose,
                [true, false, true, false, false, false, false],
                "`compose`",
                "those, and what holds Redshift's statements",
            ),
            (
                Kind::Aws,
                [false, false, false, false, false, false, true],
                "`aws --i-pay`",
                "those, all others with faults, and those that put a proxy in front",
            ),
        ];
        for (kind, serves, name, cannot) in rows {
            let served = all.map(|need| lacks(kind, need).is_none());
            assert_eq!(served, serves, "{kind:?} of {all:?}");
            let row = readme.lines().find(|line| line.starts_with(&format!("| {name}")));
            let row = row.expect("the README has a row for it");
            assert!(row.ends_with(&format!("| {cannot} |")), "{row}");
        }
    }
}
