//! Downloads from a server on the loopback: good ones, and every way in which one is not.

use std::collections::HashMap;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// An archive with programs that say what Postgres' say.
fn archive() -> Vec<u8> {
    let script = b"#!/bin/sh\necho 'postgres (PostgreSQL) 17.5'\n";
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for program in ["initdb", "postgres"] {
        let mut header = tar::Header::new_gnu();
        header.set_size(script.len() as u64);
        header.set_mode(0o755);
        header.set_cksum();
        let path = format!("postgresql-17.5.0-here/bin/{program}");
        tar.append_data(&mut header, path, script.as_slice()).expect("written");
    }
    tar.into_inner().and_then(GzEncoder::finish).expect("written")
}

fn digits(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn path() -> String {
    format!("/{VERSION}/postgresql-{VERSION}-{}.tar.gz", target())
}

/// Answers each path with the bytes given, the head included, then closes; 404 to others.
async fn serve(answers: HashMap<String, Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let count = stream.read(&mut request).await.unwrap_or_default();
            let text = String::from_utf8_lossy(&request[..count]).into_owned();
            let asked = text.split(' ').nth(1).unwrap_or_default();
            let missing = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec();
            let _ = stream.write_all(answers.get(asked).unwrap_or(&missing)).await;
        }
    });
    url
}

fn ok(body: &[u8], length: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

async fn download(answers: &[(String, Vec<u8>)]) -> (Result<Binaries, String>, Vec<String>) {
    let cache = tempfile::tempdir().expect("a folder");
    let url = serve(answers.iter().cloned().collect()).await;
    let outcome = ensure(&url, cache.path()).await.map_err(|error| {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}; {}", source.unwrap_or_default()).replace(&url, "URL")
    });
    let left = std::fs::read_dir(cache.path()).expect("a folder").flatten();
    (outcome, left.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

#[tokio::test]
async fn a_server_is_downloaded_once_and_its_checksum_checked() {
    let archive = archive();
    let checksum = format!("{}  postgresql.tar.gz\n", digits(&archive).to_uppercase());
    let moved = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".to_vec();
    let answers = [
        (path(), moved),
        ("/elsewhere".to_owned(), ok(&archive, archive.len())),
        (format!("{}.sha256", path()), ok(checksum.as_bytes(), checksum.len())),
    ];
    let cache = tempfile::tempdir().expect("a folder");
    let url = serve(HashMap::from(answers)).await;
    let binaries = ensure(&url, cache.path()).await.expect("it is all right");
    assert_eq!(binaries.version, "17.5");
    assert!(binaries.postgres.starts_with(cache.path().canonicalize().expect("there")));
    let again = ensure("http://127.0.0.1:1", cache.path()).await.expect("it is there already");
    assert_eq!(again.postgres, binaries.postgres);
    assert_eq!(std::fs::read_dir(cache.path()).expect("a folder").count(), 1);
}

#[tokio::test]
async fn what_is_not_the_announced_archive_is_refused_and_leaves_nothing() {
    let archive = archive();
    let sum = |bytes: &[u8]| {
        let text = digits(bytes);
        (format!("{}.sha256", path()), ok(text.as_bytes(), 64))
    };
    let whole = ok(&archive, archive.len());
    let short = ok(&archive[..archive.len() / 2], archive.len());
    let nonsense = b"no archive at all".as_slice();
    for (answers, expected) in [
        (vec![], "URL/17.5.0/postgresql-"),
        (vec![sum(&archive)], ".tar.gz answers 404 Not Found"),
        (vec![(path(), whole.clone())], ".tar.gz.sha256 answers 404 Not Found"),
        (vec![(path(), whole.clone()), sum(b"other")], "was announced: nothing of it is used"),
        (vec![(path(), short), sum(&archive)], "broke off after "),
        (vec![(path(), ok(nonsense, nonsense.len())), sum(nonsense)], "is no Postgres that runs"),
        (
            vec![(path(), whole), (format!("{}.sha256", path()), ok(b"<html>", 6))],
            "holds no SHA-256 checksum",
        ),
    ] {
        let (outcome, left) = download(&answers).await;
        let error = outcome.expect_err("refused");
        assert!(error.contains(expected), "{error}");
        assert_eq!(left, Vec::<String>::new(), "{error}");
    }
}

#[tokio::test]
async fn nobody_there_is_said_with_the_reason() {
    let cache = tempfile::tempdir().expect("a folder");
    let error = ensure("http://127.0.0.1:1", cache.path()).await.expect_err("nobody listens");
    let text = error.to_string();
    assert!(text.contains("does not answer: ") && text.contains("refused"), "{text}");
}

#[tokio::test]
async fn the_progress_ends_where_the_server_said_or_where_it_broke_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("archive");
    let body = vec![7; 100_000];
    let broken = &body[..60_000];
    let answers = [("/whole", ok(&body, 100_000)), ("/broken", ok(broken, 100_000))];
    let answers = answers.map(|(path, answer)| (path.to_owned(), answer));
    let url = serve(HashMap::from(answers)).await;
    for (asked, arrived) in [("/whole", 100_000), ("/broken", 60_000)] {
        let answer = Fetcher::new(WAIT).get(&format!("{url}{asked}")).await.expect("answered");
        let bar = progress_bar(length(&answer));
        let mut file = File::create(&path).expect("created");
        let outcome = save(answer, &mut file, &path, asked, &bar).await;
        assert_eq!((bar.position(), bar.length()), (arrived, Some(100_000)), "{asked}");
        match outcome {
            Ok(found) => assert_eq!((asked, found), ("/whole", digits(&body))),
            Err(error) => {
                let text = error.to_string();
                assert!(text.starts_with("/broken broke off after 60000 bytes: "), "{text}");
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_said_with_the_file() {
    let body = vec![7; 100_000];
    let url = serve(HashMap::from([("/a".to_owned(), ok(&body, body.len()))])).await;
    let answer = Fetcher::new(WAIT).get(&format!("{url}/a")).await.expect("answered");
    let full = Path::new("/dev/full");
    let mut file = File::options().write(true).open(full).expect("it opens");
    let bar = ProgressBar::hidden();
    let error = save(answer, &mut file, full, "URL", &bar).await.expect_err("no space");
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert_eq!(error.to_string(), "cannot write /dev/full");
    assert!(source.contains("No space left"), "{source}");
}

#[test]
fn the_setting_is_a_url_or_never() {
    for (text, expected) in [
        ("", Some(Download::default())),
        ("never", Some(Download::Never)),
        ("http://mirror/pg/", Some(Download::From("http://mirror/pg".to_owned()))),
        ("ftp://mirror", None),
    ] {
        assert_eq!(text.parse::<Download>().ok(), expected, "{text}");
    }
}
