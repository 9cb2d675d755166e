//! The Docker daemon: where it is, whether it can be used, and what of ours it still holds.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use testcontainers_modules::testcontainers::bollard::errors::Error;
use testcontainers_modules::testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use testcontainers_modules::testcontainers::bollard::{API_DEFAULT_VERSION, Docker};

use super::error::ContainersError;
use super::owner::{OWNER_LABEL, Owner};

/// How long the daemon may take to say that it is there.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long any later request may take.
const REQUEST_SECONDS_MAX: u64 = 30;
/// Where `testcontainers` looks first.
const USUAL_SOCKET: &str = "/var/run/docker.sock";
/// Where it looks then: below an environment variable's folder.
const OTHER_SOCKETS: [(&str, &str); 3] = [
    ("XDG_RUNTIME_DIR", ".docker/run/docker.sock"),
    ("HOME", ".docker/run/docker.sock"),
    ("HOME", ".docker/desktop/docker.sock"),
];

/// Where the daemon is looked for.
#[derive(Debug)]
pub(super) struct Daemon {
    /// The value of DOCKER_HOST, or a socket in one of the usual places.
    pub(super) address: String,
    is_named: bool,
}

#[expect(clippy::disallowed_methods, reason = "Docker's own variables, no settings of ours")]
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

impl Daemon {
    /// As `testcontainers` does, which starts the containers.
    fn look_up() -> Self {
        if let Some(host) = variable("DOCKER_HOST") {
            return Self { address: host.display().to_string(), is_named: true };
        }
        let usual = PathBuf::from(USUAL_SOCKET);
        let others =
            OTHER_SOCKETS.iter().filter_map(|(name, path)| Some(variable(name)?.join(path)));
        let socket = std::iter::once(usual.clone()).chain(others).find(|path| path.exists());
        let address = format!("unix://{}", socket.unwrap_or(usual).display());
        Self { address, is_named: false }
    }

    /// Ports are published on the loopback, so the daemon has to be on this machine.
    fn check(&self) -> Result<(), ContainersError> {
        if !self.is_named {
            return Ok(());
        }
        let wrong = |problem: &str| {
            let (daemon, problem) = (self.address.clone(), problem.to_owned());
            Err(ContainersError::WrongHost { daemon, problem })
        };
        match self.address.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(()),
            Some(("unix", _)) => wrong("a socket's path begins with a slash"),
            Some(("tcp" | "http", rest)) => {
                let host = rest.rsplit_once(':').map_or(rest, |(host, _)| host);
                let local = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
                let elsewhere = "it is on another machine, where the loopback is another one";
                if local { Ok(()) } else { wrong(elsewhere) }
            }
            Some((scheme, _)) => wrong(&format!("{scheme}:// is neither unix:// nor tcp://")),
            None => wrong("it is no URL such as unix:///var/run/docker.sock"),
        }
    }

    /// The docker context that the command `docker` uses instead, if there is one: nobody else
    /// looks at contexts.
    pub(super) fn other_context(&self) -> String {
        let folder = variable("DOCKER_CONFIG").or_else(|| Some(variable("HOME")?.join(".docker")));
        let text = folder.and_then(|it| std::fs::read_to_string(it.join("config.json")).ok());
        let config: serde_json::Value =
            text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        match config["currentContext"].as_str() {
            Some(context) if context != "default" && !self.is_named => format!(
                " (the command `docker` uses its context {context:?}, which only DOCKER_HOST can \
                 tell others)"
            ),
            _ => String::new(),
        }
    }
}

