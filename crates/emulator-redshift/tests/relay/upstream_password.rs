//! A Postgres that is not ours asks the relay itself for a password ("PostgreSQL, Password
//! Authentication").

use crate::support::cluster::Cluster;
use crate::support::{Kit, said};

#[tokio::test]
async fn every_way_of_asking_is_answered_and_a_wrong_password_is_said_by_postgres() {
    let superuser = Cluster::shared().superuser("postgres").await;
    for way in ["scram", "md5", "clear"] {
        let role = format!("role_{way}");
        let encryption = if way == "md5" { "md5" } else { "scram-sha-256" };
        superuser
            .batch_execute(&format!(
                "SET password_encryption = '{encryption}'; \
                 CREATE ROLE {role} LOGIN PASSWORD 's3cr''et ü'"
            ))
            .await
            .unwrap();
        let upstream = |password: Option<&str>| emulator_redshift::Upstream {
            role: Some(role.clone()),
            password: password.map(str::to_owned),
            ..Cluster::shared().upstream()
        };
        let kit = Kit::start_in_front_of(upstream(Some("s3cr'et ü")), None, None).await;
        assert_eq!(kit.connect().await.value("select current_user").await, role);

        let kit = Kit::start_in_front_of(upstream(Some("wrong")), None, None).await;
        let error = kit.config().connect(tokio_postgres::NoTls).await.map(|_| ()).unwrap_err();
        assert_eq!(said(&error).0, "28P01", "{way}");

        let kit = Kit::start_in_front_of(upstream(None), None, None).await;
        let error = kit.config().connect(tokio_postgres::NoTls).await.map(|_| ()).unwrap_err();
        let message = "the Postgres behind this Redshift cannot be used: \
            it asks for a password, and none was given";
        assert_eq!(said(&error), ("28000".to_owned(), message.to_owned()), "{way}");
    }
}
