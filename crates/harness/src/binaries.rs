//! The only way to a program's path: `cargo test` does not build other crates' programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// The packages whose programs the harness runs.
pub const PACKAGES: [&str; 6] =
    ["blueshift", "consume-events", "generate-events", "run-pipeline", "upload-data", "visualize"];

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// The programs in a folder that somebody else has built.
    pub fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Their folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A program's path.
    pub fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }
}

/// The root of the checkout this was built from.
pub fn workspace_root() -> &'static Path {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    crates.and_then(Path::parent).expect("this crate lies two folders below the root")
}

/// Builds all programs with the profile this program was built with; once per process.
pub fn binaries() -> anyhow::Result<Binaries> {
    static BUILT: std::sync::Mutex<Option<Binaries>> = std::sync::Mutex::new(None);
    let mut built = BUILT.lock().expect("nobody panics while building");
    if let Some(binaries) = &*built {
        return Ok(binaries.clone());
    }
    let made = build()?;
    Ok(built.insert(made).clone())
}

fn build() -> anyhow::Result<Binaries> {
    let status = build_command()?.status().context("run cargo build")?;
    ensure!(status.success(), "cargo build of the programs ended with {status}");
    let (folder, _) = target_folder()?;
    Ok(Binaries { folder })
}

/// What [`binaries`] runs, for those who want to be able to end it.
pub fn build_command() -> anyhow::Result<Command> {
    let (folder, profile) = target_folder()?;
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace_root()).args(["build", "--quiet", "--bins", "--profile", profile]);
    for package in PACKAGES {
        cargo.args(["--package", package]);
    }
    // As in this program, so that everything is compiled once.
    cargo.args(["--features", "blueshift/containers"]);
    // What `cargo run` set for its own child would make build scripts believe they are new.
    let target = folder.parent().context("find the target folder")?;
    cargo.arg("--target-dir").arg(target);
    Ok(cargo)
}

/// Builds the kit as it is released, whatever the profile of this program, and gives its path.
pub fn release_kit() -> anyhow::Result<PathBuf> {
    Ok(build_release(&["blueshift"])?.path("blueshift"))
}

/// Builds all programs as they are released, whatever the profile of this program.
pub fn release_programs() -> anyhow::Result<Binaries> {
    build_release(&PACKAGES)
}

fn build_release(packages: &[&str]) -> anyhow::Result<Binaries> {
    let (folder, _) = target_folder()?;
    let target = folder.parent().context("find the target folder")?;
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace_root()).args(["build", "--quiet", "--release", "--bins"]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    let status = cargo.arg("--target-dir").arg(target).status().context("run cargo build")?;
    ensure!(status.success(), "cargo build of the release ended with {status}");
    Ok(Binaries { folder: target.join("release") })
}

/// `target/<profile>` and the profile's name, from where this program itself lies.
fn target_folder() -> anyhow::Result<(PathBuf, &'static str)> {
    let own = std::env::current_exe().context("find the running program")?;
    let mut folder = own.parent().context("find its folder")?;
    if folder.ends_with("deps") {
        folder = folder.parent().context("find the profile's folder")?;
    }
    let profile = if folder.ends_with("release") { "release" } else { "dev" };
    Ok((folder.to_owned(), profile))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Or a scenario would run what somebody built some other day.
    #[test]
    fn every_program_of_the_workspace_is_built_before_it_runs() {
        let crates = std::fs::read_dir(workspace_root().join("crates")).expect("there are crates");
        let crates = crates.map(|entry| entry.expect("readable").path());
        let mut programs: Vec<String> = crates
            .filter(|folder| folder.join("src/main.rs").is_file())
            .map(|folder| folder.file_name().expect("a name").to_string_lossy().into_owned())
            .collect();
        programs.sort();
        assert_eq!(programs, PACKAGES);
    }
}
