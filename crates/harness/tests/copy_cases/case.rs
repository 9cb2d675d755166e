//! The text of a case: sections that begin with `--- `, each a step or what its step must give.
//!
//! Reads nothing but the files that a case puts as objects; running it is `run`'s.

use std::io::Write;

use base64::Engine;
use flate2::Compression;
use flate2::write::GzEncoder;
use harness::binaries::workspace_root;

/// One file of `fixtures/copy`.
#[derive(Debug)]
pub(crate) struct Case {
    /// Its path below the folder.
    pub(crate) name: String,
    /// The page of the Database Developer Guide that says so.
    pub(crate) page: String,
    pub(crate) steps: Vec<Step>,
}

/// Something to do, and what it must give.
#[derive(Debug)]
pub(crate) struct Step {
    /// Where it is in the file, from 1.
    pub(crate) line: usize,
    pub(crate) action: Action,
    pub(crate) expected: Vec<Expectation>,
}

#[derive(Debug)]
pub(crate) enum Action {
    /// Put an object into the case's bucket.
    Object { key: String, content: Vec<u8> },
    /// Run statements as one simple query.
    Setup(String),
    /// Run one statement; it succeeds unless an error is expected.
    Copy(String),
    /// Run a query.
    Query(String),
}

#[derive(Debug)]
pub(crate) enum Expectation {
    /// What the query returns, line by line.
    Rows(Vec<String>),
    /// SQLSTATE and message; an ending `…` stands for any rest. Further lines are parts of DETAIL.
    Error(Vec<String>),
    /// All notices, in order.
    Notices(Vec<String>),
    /// What stl_load_errors has of this COPY: these columns, line by line.
    LoadErrors { columns: String, rows: Vec<String> },
}

/// A section as it stands in the file.
struct Section<'a> {
    line: usize,
    /// What follows `--- `.
    title: &'a str,
    lines: Vec<&'a str>,
}

impl Case {
    /// Errors begin with a line number.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Case, String> {
        let (head, sections) = split(text);
        let page = head.iter().find_map(|line| line.strip_prefix("page:"));
        let page = page.map_or(String::new(), |page| page.trim().to_owned());
        let mut steps: Vec<Step> = Vec::new();
        for section in sections {
            let line = section.line;
            let failed = |problem: &str| format!("{line}: {problem}");
            let (kind, argument) = section.title.split_once(' ').unwrap_or((section.title, ""));
            let text = || section.lines.join("\n").trim().to_owned();
            let action = match kind {
                "object" => object(&mut steps, argument, &section.lines).map_err(|e| failed(&e))?,
                "setup" => Some(Action::Setup(text())),
                "copy" => Some(Action::Copy(text())),
                "query" => Some(Action::Query(text())),
                _ => {
                    let step = steps.last_mut().ok_or_else(|| failed("it comes before a step"))?;
                    step.expected.push(expectation(&section).map_err(|e| failed(&e))?);
                    None
                }
            };
            if let Some(action) = action {
                steps.push(Step { line, action, expected: Vec::new() });
            }
        }
        Ok(Case { name: name.to_owned(), page, steps })
    }
}

/// What stands before the first section, and the sections.
fn split(text: &str) -> (Vec<&str>, Vec<Section<'_>>) {
    let mut head = Vec::new();
    let mut sections: Vec<Section<'_>> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(title) = line.strip_prefix("--- ") {
            sections.push(Section { line: index + 1, title: title.trim(), lines: Vec::new() });
            continue;
        }
        match sections.last_mut() {
            Some(section) => section.lines.push(line),
            None => head.push(line),
        }
    }
    // Blank lines before the next section are for the reader.
    for section in &mut sections {
        while section.lines.last().is_some_and(|line| line.is_empty()) {
            section.lines.pop();
        }
    }
    (head, sections)
}

