//! Superusers and regular users: whose rows they see, and what they may do.

use crate::support::{Connected, Kit, said};

/// A user whose name no other test has, and a session of it.
async fn user(kit: &Kit, master: &Connected, name: &str, options: &str) -> (String, Connected) {
    let name = format!("{name}_{}", kit.database);
    master.run(&format!("create user {name} password 'Aa345678' {options}")).await;
    let session = Kit::connected(kit.config().user(&name)).await;
    (name, session)
}

#[tokio::test]
async fn regular_users_see_their_own_rows_and_superusers_all() {
    // "Visibility of data in system tables and views".
    let kit = Kit::start().await;
    let master = kit.connect().await;
    let (_, one) = user(&kit, &master, "one", "").await;
    let (_, two) = user(&kit, &master, "two", "").await;
    for (session, table) in [(&one, "t1"), (&two, "t2"), (&master, "t3")] {
        session.run(&format!("create table {table} (a int, b varchar(9))")).await;
        let lines = ["{\"a\": 1, \"b\": \"\u{fdd0}\"}", "{\"a\": \"x\"}"];
        let copy = kit.copy_of(table, table, &lines);
        session.run(&format!("{copy} MAXERROR 5 ACCEPTINVCHARS")).await;
    }
    for view in [
        "stl_load_errors",
        "stl_loaderror_detail",
        "stl_load_commits",
        "stl_replacements",
        "stl_query",
        "stl_querytext",
        "stl_insert",
        "stl_file_scan",
        "stl_s3client",
        "stl_wlm_query",
        "svl_qlog",
        "svl_statementtext",
        "sys_load_history",
        "sys_load_detail",
        "sys_load_error_detail",
        "sys_query_history",
        "sys_query_text",
        "sys_query_detail",
    ] {
        let id = if view.starts_with("sys_") { "user_id" } else { "userid" };
        let own = format!(
            "select 0 < count(*) and min({id}) = current_user_id and max({id}) = current_user_id \
             from {view}"
        );
        assert_eq!(one.value(&own).await, "t", "{view}");
        assert_eq!(two.value(&own).await, "t", "{view}");
        let all = format!("select count(distinct {id}) from {view}");
        assert_eq!(master.value(&all).await, "3", "{view}");
    }
    // Of others a regular user sees the session and its locks, not the statements.
    two.run("begin; lock t2").await;
    assert_eq!(one.value("select 3 <= count(*) from stv_sessions").await, "t");
    let locks = "select 0 < count(*) from svv_transactions where relation = 't2'::regclass::int";
    assert_eq!(one.value(locks).await, "t");
    for view in ["stv_recents", "stv_inflight"] {
        let sql = format!("select count(*) from {view} where userid <> current_user_id");
        assert_eq!(one.value(&sql).await, "0", "{view}");
    }
}

#[tokio::test]
async fn some_views_are_for_superusers_only() {
    // "STV_LOCKS", "STV_TBL_PERM", "SVV_TABLE_INFO", "STL_TR_CONFLICT".
    let kit = Kit::start().await;
    let master = kit.connect().await;
    let (name, regular) = user(&kit, &master, "regular", "").await;
    for view in ["stv_locks", "stv_tbl_perm", "svv_table_info", "stl_tr_conflict"] {
        let sql = format!("select * from {view}");
        master.run(&sql).await;
        let error = regular.client.batch_execute(&sql).await.unwrap_err();
        assert_eq!(said(&error).0, "42501", "{view}");
    }
    // "To permit a user to query the view, grant SELECT permission on SVV_TABLE_INFO to the user."
    master.run(&format!("grant select on svv_table_info to {name}")).await;
    regular.run("select * from svv_table_info").await;
}

#[tokio::test]
async fn a_superuser_does_what_every_owner_may() {
    // "Superusers".
    let kit = Kit::start().await;
    let master = kit.connect().await;
    let (name, regular) = user(&kit, &master, "owner", "").await;
    let (admin_name, admin) = user(&kit, &master, "admin", "createuser").await;
    master.run(&format!("grant create on database {} to {name}", kit.database)).await;
    regular
        .run(
            "create schema own; create table own.t (a int); insert into own.t values (1); \
             create table mine (a int)",
        )
        .await;
    for session in [&master, &admin] {
        assert_eq!(session.value("select count(*) from own.t").await, "1");
        session.run("update own.t set a = 2; alter table own.t add column b int").await;
        session.run("alter table own.t drop column b; analyze own.t; truncate own.t").await;
        session.run("insert into own.t values (1)").await;
    }
    let error = regular.client.batch_execute("select * from pg_shadow").await.unwrap_err();
    assert_eq!(said(&error).0, "42501");
    master.run("alter table mine owner to awsuser").await;
    let error = regular.client.batch_execute("insert into mine values (1)").await.unwrap_err();
    assert_eq!(said(&error).0, "42501");
    master.run("drop table mine; drop schema own cascade").await;
    let supers = format!(
        "select listagg(usename, ' ') within group (order by usename) from pg_user \
         where usesuper and usename in ('awsuser', '{name}', '{admin_name}')"
    );
    assert_eq!(master.value(&supers).await, format!("{admin_name} awsuser"));
    // Another's rights, for a while and for good.
    master.run(&format!("set session authorization '{name}'")).await;
    assert_eq!(master.value("select current_user").await, name);
    let error = master.client.batch_execute("select * from stv_locks").await.unwrap_err();
    assert_eq!(said(&error).0, "42501");
    master.run("set session authorization default").await;
    let error = regular.client.batch_execute("set session authorization 'awsuser'").await;
    assert_eq!(said(&error.unwrap_err()).0, "42501");
    master.run(&format!("alter user {name} createuser")).await;
    regular.run("select * from stv_locks").await;
    for name in [&name, &admin_name] {
        master.run(&format!("alter user {name} nocreateuser")).await;
    }
    assert_eq!(master.value(&supers).await, "awsuser");
    let groups = "select count(*) from pg_group where groname ~ '^(pg|blueshift)_'";
    assert_eq!(master.value(groups).await, "0");
    master.run(&format!("revoke create on database {} from {name}", kit.database)).await;
    master.run(&format!("drop user {name}; drop user {admin_name}")).await;
}

#[tokio::test]
async fn no_client_opens_files_or_programs_of_the_server() {
    let kit = Kit::start().await;
    let master = kit.connect().await;
    for role in ["pg_read_server_files", "pg_write_server_files", "pg_execute_server_program"] {
        let grant = format!("grant {role} to awsuser");
        let error = master.client.batch_execute(&grant).await.unwrap_err();
        assert_eq!(said(&error).0, "42704", "{role}");
    }
    master
        .run(
            "create table x (line varchar(1000)); \
             create procedure p(s varchar(max)) as $$ begin execute s; end $$ language plpgsql",
        )
        .await;
    for call in [
        "call p('copy x from ''/etc/hostname''')",
        "call p('copy x from program ''id''')",
        "select pg_read_file('/etc/hostname')",
    ] {
        let error = master.client.batch_execute(call).await.unwrap_err();
        assert!(["42501", "0A000"].contains(&said(&error).0.as_str()), "{call}: {error:?}");
    }
}
