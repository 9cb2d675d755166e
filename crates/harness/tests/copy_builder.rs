//! Law 3: the code that builds COPY and the code that parses it share no type; here the
//! builder's real output meets the stand-in over the wire, with every hostile name we know.

use aws_sdk_s3::primitives::ByteStream;
use blueshift::Stack;
use blueshift::provision::sdk_config;
use tokio_postgres::{NoTls, SimpleQueryMessage};
use upload_data::StoredObject;
use upload_data::copy_sql::{BadRows, Statements, Target};
use upload_data::manifest::{Compression, render};
use upload_data::window::Part;

/// Keys, table and column names that break naive quoting.
const HOSTILE: [&str; 8] = [
    "o'clock",
    r"back\slash",
    r"\'; DROP TABLE events; --",
    "blank and\ttab",
    "$1 $$ %s {}",
    "umlaut-ü-🦀",
    "plus+percent%20",
    "double\"quote",
];

async fn s3(stack: &Stack) -> aws_sdk_s3::Client {
    let config = sdk_config(stack.endpoints()).await;
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    aws_sdk_s3::Client::from_conf(config)
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[tokio::test]
async fn what_the_builder_writes_the_stand_in_executes_whatever_the_names() {
    let stack = Stack::in_process().await.expect("the stack starts");
    let s3 = s3(&stack).await;
    s3.create_bucket().bucket("lake").send().await.expect("a bucket");
    let (client, connection) =
        tokio_postgres::connect(&stack.endpoints().redshift_url(), NoTls).await.expect("connects");
    tokio::spawn(connection);
    for (index, name) in HOSTILE.into_iter().enumerate() {
        // Redshift folds names to lower case, quoted or not.
        let column = name.to_lowercase();
        let table = format!("{column} {index}");
        let create = format!(
            "CREATE TABLE {} ({} VARCHAR(64) NOT NULL)",
            identifier(&table),
            identifier(&column)
        );
        client.batch_execute(&create).await.unwrap_or_else(|error| panic!("{create}: {error:?}"));
        let key = format!("events/{name}.json");
        let row = serde_json::json!({ column.clone(): name }).to_string();
        put(&s3, &key, row.clone().into_bytes()).await;
        let object =
            StoredObject { key, etag: "e".to_owned(), bytes: row.len() as u64, stored_at: None };
        let manifest_key = format!("manifests/{name}");
        put(&s3, &manifest_key, render("lake", [&object]).into_bytes()).await;
        let target = Target {
            schema: None,
            table: table.clone(),
            columns: vec![column.clone()],
            id_column: column.clone(),
            order_by: vec![column.clone()],
            has_identity: false,
        };
        let role = format!("arn:aws:iam::000000000000:role/{name}");
        let statements = Statements::new(target, "lake".to_owned(), role);
        for sql in [
            "BEGIN".to_owned(),
            statements.create_staging(),
            statements.copy(&manifest_key, Compression::Plain, BadRows::Skip),
            statements.insert_new(&[Part::Everything]),
            "COMMIT".to_owned(),
        ] {
            client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
        let query = format!("SELECT {} FROM {}", identifier(&column), identifier(&table));
        let answer = client.simple_query(&query).await.expect("the table can be read");
        let values: Vec<_> = answer
            .iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            })
            .collect();
        assert_eq!(values, [name]);
        client.batch_execute("DROP TABLE blueshift_staging").await.expect("dropped");
    }
    drop(client);
    stack.shutdown().await;
}

async fn put(s3: &aws_sdk_s3::Client, key: &str, content: Vec<u8>) {
    s3.put_object()
        .bucket("lake")
        .key(key)
        .body(ByteStream::from(content))
        .send()
        .await
        .unwrap_or_else(|error| panic!("{key}: {error:?}"));
}
