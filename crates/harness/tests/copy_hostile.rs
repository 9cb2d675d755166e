//! Files that are made to hurt: a clear error or no harm, bounded memory, and the session goes on.

use std::io::Write;

use aws_sdk_s3::primitives::ByteStream;
use blueshift::Stack;
use blueshift::provision::sdk_config;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio_postgres::{Client, NoTls};

/// What a COPY may add to the memory of the process, whatever the files are.
const ADDED_BYTES_MAX: u64 = 256 * 1024 * 1024;

const MIB: usize = 1024 * 1024;

/// A file, how it is loaded, and what comes of it.
struct Hostile {
    name: &'static str,
    file: Vec<u8>,
    options: &'static str,
    /// The beginning of the error; none if it loads.
    error: Option<&'static str>,
    rows: i64,
}

const FAILED: Option<&str> = Some("Load into table 't' failed.");
const CORRUPT: Option<&str> = Some("failed to inflate with gzip");

/// `times` MiB of one byte as one gzip member after the other, 4 KiB each MiB.
fn bomb(byte: u8, times: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&vec![byte; MIB]).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything").repeat(times)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}

fn nested(depth: usize) -> Vec<u8> {
    [b"{\"id\": 1, \"x\": ".to_vec(), b"[".repeat(depth), b"]".repeat(depth), b"}".to_vec()]
        .concat()
}

fn hostile_files() -> Vec<Hostile> {
    let row = |name, file, options, error, rows| Hostile { name, file, options, error, rows };
    let cut = |mut file: Vec<u8>| {
        file.truncate(file.len() - 9);
        file
    };
    vec![
        row("a bomb of brackets", bomb(b'{', 512), "JSON GZIP MAXERROR 100", FAILED, 0),
        row("a bomb of blanks", bomb(b' ', 64), "JSON GZIP", None, 0),
        row("a bomb of NULs", bomb(0, 512), "JSON GZIP", FAILED, 0),
        row("a bomb of one long line", bomb(b'x', 512), "CSV GZIP MAXERROR 100", FAILED, 0),
        row("a bomb of blank lines", bomb(b'\n', 4), "CSV GZIP IGNOREBLANKLINES", None, 0),
        row("a bomb of line breaks", bomb(b'\n', 4), "GZIP MAXERROR 100000", FAILED, 0),
        row("a bomb of quotes", bomb(b'"', 64), "CSV GZIP", FAILED, 0),
        row("a bomb of delimiters", bomb(b'|', 64), "GZIP ESCAPE", FAILED, 0),
        row("a bomb of backslashes", bomb(b'\\', 64), "GZIP ESCAPE", FAILED, 0),
        row(
            "an endless string",
            [b"{\"id\": \"", &[b'y'; 8 * MIB][..]].concat(),
            "JSON",
            FAILED,
            0,
        ),
        row("deep nesting", nested(2_000_000), "JSON", None, 1),
        row("too deep nesting", nested(3_000_000), "JSON", FAILED, 0),
        row("gzip in gzip", gzip(&gzip(b"{\"id\": 1}")), "JSON GZIP", FAILED, 0),
        row(
            "gzip without its end",
            cut(gzip(&b"{\"id\": 1}".repeat(9999))),
            "JSON GZIP",
            CORRUPT,
            0,
        ),
        row("gzip and then noise", [gzip(b"1"), b"noise".to_vec()].concat(), "GZIP", CORRUPT, 0),
        row("no gzip at all", vec![0xFF; 3 * MIB], "CSV GZIP", CORRUPT, 0),
        row("noise as JSON", vec![0xFF; 9 * MIB], "JSON MAXERROR 2", None, 0),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_files_fail_in_words_and_the_session_goes_on() {
    let stack = Stack::in_process().await.expect("the stack starts");
    let config = sdk_config(stack.endpoints()).await;
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let s3 = aws_sdk_s3::Client::from_conf(config);
    s3.create_bucket().bucket("hostile").send().await.expect("a bucket");
    let (client, connection) =
        tokio_postgres::connect(&stack.endpoints().redshift_url(), NoTls).await.expect("connects");
    tokio::spawn(connection);
    client.batch_execute("CREATE TABLE t (id VARCHAR(9), v VARCHAR(9))").await.expect("a table");
    for hostile in hostile_files() {
        let put = s3.put_object().bucket("hostile").key("file");
        put.body(ByteStream::from(hostile.file.clone())).send().await.expect(hostile.name);
        check(&client, &hostile).await;
    }
    drop(client);
    stack.shutdown().await;
}

async fn check(client: &Client, hostile: &Hostile) {
    let name = hostile.name;
    let sql = format!("COPY t FROM 's3://hostile/file' IAM_ROLE default {}", hostile.options);
    std::fs::write("/proc/self/clear_refs", "5").expect("the peak can be reset");
    let before = memory("VmRSS:");
    let copied = client.batch_execute(&sql).await;
    let added = memory("VmHWM:").saturating_sub(before);
    assert!(added < ADDED_BYTES_MAX, "{name}: {} MiB", added / MIB as u64);
    match (copied, hostile.error) {
        (Ok(()), None) => {}
        (Ok(()), Some(error)) => panic!("{name}: it loaded instead of: {error}"),
        (Err(error), expected) => {
            let text =
                error.as_db_error().map_or_else(|| error.to_string(), |e| e.message().into());
            assert!(expected.is_some_and(|expected| text.starts_with(expected)), "{name}: {text}");
        }
    }
    let count = client.query_one("SELECT COUNT(*) FROM t", &[]).await.expect(name);
    assert_eq!(count.get::<_, i64>(0), hostile.rows, "{name}");
    client.batch_execute("TRUNCATE t").await.expect(name);
}

/// Bytes of memory of this process.
fn memory(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix(key)).expect(key);
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}
