//! Downloads Postgres' server where none is installed.
//!
//! From the builds of <https://github.com/theseus-rs/postgresql-binaries>, or a mirror laid out like
//! them: `<source>/<version>/postgresql-<version>-<target>.tar.gz`, and beside it the same name with
//! `.sha256`. What arrives is used only if its checksum is right; it lies in the cache, once. As the
//! checksum comes from the same server, it tells a broken transfer, not a server that lies: against
//! that stands TLS, and a mirror that one names has to be trusted.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::GzDecoder;
use http::Response;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

use super::binaries::Binaries;
use super::making::Making;
use crate::fetch::{FetchError, Fetcher};

/// The version that is downloaded.
const VERSION: &str = "17.5.0";
/// How long the server may take to answer, and to send the next piece.
const WAIT: Duration = Duration::from_secs(30);
/// A checksum file is a line.
const CHECKSUM_BYTES_MAX: usize = 4096;
/// An archive has about 11 MiB.
const ARCHIVE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Whether, and from where, Postgres may be downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Download {
    /// From below this URL.
    From(String),
    /// Not at all.
    Never,
}

impl Default for Download {
    fn default() -> Self {
        let releases = "https://github.com/theseus-rs/postgresql-binaries/releases/download";
        Self::From(releases.to_owned())
    }
}

impl std::str::FromStr for Download {
    type Err = String;

    /// `never`, or a URL; blank is the default.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().trim_end_matches('/') {
            "" => Ok(Self::default()),
            "never" => Ok(Self::Never),
            url if url.starts_with("https://") || url.starts_with("http://") => {
                Ok(Self::From(url.to_owned()))
            }
            _ => Err("it is `never` or a URL that begins with https:// or http://".to_owned()),
        }
    }
}

impl std::fmt::Display for Download {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::From(url) => url,
            Self::Never => "never",
        })
    }
}

/// Why nothing usable was downloaded.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The server cannot be reached or says no.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The checksum file holds none.
    #[error("{url} holds no SHA-256 checksum")]
    NoChecksum {
        /// The file.
        url: String,
    },
    /// What arrived is something else.
    #[error("{url} has checksum {found}, but {expected} was announced: nothing of it is used")]
    WrongChecksum {
        /// The archive.
        url: String,
        /// In hexadecimal, what was announced.
        expected: String,
        /// In hexadecimal, what arrived.
        found: String,
    },
    /// The transfer ended early, or without end.
    #[error("{url} broke off after {bytes} bytes: {reason}")]
    BrokenOff {
        /// The archive.
        url: String,
        /// What had arrived by then.
        bytes: u64,
        /// Why.
        reason: String,
    },
    /// The disk is full, or the folder is not ours.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It is no archive of a Postgres that runs here.
    #[error("{url} is no Postgres that runs on this machine")]
    Unusable {
        /// The archive.
        url: String,
    },
}

/// The downloaded server's binaries: those in `cache`, else fetched from `source`.
pub(crate) async fn ensure(source: &str, cache: &Path) -> Result<Binaries, DownloadError> {
    let target = target();
    let kept = cache.join(format!("server-{VERSION}-{target}"));
    if let Some(binaries) = Binaries::in_folder(&kept.join("bin")) {
        return Ok(binaries);
    }
    let url = format!("{source}/{VERSION}/postgresql-{VERSION}-{target}.tar.gz");
    tracing::warn!(url, "no Postgres server is installed: downloading one, once");
    let fetcher = Fetcher::new(WAIT);
    let expected = checksum(&fetcher, &format!("{url}.sha256")).await?;
    // Beside its final place and renamed, so that a half-made one is never used.
    let making = Making::server(cache).map_err(unwritable(cache))?;
    let archive = making.path().join("archive.tar.gz");
    let mut file = File::create(&archive).map_err(unwritable(&archive))?;
    let answer = successful(fetcher.get(&url).await?, &url)?;
    let bar = progress_bar(length(&answer));
    let found = save(answer, &mut file, &archive, &url, &bar).await?;
    bar.finish_and_clear();
    if found != expected {
        return Err(DownloadError::WrongChecksum { url, expected, found });
    }
    let folder = making.path().to_owned();
    let unpacked = tokio::task::spawn_blocking(move || unpack(&archive, &folder)).await;
    let unpacked = unpacked.expect("unpacking does not panic")?;
    let server = unpacked.ok_or_else(|| DownloadError::Unusable { url: url.clone() })?;
    if Binaries::in_folder(&server.join("bin")).is_none() {
        return Err(DownloadError::Unusable { url });
    }
    match std::fs::rename(&server, &kept) {
        // Another process was faster.
        Err(_) if kept.exists() => {}
        renamed => renamed.map_err(unwritable(&kept))?,
    }
    Binaries::in_folder(&kept.join("bin")).ok_or(DownloadError::Unusable { url })
}

