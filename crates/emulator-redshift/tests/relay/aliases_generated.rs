//! Generated queries: what Postgres understands as it is answers the same through the relay,
//! whatever the names in its select lists. A column comes first.

use std::fmt::Write as _;

use tokio_postgres::{Client, SimpleQueryMessage};

use crate::support::cluster::Cluster;
use crate::support::{Kit, said};

const TABLES: &str = "create table sales (price int, clicks int); \
    insert into sales values (10, 2), (30, 3), (null, 5); \
    create table rates (rate int, clicks int); insert into rates values (5, 2), (6, null); \
    create table one (price int); insert into one values (7)";
const COLUMNS: &[(&str, &[&str])] =
    &[("sales", &["price", "clicks"]), ("rates", &["rate", "clicks"]), ("one", &["price"])];
/// Names that a query may give: columns, words of the syntax, and others.
const NAMES: &[&str] =
    &["price", "clicks", "rate", "x", "y", "day", "first", "row", "\"x\"", "following", "month"];
const QUERIES: u64 = 400;

/// Writes queries from a seed.
struct Writer {
    state: u64,
    sources: u32,
}

impl Writer {
    fn below(&mut self, bound: usize) -> usize {
        // SplitMix64
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.state;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((value ^ (value >> 31)) % bound as u64).unwrap()
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// A query and the names of its columns; `outer` are columns that it can see around it.
    fn query(&mut self, depth: usize, outer: &[String]) -> (String, Vec<String>) {
        let mut text = String::new();
        let mut named: Vec<(String, Vec<String>)> = Vec::new();
        if 0 < depth && self.below(4) == 0 {
            let (inner, columns) = self.query(depth - 1, outer);
            let name = self.pick(&["c", "sales", "one"]);
            write!(text, "with {name} as ({inner}) ").unwrap();
            named.push((name.to_owned(), columns));
        }
        let mut columns = Vec::new();
        let mut from = String::new();
        for number in 0..1 + self.below(2) {
            let (source, names) = self.source(depth, outer, &named);
            match number {
                0 => from = source,
                _ if self.below(2) == 0 => write!(from, ", {source}").unwrap(),
                _ => {
                    let condition = self.condition(0, &[names.clone(), columns.clone()].concat());
                    write!(from, " join {source} on {condition}").unwrap();
                }
            }
            columns.extend(names);
        }
        let mut visible = columns;
        visible.extend_from_slice(outer);
        let (list, outputs) = self.list(depth, &visible);
        let distinct = if self.below(6) == 0 { "distinct " } else { "" };
        write!(text, "select {distinct}{list} from {from}").unwrap();
        if self.below(2) == 0 {
            write!(text, " where {}", self.condition(depth, &visible)).unwrap();
        }
        if self.below(4) == 0 {
            write!(text, " order by {}, 1", self.expression(0, &visible)).unwrap();
        }
        (text, outputs)
    }

    fn source(
        &mut self,
        depth: usize,
        outer: &[String],
        named: &[(String, Vec<String>)],
    ) -> (String, Vec<String>) {
        self.sources += 1;
        let alias = format!("s{}", self.sources);
        let (text, columns) = if 0 < depth && self.below(3) == 0 {
            let (inner, columns) = self.query(depth - 1, outer);
            (format!("({inner}) {alias}"), columns)
        } else if !named.is_empty() && self.below(2) == 0 {
            let (name, columns) = &named[0];
            (format!("{name} as {alias}"), columns.clone())
        } else {
            let (name, columns) = COLUMNS[self.below(COLUMNS.len())];
            let columns = columns.iter().map(|&column| column.to_owned()).collect();
            (format!("{name} {alias}"), columns)
        };
        (text, columns)
    }

    fn list(&mut self, depth: usize, visible: &[String]) -> (String, Vec<String>) {
        let mut items = Vec::new();
        let mut outputs = Vec::new();
        for _ in 0..1 + self.below(4) {
            let value = self.expression(depth, visible);
            let name = self.pick(NAMES);
            let spelled =
                if self.below(4) == 0 && name.starts_with(['x', 'y', 'p']) { "" } else { "as " };
            items.push(format!("{value} {spelled}{name}"));
            outputs.push(name.trim_matches('"').to_lowercase());
        }
        (items.join(", "), outputs)
    }

    fn expression(&mut self, depth: usize, visible: &[String]) -> String {
        match self.below(if depth == 0 { 8 } else { 14 }) {
            0 => self.below(9).to_string(),
            1..=4 => self.name(visible),
            5 => format!("{} + {}", self.name(visible), self.name(visible)),
            6 => format!("coalesce({}, {})", self.name(visible), self.name(visible)),
            7 => format!("extract(day from date '2024-01-0{}')::int", 1 + self.below(9)),
            8 => format!(
                "case when {} then {} else {} end",
                self.condition(0, visible),
                self.name(visible),
                self.name(visible)
            ),
            9 => format!("({})", self.scalar(depth, visible)),
            10 => format!(
                "sum({}) over (order by {} nulls first, {} rows between unbounded preceding and current row)",
                self.name(visible),
                self.name(visible),
                self.name(visible)
            ),
            11 => {
                format!("nullif({}, {})", self.expression(depth - 1, visible), self.name(visible))
            }
            12 => format!("{} % 7", self.name(visible)),
            _ => format!("cast({} as int)", self.expression(depth - 1, visible)),
        }
    }

    fn scalar(&mut self, depth: usize, visible: &[String]) -> String {
        let (inner, outputs) = self.query(depth - 1, visible);
        let first = outputs.first().cloned().unwrap_or_default();
        format!("select max(i.{first}) from ({inner}) i")
    }

    fn condition(&mut self, depth: usize, visible: &[String]) -> String {
        match self.below(if depth == 0 { 3 } else { 5 }) {
            0 => format!("{} > {}", self.name(visible), self.below(20)),
            1 => format!("{} is not null", self.name(visible)),
            2 => format!("{} in (2, {})", self.name(visible), self.name(visible)),
            3 => format!("exists ({})", self.query(depth - 1, visible).0),
            _ => format!("{} or {}", self.condition(0, visible), self.condition(0, visible)),
        }
    }

    /// Mostly a column.
    fn name(&mut self, visible: &[String]) -> String {
        if visible.is_empty() || self.below(30) == 0 {
            return self.pick(NAMES).to_owned();
        }
        let name = visible[self.below(visible.len())].as_str();
        let reserved = ["row", "first", "following", "day", "month"].contains(&name);
        if reserved && self.below(2) == 0 { format!("\"{name}\"") } else { name.to_owned() }
    }
}

/// Names and rows, in any order, or the error.
async fn answer(client: &Client, sql: &str) -> Result<Vec<String>, (String, String)> {
    let messages = client.simple_query(sql).await.map_err(|error| said(&error))?;
    let mut lines: Vec<String> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::RowDescription(columns) => {
                Some(columns.iter().map(|column| column.name()).collect::<Vec<_>>().join(","))
            }
            SimpleQueryMessage::Row(row) => {
                let values = (0..row.len()).map(|at| row.get(at).unwrap_or("-"));
                Some(values.collect::<Vec<_>>().join(","))
            }
            _ => None,
        })
        .collect();
    lines.sort();
    Ok(lines)
}

#[tokio::test]
async fn what_postgres_understands_answers_the_same() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run(TABLES).await;
    let postgres = Cluster::shared().superuser(&kit.database).await;
    let mut understood = 0;
    for seed in 0..QUERIES {
        let (sql, _) = Writer { state: seed, sources: 0 }.query(2, &[]);
        let Ok(expected) = answer(&postgres, &sql).await else { continue };
        understood += 1;
        assert_eq!(answer(&session.client, &sql).await, Ok(expected), "seed {seed}: {sql}");
    }
    assert!(QUERIES / 5 < understood, "Postgres understood {understood} of {QUERIES}");
}