fn expectation(section: &Section<'_>) -> Result<Expectation, String> {
    let lines = || section.lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    Ok(match section.title.split_once(' ') {
        None if section.title == "rows" => Expectation::Rows(lines()),
        None if section.title == "error" => Expectation::Error(lines()),
        None if section.title == "notices" => Expectation::Notices(lines()),
        Some(("load-errors", columns)) => {
            Expectation::LoadErrors { columns: columns.to_owned(), rows: lines() }
        }
        _ => return Err(format!("no section is called {:?}", section.title)),
    })
}

/// `object KEY [word …]`; with `append` it goes on the object before, and there is no new step.
fn object(steps: &mut [Step], argument: &str, lines: &[&str]) -> Result<Option<Action>, String> {
    let mut words = argument.split_whitespace();
    let key = words.next().ok_or("an object needs a key")?.to_owned();
    let mut content: Vec<u8> =
        lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect();
    let mut append = false;
    for word in words {
        match word {
            "no-newline" => content.truncate(content.len().saturating_sub(1)),
            "escaped" => content = unescape(&content)?,
            _ if word.starts_with("file=") => {
                let path = workspace_root().join("fixtures/copy").join(&word["file=".len()..]);
                content = std::fs::read(&path).map_err(|error| format!("{word}: {error}"))?;
            }
            "base64" => {
                content.retain(|byte| !byte.is_ascii_whitespace());
                content = base64::prelude::BASE64_STANDARD
                    .decode(&content)
                    .map_err(|error| format!("base64: {error}"))?;
            }
            "gzip" => content = gzip(&content),
            "append" => append = true,
            _ => match word.split_once('=') {
                Some(("repeat", count)) => {
                    content = content.repeat(count.parse().map_err(|_| "repeat needs a number")?);
                }
                Some(("cut", count)) => {
                    let count: usize = count.parse().map_err(|_| "cut needs a number")?;
                    content.truncate(content.len().saturating_sub(count));
                }
                _ => return Err(format!("{word:?} says nothing about an object")),
            },
        }
    }
    if !append {
        return Ok(Some(Action::Object { key, content }));
    }
    let earlier = steps.iter_mut().rev().find_map(|step| match &mut step.action {
        Action::Object { key: other, content } if *other == key => Some(content),
        _ => None,
    });
    earlier.ok_or("there is nothing to append to")?.extend(content);
    Ok(None)
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}

/// `\n`, `\r`, `\t`, `\0`, `\\`, `\xHH`.
fn unescape(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (&escape, tail) = rest.split_first().ok_or("a backslash ends the object")?;
        rest = tail;
        bytes.push(match escape {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'0' => 0,
            b'\\' => b'\\',
            b'x' => {
                let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                rest = rest.get(2..).unwrap_or_default();
                value.ok_or("\\x needs two hexadecimal digits")?
            }
            other => return Err(format!("no escape is \\{}", char::from(other))),
        });
    }
    Ok(bytes)
}

#[test]
fn a_case_is_read_section_by_section() {
    let text = "words\npage: some_page\n--- object a/b escaped no-newline\n{}\\x41\\n\n\n\
                --- object a/b append gzip\nx\n--- copy\ncopy t\n--- error\nXX000 no\n--- query\n\
                select 1\n--- rows\n1\n";
    let case = Case::parse("a.case", text).expect("well written");
    assert_eq!(case.page, "some_page");
    assert_eq!(case.steps.len(), 3);
    let Action::Object { content, .. } = &case.steps[0].action else { panic!("an object") };
    assert!(content.starts_with(b"{}A\n\x1f\x8b"), "{content:?}");
    assert_eq!(case.steps[1].line, 8);
    for (text, problem) in [
        ("--- rows\n", "1: it comes before a step"),
        ("--- copy\n--- rose\n", "2: no section is called \"rose\""),
        ("--- object\n", "1: an object needs a key"),
        ("--- object k compressed\n", "1: \"compressed\" says nothing about an object"),
    ] {
        assert_eq!(Case::parse("a.case", text).expect_err(text), problem);
    }
}
