//! Why containers did not start, and the way out.

use std::error::Error;
use std::io::ErrorKind;

use testcontainers_modules::testcontainers::TestcontainersError;
use testcontainers_modules::testcontainers::bollard::errors::Error as BollardError;
use testcontainers_modules::testcontainers::core::error::ClientError;

use super::docker::Daemon;

/// Why containers did not start.
#[derive(Debug, thiserror::Error)]
pub enum ContainersError {
    /// There is no Docker here.
    #[error("no Docker: there is no socket at {daemon}{context}")]
    NoSocket {
        /// Where it was looked for.
        daemon: String,
        /// What Docker's own configuration says, in words; else empty.
        context: String,
    },
    /// The socket is there, the daemon is not.
    #[error("no Docker: nobody answers at {daemon}")]
    NobodyThere {
        /// Where it was looked for.
        daemon: String,
    },
    /// The socket is not for this user.
    #[error("no permission to use Docker's socket at {daemon}")]
    NoPermission {
        /// The socket.
        daemon: String,
    },
    /// DOCKER_HOST names nothing that can be used.
    #[error("DOCKER_HOST={daemon} cannot be used: {problem}")]
    WrongHost {
        /// Its value.
        daemon: String,
        /// Why not.
        problem: String,
    },
    /// Something answers, but not as Docker does, or too late.
    #[error("Docker at {daemon} does not answer as it should: {problem}")]
    Unwell {
        /// Where it was asked.
        daemon: String,
        /// What went wrong.
        problem: String,
    },
    /// An image is neither here nor to be had.
    #[error("no image {image}: {reason}")]
    NoImage {
        /// The image.
        image: String,
        /// The daemon's words.
        reason: String,
    },
    /// A container did not come up.
    #[error("the container of {image} did not start: {reason}")]
    NotReady {
        /// Its image.
        image: String,
        /// What went wrong.
        reason: String,
    },
    /// A signal came while the stack started.
    #[error("a signal came before the container of {image} was started")]
    Interrupted {
        /// Its image.
        image: String,
    },
    /// The Postgres in the container cannot be made ours.
    #[error("the Postgres in the container of {image} cannot be used: {reason}")]
    Postgres {
        /// Its image.
        image: String,
        /// The server's words.
        reason: String,
    },
}

/// What works wherever this program does.
const WAY_OUT: &str =
    "the in-process stack needs no Docker: Stack::in_process(), cargo xtask e2e --stack in-process";

impl ContainersError {
    /// Whether this machine has no Docker for us, or no image: nothing that was tried has failed. A
    /// test may be skipped then, and only then.
    pub fn is_absence(&self) -> bool {
        match self {
            Self::NoSocket { .. }
            | Self::NobodyThere { .. }
            | Self::NoPermission { .. }
            | Self::NoImage { .. } => true,
            Self::WrongHost { .. }
            | Self::Unwell { .. }
            | Self::NotReady { .. }
            | Self::Interrupted { .. }
            | Self::Postgres { .. } => false,
        }
    }

    /// What the user can do; the in-process stack is always named.
    pub fn hint(&self) -> String {
        let cure = match self {
            Self::NoSocket { .. } | Self::NobodyThere { .. } => {
                "start Docker, or name its socket with DOCKER_HOST (of a docker context: docker \
                 context inspect)"
            }
            Self::NoPermission { .. } => "join the group `docker` and log in anew",
            Self::WrongHost { .. } => {
                "unset DOCKER_HOST, or set it to unix:///path/of/docker.sock of this machine"
            }
            Self::Unwell { .. } => "look whether `docker version` answers",
            Self::NoImage { .. } => {
                "docker pull it, or name one that is here with --image-localstack or \
                 --image-postgres"
            }
            Self::Interrupted { .. } => "start it again",
            Self::NotReady { .. } | Self::Postgres { .. } => {
                "look at the image: it has to be LocalStack 3 to 4.14, or Postgres 14 to 17"
            }
        };
        format!("{cure}; {WAY_OUT}")
    }

    /// An attempt to reach the daemon that failed, told by its root cause.
    pub(super) fn unreachable(daemon: &Daemon, error: &(dyn Error + 'static)) -> Self {
        let at = daemon.address.clone();
        if let Some(BollardError::SocketNotFoundError(_)) = error.downcast_ref() {
            return Self::NoSocket { daemon: at, context: daemon.other_context() };
        }
        match io_error_kind(error) {
            Some(ErrorKind::NotFound) => {
                Self::NoSocket { daemon: at, context: daemon.other_context() }
            }
            Some(ErrorKind::PermissionDenied) => Self::NoPermission { daemon: at },
            Some(ErrorKind::ConnectionRefused) => Self::NobodyThere { daemon: at },
            _ => Self::Unwell { daemon: at, problem: root_cause(error) },
        }
    }

    /// A container that did not start.
    pub(super) fn not_started(image: &str, error: &TestcontainersError) -> Self {
        let (image, reason) = (image.to_owned(), root_cause(error));
        match error {
            TestcontainersError::Client(ClientError::PullImage { err, .. }) => {
                Self::NoImage { image, reason: root_cause(err) }
            }
            _ => Self::NotReady { image, reason },
        }
    }
}

/// The kind of the input or output error at the bottom, if that is what went wrong.
fn io_error_kind(error: &(dyn Error + 'static)) -> Option<ErrorKind> {
    chain(error)
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .last()
        .map(|it| it.kind())
}

/// The error and all that caused it, without what is only said again.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in chain(error).skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_there_may_be_skipped() {
        let [at, image, reason] = ["unix:///s", "i:1", "it says so"].map(str::to_owned);
        let (daemon, problem) = (at.clone(), reason.clone());
        for (error, is_absence) in [
            (ContainersError::NoSocket { daemon: at, context: String::new() }, true),
            (ContainersError::NobodyThere { daemon: daemon.clone() }, true),
            (ContainersError::NoPermission { daemon: daemon.clone() }, true),
            (ContainersError::NoImage { image: image.clone(), reason: reason.clone() }, true),
            (
                ContainersError::WrongHost { daemon: daemon.clone(), problem: problem.clone() },
                false,
            ),
            (ContainersError::Unwell { daemon, problem }, false),
            (ContainersError::NotReady { image: image.clone(), reason: reason.clone() }, false),
            (ContainersError::Postgres { image, reason }, false),
        ] {
            assert_eq!(error.is_absence(), is_absence, "{error}");
            assert!(error.hint().contains("--stack in-process"), "{error}");
        }
    }
}
