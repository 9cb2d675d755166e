//! A small report to be looked at, and what must hold for any.

use std::collections::BTreeSet;

use time::macros::{date, datetime};

use super::*;
use crate::charts::{Picture, grouped_bars};
use crate::series::{self, DayCount};

fn row(event: &str, day: Date, group: Option<&str>, count: u64) -> DayCount {
    DayCount { event: event.to_owned(), day, group: group.map(str::to_owned), count }
}

/// The page of these events, with a drawing in the place of each chart if one is given.
fn page(rows: &[DayCount], events: &[&str], drawing: Option<&str>) -> String {
    let events: Vec<String> = events.iter().map(ToString::to_string).collect();
    let all = series::assemble(rows, &events);
    let group_by = "context_device_type";
    let pictures: Vec<Picture> = all.iter().map(|it| grouped_bars(it, group_by)).collect();
    let svg = |index: usize| drawing.unwrap_or(&pictures[index].svg);
    let charts: Vec<Chart<'_>> =
        all.iter().enumerate().map(|(index, series)| (series, svg(index))).collect();
    let drawn_at = datetime!(2019-03-05 08:08:09 +1);
    Report { table: r#""lake"."events""#, group_by, drawn_at }.html(&charts)
}

/// The values of the attribute `name`, in order.
fn values<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let before = format!(" {name}=\"");
    let value = |(at, _): (usize, &str)| page[at + before.len()..].split('"').next().unwrap();
    page.match_indices(&before).map(value).collect()
}

#[test]
fn a_report_shows_each_chart_its_counts_and_their_sums() {
    let rows = [
        row("login", date!(2019 - 03 - 01), Some("ios"), 1_200),
        row("login", date!(2019 - 03 - 01), Some("android"), 7),
        row("login", date!(2019 - 03 - 03), None, 1),
    ];
    let page = page(&rows, &["login", "logout"], Some("<svg><rect/>\n</svg>\n"));
    let body = page.split_once("</style>").unwrap().1;
    insta::assert_snapshot!(body);
}

#[test]
fn hostile_names_are_text_in_the_page_and_nothing_else() {
    let hostile = "</title></style></svg><script>alert('1')</script><img src=x onerror=\"x\"> \
                   &amp;\u{0}\u{202e}";
    let rows = [row(hostile, date!(2019 - 03 - 01), Some(hostile), 1)];
    let page = page(&rows, &[hostile], None);
    let harmless = self::page(&[row("a", date!(2019 - 03 - 01), Some("b"), 1)], &["a"], None);
    let tags = |page: &str| -> Vec<String> {
        let tags = page.split('<').skip(1).map(|tag| tag.split(['>', ' ', '\n']).next().unwrap());
        tags.map(str::to_owned).collect()
    };
    assert_eq!(tags(&page), tags(&harmless), "a name has added no element");
    let expected = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&lt;img src=x \
                    onerror=&quot;x&quot;&gt; &amp;amp;\u{fffd}\u{fffd}";
    assert_eq!(page.matches(expected).count(), 4, "overview, heading, chart's title, column");
    assert!(!page.contains(['\u{0}', '\u{202e}']));
}

#[test]
fn a_report_asks_for_nothing_outside_and_runs_nothing() {
    let rows = [row("a", date!(2019 - 03 - 01), Some("b"), 1)];
    let page = page(&rows, &["a", "b"], None);
    for word in ["<script", "<link", "<img", "<iframe", "url(", "@import", " src=", " on"] {
        let found = page.match_indices(word).map(|(at, _)| &page[at..(at + 40).min(page.len())]);
        let found: Vec<_> = found.filter(|it| word != " on" || it.contains("=\"")).collect();
        assert!(found.is_empty(), "{word}: {found:?}");
    }
    assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'\""));
    assert!(values(&page, "href").iter().all(|link| link.starts_with('#')));
    let elsewhere = page.replace("http://www.w3.org/2000/svg", "");
    assert!(
        !elsewhere.contains("http:") && !elsewhere.contains("https:") && !elsewhere.contains("//")
    );
}

#[test]
fn every_id_is_there_once_and_every_reference_leads_to_one() {
    let names = ["a", "b", "c"];
    let rows = names.map(|name| row(name, date!(2019 - 03 - 01), Some("b"), 1));
    let page = page(&rows, &names, None);
    let ids = values(&page, "id");
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len(), "{ids:?}");
    let labels = values(&page, "aria-labelledby").into_iter().flat_map(str::split_whitespace);
    let links = values(&page, "href").into_iter().map(|link| link.trim_start_matches('#'));
    for reference in labels.chain(links) {
        assert!(unique.contains(reference), "{reference}");
    }
    assert_eq!(page.matches("role=\"img\"").count(), 3);
}

#[test]
fn what_is_too_dark_for_a_dark_page_is_lighter_there() {
    let groups: Vec<String> = (0..12).map(|group| format!("g{group:02}")).collect();
    let rows: Vec<DayCount> =
        groups.iter().map(|it| row("a", date!(2019 - 03 - 01), Some(it.as_str()), 9)).collect();
    let page = page(&rows, &["a"], None);
    let fills: BTreeSet<&str> = values(&page, "fill").into_iter().collect();
    assert!(12 < fills.len(), "{fills:?}");
    let (_, dark) = STYLE.split_once("prefers-color-scheme: dark").unwrap();
    let channel =
        |hex: &str, at: usize| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
    let brightness =
        |hex: &str| 0.299 * channel(hex, 1) + 0.587 * channel(hex, 3) + 0.114 * channel(hex, 5);
    for fill in fills {
        let there = dark.split_once(&format!("[fill=\"{fill}\"] {{ fill: "));
        let shown = there.map_or(fill, |(_, rest)| &rest[..7]);
        // The paper and the lines of the grid are to be dark.
        let is_ground = ["#FFFFFF", "#E2E2E2"].contains(&fill);
        assert_eq!(brightness(shown) < 90.0, is_ground, "{fill} is {shown}");
    }
}

#[test]
fn rows_of_longer_steps_say_which() {
    for (step, expected) in [
        (Step::Day, "2018-12-31"),
        (Step::Week, "2018-12-31"),
        (Step::Month, "2018-12"),
        (Step::Year, "2018"),
    ] {
        assert_eq!(slot(step, date!(2018 - 12 - 31)), expected, "{step:?}");
    }
}
