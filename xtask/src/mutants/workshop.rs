//! Where mutants are built: a copy of the sources, and a target folder of its own, so that nobody
//! ever runs a mutated program by mistake.
//!
//! What cargo has built of other people's crates is shared by hard links: only ours are compiled.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use harness::binaries::{Binaries, PACKAGES, workspace_root};

use super::list::Mutant;

/// Files below this size are copied: cargo writes some of them in place.
const LINKED_BYTES_MIN: u64 = 128 * 1024;

/// The copy, and the target folder beside it.
pub(super) struct Workshop {
    tree: PathBuf,
    target: PathBuf,
    profile: &'static str,
    /// Of which program the mutant was that was built before.
    before: Cell<Option<&'static str>>,
}

/// A source while it is mutated; sound again when this is dropped.
struct Applied {
    path: PathBuf,
    sound: String,
}

impl Drop for Applied {
    fn drop(&mut self) {
        // If the disk refuses, the next start brings the copy up to date.
        let _ = fs::write(&self.path, &self.sound);
    }
}

impl Drop for Workshop {
    /// The programs may be mutated: nobody shall run them.
    fn drop(&mut self) {
        for program in PACKAGES {
            let _ = fs::remove_file(self.programs().join(program));
        }
    }
}

impl Workshop {
    /// Brings the copy up to date and builds all programs there once. `sound` are the programs of
    /// this checkout, built before.
    pub(super) async fn open(sound: &Binaries) -> anyhow::Result<Self> {
        let root = workspace_root().join("target/mutants");
        let is_release = sound.folder().ends_with("release");
        let workshop = Self {
            tree: root.join("tree"),
            target: root.join("build"),
            profile: if is_release { "release" } else { "dev" },
            before: Cell::default(),
        };
        copy_sources(&workshop.tree)?;
        let folder = workshop.programs();
        if !folder.exists() {
            for part in ["build", "deps", ".fingerprint"] {
                link(&sound.folder().join(part), &folder.join(part))?;
            }
        }
        workshop.cargo_build(&[]).await?;
        Ok(workshop)
    }

    /// Builds the mutant's program; the sources are sound again afterwards, the programs are not.
    pub(super) async fn build(&self, mutant: &Mutant) -> anyhow::Result<Binaries> {
        let path = self.tree.join(mutant.file);
        let sound = fs::read_to_string(&path).with_context(|| format!("read {}", mutant.file))?;
        let mutated = mutant.apply(&sound)?;
        let applied = Applied { path, sound };
        // What the mutant before has changed is built anew too, from sound sources.
        fs::write(&applied.path, mutated).context("write the mutant")?;
        let programs = match (mutant.program(), self.before.replace(mutant.program())) {
            (Some(program), Some(before)) if program == before => vec![program],
            (Some(program), Some(before)) => vec![program, before],
            // The first one, or one of a library: then all programs are built.
            _ => Vec::new(),
        };
        let built = self.cargo_build(&programs).await;
        drop(applied);
        built
            .with_context(|| format!("build the mutant {} of {}", mutant.name, mutant.package()))?;
        Ok(Binaries::in_folder(&self.programs()))
    }

    fn programs(&self) -> PathBuf {
        self.target.join(if self.profile == "release" { "release" } else { "debug" })
    }

    /// Builds these programs; without any, all.
    async fn cargo_build(&self, programs: &[&str]) -> anyhow::Result<()> {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(&self.tree).args(["build", "--quiet", "--offline"]);
        if programs.is_empty() {
            cargo.arg("--bins");
        }
        for program in programs {
            cargo.args(["--bin", program]);
        }
        // All packages all the same: which of them are named decides how others' are compiled.
        cargo.args(["--profile", self.profile]).arg("--target-dir").arg(&self.target);
        for package in PACKAGES {
            cargo.args(["--package", package]);
        }
        // A mutant may leave something unused; that is its nature. And nothing of it is built twice.
        cargo.env("CARGO_INCREMENTAL", "0");
        super::cargo::run(cargo).await
    }
}

/// Copies what git tracks, and what is new and not ignored. Files that are the same are left alone,
/// so that cargo does not take them for changed.
fn copy_sources(tree: &Path) -> anyhow::Result<()> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(workspace_root())
        .output()
        .context("list the sources with git")?;
    ensure!(listed.status.success(), "git ls-files ended with {}", listed.status);
    let names = String::from_utf8(listed.stdout).context("read the names of the sources")?;
    for name in names.split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (workspace_root().join(name), tree.join(name));
        let Ok(bytes) = fs::read(&from) else { continue }; // Deleted, and git does not know yet.
        if fs::read(&to).is_ok_and(|old| old == bytes) {
            continue;
        }
        let folder = to.parent().context("find the folder of a source")?;
        fs::create_dir_all(folder).context("make a folder of the copy")?;
        fs::write(&to, bytes).with_context(|| format!("copy {name}"))?;
    }
    Ok(())
}

/// Whether a build result belongs to a crate of this workspace: `libupload_data-<hash>.rlib`.
fn is_ours(name: &str) -> bool {
    let Some((stem, _)) = name.rsplit_once('-') else { return false };
    let package = stem.strip_prefix("lib").unwrap_or(stem).replace('_', "-");
    !package.is_empty() && workspace_root().join("crates").join(package).is_dir()
}

/// Shares a folder of build results: large files as hard links, small ones as copies that keep their
/// times.
fn link(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| format!("make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("list {}", from.display()))? {
        let entry = entry.context("read a folder entry")?;
        if is_ours(&entry.file_name().to_string_lossy()) {
            continue; // Compiled anew; a shared file could be written through.
        }
        let (source, copy) = (entry.path(), to.join(entry.file_name()));
        // Somebody else may be building: what is gone by now is not needed either.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            link(&source, &copy)?;
        } else if LINKED_BYTES_MIN <= metadata.len() {
            let _ = fs::hard_link(&source, &copy);
        } else if fs::copy(&source, &copy).is_ok() {
            let times = fs::FileTimes::new().set_modified(metadata.modified().context("its time")?);
            let file = fs::File::options().write(true).open(&copy).context("open a copy")?;
            file.set_times(times).context("keep a time")?;
        }
    }
    Ok(())
}
