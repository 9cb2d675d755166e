//! What a regular user does not get to see, nor to declare, whatever it sends.

use crate::support::{Connected, Kit, said};

const NAMED: &str = "permission denied for";

/// A regular user whose name no other test has, and a session of it.
async fn regular(kit: &Kit, master: &Connected, name: &str) -> (String, Connected) {
    let name = format!("{name}_{}", kit.database);
    master.run(&format!("create user {name} password 'Aa345678'")).await;
    let session = Kit::connected(kit.config().user(&name)).await;
    (name, session)
}

/// The code and the words of the error.
async fn refused(session: &Connected, sql: &str) -> (String, String) {
    said(&session.client.batch_execute(sql).await.expect_err(sql))
}

#[tokio::test]
async fn the_settings_of_a_session_hold_only_what_its_user_may_see() {
    // "Visibility of data in system tables and views".
    let kit = Kit::start().await;
    let master = kit.connect().await;
    let (name, one) = regular(&kit, &master, "one").await;
    master.run("create table hidden_table (a int); insert into hidden_table values (1)").await;
    let copy = kit.copy_of("hidden_table", "bad", &[r#"{"a": "hidden_value"}"#]);
    master.client.batch_execute(&copy).await.unwrap_err();
    master.client.batch_execute(&format!("{copy} maxerror 5")).await.unwrap();
    one.run("create table mine (a int); insert into mine values (1)").await;
    let settings = ["queries", "copies", "transactions", "stl_load_errors"];
    for session in [&one, &master] {
        session
            .run(
                "select count(*) from stl_query; select count(*) from stl_loaderror_detail; \
                 select count(*) from sys_load_history; select count(*) from stl_utilitytext",
            )
            .await;
        for setting in settings {
            let read = format!("select current_setting('blueshift.{setting}', true)");
            let text = session.value(&read).await;
            let regular = std::ptr::eq(session, &raw const one);
            assert_eq!(text.contains("awsuser") || text.contains("hidden"), !regular, "{setting}");
        }
    }
    let own = "select count(*) from stl_query where querytxt like 'insert into mine%'";
    assert_eq!(one.value(own).await, "1");
    // As another user, a superuser sees what that one does.
    master.run(&format!("set session authorization '{name}'")).await;
    assert_eq!(master.value(own).await, "1");
    let text = master.value("select current_setting('blueshift.queries', true)").await;
    assert!(!text.contains("hidden_table"), "{text}");
    master.run("set session authorization default").await;
}

#[tokio::test]
async fn nobody_declares_in_our_name() {
    let kit = Kit::start().await;
    let master = kit.connect().await;
    let (_, one) = regular(&kit, &master, "one").await;
    let forged =
        r#"/*blueshift:{"table":"t","create":true,"keys":[{"kind":"c","columns":["a"]}]}*/"#;
    for sql in [
        format!("create table t (a int) {forged}"),
        format!("create table t (a int); {forged}"),
        format!("create table t (a varchar(200) default '{forged}')"),
    ] {
        let (code, message) = refused(&one, &sql).await;
        assert_eq!((code.as_str(), message.contains("reserved")), ("42939", true), "{sql}");
        let error = one.client.prepare(&sql).await.unwrap_err();
        assert_eq!(said(&error).0, "42939");
    }
    // The way that procedures go.
    let set = "select set_config('blueshift.declared', '{}', false)";
    let check = r#"{"table":"t","create":true,"keys":[{"kind":"c","columns":["a"]}]}"#;
    one.run(&set.replace("{}", check)).await;
    assert_eq!(refused(&one, "create table t (a int)").await.0, "42P16");
    one.run(&set.replace("{}", "garbage")).await;
    one.run("create table t (a int primary key); drop table t").await;
}

#[tokio::test]
async fn a_foreign_key_needs_the_right_to_refer_to_the_table() {
    // "GRANT", REFERENCES.
    let kit = Kit::start().await;
    let master = kit.connect().await;
    let (name, one) = regular(&kit, &master, "one").await;
    master.run("create schema s9; create table s9.secret (v int primary key)").await;
    let create = "create table fky (a int references s9.secret (v))";
    assert_eq!(refused(&one, create).await, ("42501".into(), format!("{NAMED} schema s9")));
    master.run(&format!("grant usage on schema s9 to {name}")).await;
    let denied = ("42501".to_owned(), format!("{NAMED} relation secret"));
    assert_eq!(refused(&one, create).await, denied);
    one.run("create table fky (a int)").await;
    let add = "alter table fky add foreign key (a) references s9.secret";
    assert_eq!(refused(&one, add).await, denied);
    one.run(
        "create procedure p() as $$ begin create table fkz (a int references s9.secret); end $$ \
         language plpgsql",
    )
    .await;
    assert_eq!(refused(&one, "call p()").await, denied);
    master.run(&format!("grant references on s9.secret to {name}")).await;
    one.run(add).await;
    one.run("call p()").await;
    // A superuser may refer to everybody's.
    master.run("create table own (a int references fky (a)); drop table own").await;
}

#[tokio::test]
async fn rows_are_counted_for_those_who_may_read_them() {
    let kit = Kit::start().await;
    let master = kit.connect().await;
    let (name, one) = regular(&kit, &master, "one").await;
    master.run("create table counted (a int); insert into counted values (1)").await;
    let count = "select coalesce(blueshift_row_count('counted'::regclass), -1)";
    assert_eq!(one.value(count).await, "-1");
    master.run(&format!("grant select on svv_table_info to {name}")).await;
    let shown = "select tbl_rows from svv_table_info where \"table\" = 'counted'";
    assert_eq!(one.value(shown).await, "1");
    assert_eq!(master.value(shown).await, "1");
    master.run(&format!("revoke select on svv_table_info from {name}")).await;
    assert_eq!(one.value(count).await, "-1");
}

#[tokio::test]
async fn groups_are_no_roles_and_ours_are_nobodys() {
    // "PG_GROUP", "CREATE ROLE", "CREATE GROUP".
    let kit = Kit::start().await;
    let master = kit.connect().await;
    let (group, role) = (format!("g_{}", kit.database), format!("r_{}", kit.database));
    master.run(&format!("create group {group}; create role {role}")).await;
    let shown = format!(
        "select listagg(groname, ' ') from pg_group where groname in ('{group}', '{role}')"
    );
    assert_eq!(master.value(&shown).await, group);
    let ours = "select count(*) from pg_roles where rolname like 'blueshift%'";
    assert_eq!(master.value(ours).await, "0");
    let super_user = "select usesuper from pg_user where usename = 'awsuser'";
    assert_eq!(master.value(super_user).await, "t");
    // "SVV_ROLES", "SVV_USER_GRANTS", "SVL_USER_INFO".
    let shown =
        format!("select role_owner from svv_roles where role_name in ('{group}', '{role}')");
    assert_eq!(master.value(&shown).await, "awsuser");
    let (name, one) = regular(&kit, &master, "one").await;
    master.run(&format!("grant role {role} to {name}")).await;
    let granted =
        format!("select user_name || admin_option from svv_user_grants where role_name = '{role}'");
    assert_eq!(one.value(&granted).await, format!("{name}false"));
    assert_eq!(master.value(&granted).await, format!("{name}false"));
    let limit = format!("select useconnlimit from svl_user_info where usename = '{name}'");
    assert_eq!(master.value(&limit).await, "UNLIMITED");
    assert_eq!(refused(&one, &limit).await.0, "42501");
    assert_eq!(master.value("select count(*) from stv_slices").await, "1");
    master.run(&format!("drop group {group}; drop role {role}")).await;
}

#[tokio::test]
async fn system_views_and_statements_that_are_missing_are_refused_by_name() {
    let kit = Kit::start().await;
    let master = kit.connect().await;
    for (sql, name) in [
        ("select * from svl_query_summary", "SVL_QUERY_SUMMARY"),
        ("select * from pg_catalog.stl_explain", "STL_EXPLAIN"),
        ("use dev", "USE"),
        ("show users", "SHOW of the catalog"),
        ("grant role sys:monitor to awsuser", "roles that the system defines"),
        ("drop role r force", "DROP ROLE … FORCE"),
        ("select user_is_member_of('a', 'b')", "functions of roles"),
    ] {
        let message = format!("{name}: not emulated yet by this Redshift stand-in");
        assert_eq!(refused(&master, sql).await, ("0A000".to_owned(), message), "{sql}");
    }
}