/// A client of the daemon, once that has answered.
pub(super) async fn connect() -> Result<Docker, ContainersError> {
    let daemon = Daemon::look_up();
    daemon.check()?;
    let address = &daemon.address;
    let docker = if address.starts_with("unix://") {
        Docker::connect_with_unix(address, REQUEST_SECONDS_MAX, API_DEFAULT_VERSION)
    } else {
        Docker::connect_with_http(address, REQUEST_SECONDS_MAX, API_DEFAULT_VERSION)
    };
    let docker = docker.map_err(|error| ContainersError::unreachable(&daemon, &error))?;
    match tokio::time::timeout(ANSWER_WITHIN, docker.version()).await {
        Ok(Ok(_)) => Ok(docker),
        Ok(Err(error)) => Err(ContainersError::unreachable(&daemon, &error)),
        Err(_) => {
            let problem = format!("no answer within {ANSWER_WITHIN:?}");
            Err(ContainersError::Unwell { daemon: daemon.address, problem })
        }
    }
}

/// Removes the containers whose owners were killed.
pub(super) async fn sweep(docker: &Docker) {
    for found in labelled(docker, OWNER_LABEL).await {
        let owner = found.labels.get(OWNER_LABEL).and_then(|label| Owner::parse(label));
        if owner.is_some_and(|owner| owner.is_gone(found.has_stopped)) {
            remove(docker, &found.id).await;
            tracing::info!(container = found.id, "leftover removed");
        }
    }
}

/// Whether the image is here. What the daemon says otherwise comes with the attempt to start it.
pub(super) async fn has_image(docker: &Docker, image: &str) -> bool {
    let missing =
        |error: &Error| matches!(error, Error::DockerResponseServerError { status_code: 404, .. });
    !docker.inspect_image(image).await.is_err_and(|error| missing(&error))
}

/// Removes all containers with this label, whatever state they are in.
pub(super) async fn remove_labelled(docker: &Docker, label: &str) {
    for found in labelled(docker, label).await {
        remove(docker, &found.id).await;
    }
}

/// A container that carries one of our labels.
struct Labelled {
    id: String,
    labels: HashMap<String, String>,
    /// Whether it runs no more, or never did.
    has_stopped: bool,
}

async fn labelled(docker: &Docker, label: &str) -> Vec<Labelled> {
    let filters = HashMap::from([("label", vec![label])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    match docker.list_containers(Some(options)).await {
        Ok(listed) => listed
            .into_iter()
            .filter_map(|it| {
                let state = it.state.map(|state| state.to_string());
                Some(Labelled {
                    id: it.id?,
                    labels: it.labels?,
                    has_stopped: matches!(state.as_deref(), Some("created" | "exited" | "dead")),
                })
            })
            .collect(),
        Err(error) => {
            tracing::warn!(%error, "containers not listed");
            Vec::new()
        }
    }
}

async fn remove(docker: &Docker, id: &str) {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    if let Err(error) = docker.remove_container(id, Some(options)).await {
        if is_removed_by_another(&error) {
            tracing::debug!(container = id, %error, "container removed by another");
        } else {
            tracing::warn!(container = id, %error, "container not removed");
        }
    }
}

/// Whether there is no such container any more, or somebody else is removing it.
fn is_removed_by_another(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404 | 409, .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_docker_host_that_cannot_work_is_refused_by_name() {
        for (address, problem) in [
            ("unix:///var/run/docker.sock", None),
            ("tcp://127.0.0.1:2375", None),
            ("tcp://localhost:2375", None),
            ("tcp://[::1]:2375", None),
            ("tcp://build.example.com:2375", Some("another machine")),
            ("ssh://me@build", Some("ssh:// is neither")),
            ("unix://docker.sock", Some("begins with a slash")),
            ("/var/run/docker.sock", Some("no URL")),
        ] {
            let daemon = Daemon { address: address.to_owned(), is_named: true };
            match (daemon.check(), problem) {
                (Ok(()), None) => {}
                (Err(error), Some(problem)) => {
                    let text = format!("{error} {}", error.hint());
                    assert!(text.contains(problem) && text.contains(address), "{text}");
                    assert!(text.contains("--stack in-process"), "{text}");
                }
                (outcome, _) => panic!("{address}: {outcome:?}"),
            }
        }
    }
}
