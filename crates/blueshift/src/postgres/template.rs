//! The template cluster: made once, copied for every start.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Output;

use super::account::Account;
use super::binaries::Binaries;
use super::cluster::Server;
use super::error::PostgresError;
use super::making::{Making, PLACE_FILE};
use super::{Catalog, SUPERUSER};

/// Finds or makes the template and returns its data directory.
pub(crate) async fn ensure(
    binaries: &Binaries,
    account: Account,
    catalog: &Catalog,
) -> Result<PathBuf, PostgresError> {
    let cache = cache_folder();
    let name = format!("postgres-{}-{}", binaries.version, catalog.fingerprint);
    let template = cache.join(&name);
    if template.join("PG_VERSION").exists() {
        return Ok(template);
    }
    tracing::info!(template = %template.display(), "making the template cluster, once");
    make_cache_folder(&cache, account)?;
    // Made beside its final place and renamed, so that a half-made one is never used and two
    // processes that make it at the same time do not meet.
    // Its server ends before it goes, also if we are told to stop in the middle.
    let making = Making::template(&cache, account)
        .map_err(PostgresError::folder("make a folder for the template in", &cache))?;
    let data = making.path().join("data");
    make(binaries, account, catalog, making.path(), &data).await?;
    match std::fs::rename(&data, &template) {
        Err(_) if template.join("PG_VERSION").exists() => {}
        renamed => renamed.map_err(PostgresError::folder("rename the template to", &template))?,
    }
    Ok(template)
}

async fn make(
    binaries: &Binaries,
    account: Account,
    catalog: &Catalog,
    making: &Path,
    data: &Path,
) -> Result<(), PostgresError> {
    let mut initdb = account.command(&binaries.initdb);
    initdb
        .arg("--pgdata")
        .arg(data)
        .args(["--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8"])
        .args(["--locale", "C", "--no-sync", "--no-instructions", "--wal-segsize", "1"]);
    run(&binaries.initdb, initdb.output())?;
    let socket_folder = super::leftovers::make_folder(account)?;
    // Who finds this folder after a kill knows which server to end.
    let place = socket_folder.join(PLACE_FILE);
    std::fs::write(&place, making.as_os_str().as_bytes())
        .map_err(PostgresError::folder("write into", &socket_folder))?;
    let server = Server::launch(binaries, account, data, &socket_folder)?;
    server.ready().await?;
    for (database, script) in &catalog.scripts {
        let client = server.connect(database).await.map_err(catalog_error(database))?;
        client.batch_execute(script).await.map_err(catalog_error(database))?;
    }
    server.stop_cleanly()
}

fn catalog_error(database: &str) -> impl FnOnce(tokio_postgres::Error) -> PostgresError {
    let database = database.to_owned();
    move |source| PostgresError::Catalog {
        database,
        reason: source.as_db_error().map_or_else(
            || source.to_string(),
            |db| format!("{} ({})", db.message(), db.where_().unwrap_or("no context")),
        ),
        source: Box::new(source),
    }
}

/// Copies the template's data directory; the file system may share blocks.
pub(crate) fn copy(template: &Path, account: Account, to: &Path) -> Result<(), PostgresError> {
    let mut copy = account.command(Path::new("/bin/cp"));
    copy.args(["-R", "-p"]);
    if cfg!(target_os = "linux") {
        copy.arg("--reflink=auto");
    }
    copy.arg(template).arg(to);
    run(Path::new("/bin/cp"), copy.output())
}

fn run(program: &Path, outcome: std::io::Result<Output>) -> Result<(), PostgresError> {
    let name = program.display().to_string();
    let output = outcome.map_err(|error| PostgresError::Program {
        program: name.clone(),
        output: error.to_string(),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let printed = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(PostgresError::Program { program: name, output: printed })
}

/// Per user. Root's own cache lies in a folder the unprivileged user cannot enter.
#[expect(clippy::disallowed_methods, reason = "where caches go, not a setting of ours")]
pub(crate) fn cache_folder() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/cache/blueshift");
    }
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    named("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| named("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("blueshift")
}

pub(crate) fn make_cache_folder(cache: &Path, account: Account) -> Result<(), PostgresError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(cache)
        .map_err(PostgresError::folder("make the cache folder", cache))?;
    // initdb makes its folder as the unprivileged user.
    account.own(cache)?;
    std::fs::set_permissions(cache, std::fs::Permissions::from_mode(0o755))
        .map_err(PostgresError::folder("open the cache folder", cache))
}
