//! Where charts are written: names that stay in their directory, files that are whole.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use time::macros::format_description;

use crate::error::VisualizeError;

/// Of the event's name in a file's name: well below every file system's limit of 255 (or 143).
const NAME_BYTES_MAX: usize = 80;

/// What is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Png,
    Svg,
    Html,
}

impl Format {
    fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Svg => "svg",
            Self::Html => "html",
        }
    }

    /// As HTTP has it.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Svg => "image/svg+xml",
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

/// A file that the directory has.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// The directory and the name.
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) format: Format,
    pub(crate) bytes: Vec<u8>,
}

/// The names of one run's files, without their endings.
pub(crate) struct Stems {
    time: String,
    /// In lower case, for file systems that do not tell cases apart.
    taken: HashSet<String>,
}

impl Stems {
    /// The names for charts drawn at `now`.
    pub(crate) fn at(now: OffsetDateTime) -> Self {
        let format = format_description!("[year][month][day]-[hour][minute][second]");
        let time = now.format(format).expect("every time has these parts");
        Self { time, taken: HashSet::new() }
    }

    /// `<event>-<YYYYMMDD-HHMMSS>`, as the prototype names its charts. What could leave the
    /// directory or trouble a shell becomes `_`; two names that would then be one are numbered.
    pub(crate) fn take(&mut self, event: &str) -> String {
        let safe = safe(event);
        let mut name = safe.clone();
        let mut number = 1;
        while !self.taken.insert(name.to_lowercase()) {
            number += 1;
            name = format!("{safe}-{number}");
        }
        format!("{name}-{}", self.time)
    }

    /// `report-<YYYYMMDD-HHMMSS>`. An event may have that name too: no chart has a report's ending.
    pub(crate) fn report(&self) -> String {
        format!("report-{}", self.time)
    }
}

fn safe(event: &str) -> String {
    let mut name = String::new();
    for character in event.chars() {
        let keep = character.is_alphanumeric() || matches!(character, '-' | '_' | '.');
        let keep = keep && !(name.is_empty() && matches!(character, '-' | '.'));
        let character = if keep { character } else { '_' };
        if NAME_BYTES_MAX < name.len() + character.len_utf8() {
            break;
        }
        name.push(character);
    }
    name
}

/// Makes the directory, and those above it, unless they are there.
pub(crate) fn make_directory(path: &Path) -> Result<(), VisualizeError> {
    std::fs::create_dir_all(path)
        .map_err(|source| VisualizeError::Directory { path: path.to_owned(), source })
}

/// Writes a file that others see whole or not at all.
pub(crate) fn write(
    directory: &Path,
    stem: &str,
    format: Format,
    bytes: Vec<u8>,
) -> Result<Written, VisualizeError> {
    let name = format!("{stem}.{}", format.ending());
    let path = directory.join(&name);
    let unfinished = directory.join(format!(".{name}.{}.part", std::process::id()));
    let written =
        std::fs::write(&unfinished, &bytes).and_then(|()| std::fs::rename(&unfinished, &path));
    match written {
        Ok(()) => Ok(Written { path, name, format, bytes }),
        Err(source) => {
            // The first error is the one that counts; there may be nothing to remove.
            let _ = std::fs::remove_file(&unfinished);
            Err(VisualizeError::Write { path, source })
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn charts_are_named_as_the_prototype_names_them() {
        let mut stems = Stems::at(datetime!(2019-03-05 07:08:09 UTC));
        assert_eq!(stems.take("submission_success"), "submission_success-20190305-070809");
        assert_eq!(stems.report(), "report-20190305-070809");
    }

    #[test]
    fn no_name_leaves_the_directory_or_hides() {
        for (event, expected) in [
            ("../x", "_._x"),
            ("/etc/passwd", "_etc_passwd"),
            (r"..\..\x", r"_._.._x"),
            (".hidden", "_hidden"),
            ("-rf", "_rf"),
            ("a b\n\u{0}\u{202e};$'\"", "a_b_______"),
            ("Übergröße 日本", "Übergröße_日本"),
            ("v1.2-final", "v1.2-final"),
        ] {
            assert_eq!(safe(event), expected, "{event:?}");
        }
        let long = safe(&"日".repeat(500));
        assert!(long.len() <= NAME_BYTES_MAX && long.starts_with("日日"), "{long}");
    }

    #[test]
    fn names_that_would_fall_together_are_numbered() {
        let mut stems = Stems::at(datetime!(2019-03-05 07:08:09 UTC));
        let taken: Vec<String> =
            ["a/b", "a b", "A_B", "a_b-2", "a:b"].iter().map(|event| stems.take(event)).collect();
        let expected = ["a_b", "a_b-2", "A_B-3", "a_b-2-2", "a_b-4"];
        assert_eq!(taken, expected.map(|name| format!("{name}-20190305-070809")));
    }

    #[test]
    fn a_file_is_written_whole_and_nothing_else_stays() {
        let directory = tempfile::tempdir().unwrap();
        make_directory(&directory.path().join("a/b")).unwrap();
        make_directory(&directory.path().join("a/b")).unwrap();
        let at = directory.path().join("a/b");
        for text in ["first", "second"] {
            let written = write(&at, "x", Format::Svg, text.into()).unwrap();
            assert_eq!(written.name, "x.svg");
            assert_eq!(std::fs::read_to_string(written.path).unwrap(), text);
        }
        assert_eq!(std::fs::read_dir(&at).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_that_cannot_be_is_named_with_a_hint() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        for error in [
            make_directory(&file.join("charts")).unwrap_err(),
            write(&directory.path().join("absent"), "x", Format::Png, Vec::new()).unwrap_err(),
        ] {
            assert!(error.to_string().contains(directory.path().to_str().unwrap()), "{error}");
            assert!(error.hint().unwrap().contains("--out"), "{error}");
        }
    }
}
