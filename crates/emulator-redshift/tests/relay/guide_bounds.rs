//! What the guide bounds, and Postgres does not.

use crate::support::{Kit, said};

#[tokio::test]
async fn what_the_guide_forbids_is_refused() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int, b int, c int); insert into t values (1, 2, 3)").await;
    session.run("create view v as select a, b from t").await;
    session.run("create or replace view v as select b as a, a as b from t").await;
    let nested = (0..20).fold("a".to_owned(), |inner, _| format!("decode({inner}, 1, 2, 3)"));
    for (sql, code, message) in [
        (
            "merge into t using (select * from t) s on t.a = s.a when matched then delete when \
             not matched then insert values (1, 2, 3)",
            "0A000",
            "a subquery as the source table of MERGE",
        ),
        ("create or replace view v as select a, b, c from t", "42P16", "number of columns in view"),
        ("create user weak password 'weak'", "22023", "8 to 64 characters"),
        ("select split_part('a,b', ',', -1)", "22023", "field position must not be zero"),
        ("select from t", "0A000", "an empty select list"),
        ("vacuum (analyze) t", "0A000", "in parentheses"),
        ("create table s (a int) sortkey (a, a)", "42701", "duplicate column \"a\" in sort key"),
        (
            "with recursive r (n) as (select 1 union select n + 1 from r where n < 3) \
             select * from r",
            "0A000",
            "UNION without ALL",
        ),
        (&format!("select {nested} from t"), "54001", "DECODE nested too deep"),
    ] {
        let error = session.client.batch_execute(sql).await.expect_err(sql);
        let (found, text) = said(&error);
        assert_eq!(found, code, "{sql}: {text}");
        assert!(text.contains(message), "{sql}: {text}");
    }
    assert_eq!(session.value("select a from v").await, "2");
    assert_eq!(session.value("select split_part('a,b', ',', 2)").await, "b");
}
