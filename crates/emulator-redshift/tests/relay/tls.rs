//! TLS with a certificate that the client verifies, and passwords that the relay checks.

use std::sync::Arc;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_postgres::NoTls;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::support::cluster::Cluster;
use crate::support::raw::{Raw, shown};
use crate::support::{DEADLINE, Kit, said, until};

const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A server with a certificate for `name`, and a client that trusts nobody else.
fn both_sides(name: &str) -> (Arc<ServerConfig>, MakeRustlsConnect) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), MakeRustlsConnect::new(client))
}

#[tokio::test]
async fn a_verified_session_carries_large_answers_both_ways_and_can_be_cancelled() {
    let (server, client) = both_sides("localhost");
    let kit = Kit::start_with(Some(server), None).await;
    let mut config = kit.config();
    config.host("localhost").ssl_mode(SslMode::Require);
    let (session, connection) = config.connect(client.clone()).await.unwrap();
    tokio::spawn(connection);
    let megabytes = "x".repeat(3_000_000);
    let sql = "select $1::text || repeat('y', 5000000)::text";
    let parameters: [&(dyn ToSql + Sync); 1] = [&megabytes];
    let query = session.query_one(sql, &parameters);
    let row = tokio::time::timeout(DEADLINE, query).await.expect("nothing blocks").unwrap();
    assert_eq!(row.get::<_, &str>(0).len(), 8_000_000);

    let cancel = session.cancel_token();
    let sleeping = session.simple_query("select pg_sleep(60) from pg_catalog.pg_namespace limit 1");
    let cancelling = async {
        let superuser = Cluster::shared().superuser(&kit.database).await;
        until("the statement runs", || async {
            let sql = "select count(*) from pg_stat_activity where datname = current_database() \
                       and wait_event = 'PgSleep'";
            superuser.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 1
        })
        .await;
        cancel.cancel_query(client.clone()).await.unwrap();
    };
    let (slept, ()) = tokio::join!(sleeping, cancelling);
    assert_eq!(slept.unwrap_err().code(), Some(&SqlState::QUERY_CANCELED));
}

#[tokio::test]
async fn plain_sessions_are_served_beside_encrypted_ones() {
    let kit = Kit::start_with(Some(both_sides("localhost").0), None).await;
    assert_eq!(kit.connect().await.value("select 1").await, "1");
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_certificate_is_gone_and_nobody_else() {
    let kit = Kit::start_with(Some(both_sides("localhost").0), None).await;
    let mut config = kit.config();
    config.host("localhost").ssl_mode(SslMode::Require);
    for (_, client) in [both_sides("localhost"), both_sides("elsewhere")] {
        let Err(error) = config.connect(client).await else { panic!("it trusted a stranger") };
        assert!(format!("{error:?}").contains("InvalidCertificate"), "{error:?}");
    }
    assert_eq!(kit.connect().await.value("select 1").await, "1");
}

#[tokio::test]
async fn without_a_certificate_tls_is_declined() {
    let kit = Kit::start().await;
    let mut raw = Raw::unstarted(&kit).await;
    raw.bytes(&TLS_REQUEST).send().await;
    assert_eq!(raw.byte().await, Some(b'N'));
}

#[tokio::test]
async fn bytes_slipped_in_before_the_handshake_end_the_connection() {
    let kit = Kit::start_with(Some(both_sides("localhost").0), None).await;
    let mut raw = Raw::unstarted(&kit).await;
    raw.bytes(&TLS_REQUEST).query("drop table everything").send().await;
    assert_eq!(raw.byte().await, Some(b'S'));
    assert_eq!(raw.byte().await, None);
}

#[tokio::test]
async fn a_given_password_is_checked_and_a_wrong_one_refused_as_redshift_does() {
    let kit = Kit::start_with(None, Some("s3cr'et\\ü")).await;
    let mut config = kit.config();
    let (client, connection) = config.password("s3cr'et\\ü").connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(client.query_one("select 1", &[]).await.unwrap().get::<_, i32>(0), 1);
    for wrong in ["", "s3cr'et", "s3cr'et\\ü "] {
        let Err(error) = config.password(wrong).connect(NoTls).await else {
            panic!("{wrong:?} opened a session")
        };
        let message = "password authentication failed for user \"awsuser\"".to_owned();
        assert_eq!(said(&error), ("28000".to_owned(), message), "{wrong:?}");
    }
}

#[tokio::test]
async fn anything_but_a_password_is_refused_before_postgres_hears_of_it() {
    let kit = Kit::start_with(None, Some("secret")).await;
    for answer in [&b"Q\0\0\0\x0dselect 1\0"[..], b"p\0\0\0\x04", b"p\0\0\0\x0bsecre\0\0"] {
        let mut raw = Raw::unstarted(&kit).await;
        let startup = b"\0\0\0\x23\0\x03\0\0user\0awsuser\0database\0dev\0\0";
        raw.bytes(startup).bytes(answer).send().await;
        assert_eq!(raw.answer().await.unwrap().0, b'R');
        assert_eq!(shown(&raw.answer().await.unwrap()), "E28000 ");
        assert_eq!(raw.answer().await, None);
    }
}
