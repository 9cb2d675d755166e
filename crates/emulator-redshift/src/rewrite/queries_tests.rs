//! What queries become.

use super::*;

fn check(sql: &str, expected: &str) {
    let mut edits = Edits::default();
    rewrite(&Statement::new(sql), &mut edits);
    assert_eq!(edits.apply(sql).as_deref().unwrap_or(sql), expected);
}

fn same(sql: &str) {
    check(sql, sql);
}

#[test]
fn an_integer_is_a_condition() {
    check("select a from t where 1", "select a from t where true");
    check("select a from t where 1 AND b = 1", "select a from t where true AND b = 1");
    check("select (select 1 where 0) x", "select (select 1 where false) x");
    same("select 1 from t where 1 = 1 and a = 1 or a in (1)");
}

#[test]
fn a_subquery_in_from_gets_a_name() {
    check(
        "select * from (select 1 as a) where true",
        "select * from (select 1 as a) AS blueshift_subquery_3 where true",
    );
    check(
        "select * from (select 1 from (select 2))",
        "select * from (select 1 from (select 2) AS blueshift_subquery_7) \
         AS blueshift_subquery_3",
    );
    same("select * from (select 1) a, (select 2) as b join (select 3) \"c\" on true");
    same("select extract(day from (select d)) from f((select 1)) where a in (select 2)");
    same("select * from (t join u on true) where a = (select 1)");
}

#[test]
fn top_becomes_a_limit() {
    check("select top 10 a from t order by b", "select        a from t order by b LIMIT 10");
    check(
        "select * from (select distinct top 2 a from t) s",
        "select * from (select distinct       a from t LIMIT 2) s",
    );
    same("select top from t where top 1");
}

#[test]
fn the_catalog_has_the_columns_of_redshift() {
    check(
        "select c.reldiststyle from pg_catalog.pg_class c, pg_namespace, pg_attrdef where adsrc = 'pg_class'",
        "select c.reldiststyle from pg_catalog.blueshift_pg_class c, pg_namespace, \
         pg_catalog.blueshift_pg_attrdef AS pg_attrdef where adsrc = 'pg_class'",
    );
    same("select c.relname from pg_catalog.pg_namespace c where pg_class.oid = 1");
}

#[test]
fn who_looks_for_a_primary_key_finds_it() {
    check(
        "select ci.relname from pg_catalog.pg_class ci, pg_index i where i.indisprimary",
        "select ci.relname from pg_catalog.blueshift_keyed_pg_class ci, \
         pg_catalog.blueshift_keyed_pg_index i where i.indisprimary",
    );
}

#[test]
fn who_lists_indexes_does_not_see_zone_maps() {
    check(
        "select relname from pg_class where relkind in ('r', 'i')",
        "select relname from pg_catalog.blueshift_listed_pg_class AS pg_class \
         where relkind in ('r', 'i')",
    );
    check(
        "select * from pg_index i join pg_class c on c.oid = i.indexrelid where c.relkind <> 'r'",
        "select * from pg_catalog.blueshift_listed_pg_index i \
         join pg_catalog.blueshift_listed_pg_class c on c.oid = i.indexrelid \
         where c.relkind <> 'r'",
    );
    check(
        "select 1 from \"pg_class\" join pg_trigger t on true, pg_depend where relkind = 'r'",
        "select 1 from pg_catalog.blueshift_listed_pg_class AS pg_class join \
         pg_catalog.blueshift_listed_pg_trigger t on true, \
         pg_catalog.blueshift_listed_pg_depend AS pg_depend where relkind = 'r'",
    );
    check(
        "select attisdistkey from pg_attribute a, pg_index i",
        "select attisdistkey from pg_catalog.blueshift_pg_attribute a, \
         pg_catalog.blueshift_listed_pg_index i",
    );
    same("select xmin from pg_class");
}

#[test]
fn a_column_with_all_its_names_is_the_views() {
    check(
        "select pg_catalog.pg_class.relname from pg_catalog.pg_class join pg_catalog.pg_namespace n \
         on n.\"oid\" = pg_catalog.pg_class.relnamespace",
        "select            pg_class.relname from pg_catalog.blueshift_listed_pg_class AS pg_class \
         join pg_catalog.pg_namespace n on n.\"oid\" =            pg_class.relnamespace",
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "select", "from", "where", "(", ")", ",", "as", "a", "b", "pg_class", "1",
                "union", "group", "distinct", "reldiststyle", ".", "\"a\"", "with", "join",
            ]),
            0..24,
        ),
    ) {
        let sql = words.join(" ");
        let mut edits = Edits::default();
        rewrite(&Statement::new(&sql), &mut edits);
        let _ = edits.apply(&sql);
    }
}