/// This machine in the names of the builds.
fn target() -> String {
    let system = match (std::env::consts::OS, cfg!(target_env = "musl")) {
        ("macos", _) => "apple-darwin",
        (_, true) => "unknown-linux-musl",
        (_, false) => "unknown-linux-gnu",
    };
    format!("{}-{system}", std::env::consts::ARCH)
}

fn successful(answer: Response<Incoming>, url: &str) -> Result<Response<Incoming>, FetchError> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    Err(FetchError::Refused { url: url.to_owned(), status })
}

/// The checksum in a file of `sha256sum`: the digits, then perhaps a name.
async fn checksum(fetcher: &Fetcher, url: &str) -> Result<String, DownloadError> {
    let answer = successful(fetcher.get(url).await?, url)?;
    let body = Limited::new(answer, CHECKSUM_BYTES_MAX).collect();
    let bytes = tokio::time::timeout(WAIT, body).await.ok().and_then(Result::ok);
    let bytes = bytes.map(|body| body.to_bytes()).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let first = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    if first.len() == 64 && first.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(first);
    }
    Err(DownloadError::NoChecksum { url: url.to_owned() })
}

/// Writes the body to `file`, shows how far it is, and returns its checksum.
async fn save(
    answer: Response<Incoming>,
    file: &mut File,
    path: &Path,
    url: &str,
    bar: &ProgressBar,
) -> Result<String, DownloadError> {
    let mut body = answer.into_body();
    let mut hash = Sha256::new();
    let mut bytes = 0;
    loop {
        let broken_off =
            |reason: String| DownloadError::BrokenOff { url: url.to_owned(), bytes, reason };
        let frame = match tokio::time::timeout(WAIT, body.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => return Err(broken_off(error.to_string())),
            Err(_) => return Err(broken_off(format!("nothing came for {WAIT:?}"))),
        };
        let Ok(piece) = frame.into_data() else { continue };
        if ARCHIVE_BYTES_MAX < bytes + piece.len() as u64 {
            return Err(broken_off("it has no end".to_owned()));
        }
        file.write_all(&piece).map_err(unwritable(path))?;
        hash.update(&piece);
        bytes += piece.len() as u64;
        bar.set_position(bytes);
    }
    file.flush().map_err(unwritable(path))?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// How many bytes are to come, if the server says so.
fn length(answer: &Response<Incoming>) -> Option<u64> {
    answer.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Drawn on a terminal only; others get a line in the log.
fn progress_bar(length: Option<u64>) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "downloading Postgres {wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}",
    )
    .expect("the template is fine");
    length.map_or_else(ProgressBar::new_spinner, ProgressBar::new).with_style(style)
}

/// Unpacks into `folder` and returns the archive's one folder; `None` if it is no such archive.
fn unpack(archive: &Path, folder: &Path) -> Result<Option<PathBuf>, DownloadError> {
    let file = File::open(archive).map_err(unwritable(archive))?;
    let into = folder.join("server");
    std::fs::create_dir_all(&into).map_err(unwritable(&into))?;
    let mut tar = tar::Archive::new(GzDecoder::new(std::io::BufReader::new(file)));
    // As whom Postgres runs must be able to read it, whatever our umask is.
    tar.set_preserve_permissions(true);
    // Entries that lead out of the folder are left out by `unpack`.
    match tar.unpack(&into) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {
            return Err(unwritable(&into)(error));
        }
        Err(error) => {
            tracing::debug!(%error, "the archive cannot be unpacked");
            return Ok(None);
        }
    }
    let children = std::fs::read_dir(&into).map_err(unwritable(&into))?.flatten();
    Ok(children.map(|child| child.path()).find(|child| child.join("bin").is_dir()))
}

fn unwritable(path: &Path) -> impl FnOnce(std::io::Error) -> DownloadError {
    let path = path.to_owned();
    move |source| DownloadError::Write { path, source }
}

#[cfg(test)]
#[path = "download_tests.rs"]
mod tests;
