//! One self-contained HTML page of a run: every chart, and the counts behind it as a table.
//!
//! Pure: the same series give the same bytes. Has no scripts and asks for nothing outside itself,
//! which its content security policy says to the browser too. Knows neither files nor SQL. Every
//! name comes from the data and may be hostile: it reaches the page through [`escape`] alone.

use std::fmt::Write;

use time::macros::format_description;
use time::{Date, OffsetDateTime};

use crate::charts::{color, drawable, grouped, subtitle};
use crate::series::{Group, Series, Step};

const STYLE: &str = include_str!("report.css");

/// What all charts of a run have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report<'a> {
    /// The table as it stands in SQL.
    pub(crate) table: &'a str,
    /// The column whose values are the groups.
    pub(crate) group_by: &'a str,
    /// When the charts were drawn.
    pub(crate) drawn_at: OffsetDateTime,
}

/// An event's counts and the SVG document that shows them.
pub(crate) type Chart<'a> = (&'a Series, &'a str);

impl Report<'_> {
    /// The whole page.
    pub(crate) fn html(&self, charts: &[Chart<'_>]) -> String {
        let mut page = String::new();
        self.write(&mut page, charts).expect("writing to a string cannot fail");
        page
    }

    fn write(&self, page: &mut String, charts: &[Chart<'_>]) -> std::fmt::Result {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        let drawn_at = self.drawn_at.to_offset(time::UtcOffset::UTC);
        let drawn_at = drawn_at.format(format).expect("every time has these parts");
        let (table, group_by) = (escape(self.table), escape(self.group_by));
        write!(
            page,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" \
             content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>Events of table {table}, {drawn_at} UTC</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n\
             <h1>How often events happened</h1>\n\
             <p>Table <code>{table}</code>, by <code>{group_by}</code>. \
             Drawn <time datetime=\"{machine}Z\">{drawn_at} UTC</time>.</p>\n\
             </header>\n<main>\n",
            machine = drawn_at.replace(' ', "T"),
        )?;
        write_overview(page, charts)?;
        for (index, chart) in charts.iter().enumerate() {
            self.write_event(page, index + 1, *chart)?;
        }
        page.push_str("</main>\n</body>\n</html>\n");
        Ok(())
    }

    fn write_event(
        &self,
        page: &mut String,
        number: usize,
        (series, svg): Chart<'_>,
    ) -> std::fmt::Result {
        let event = escape(&series.event);
        let description = escape(&subtitle(series, self.group_by));
        // The drawing itself has no ids, so these cannot clash with any.
        write!(
            page,
            "<section class=\"event\" id=\"event-{number}\" aria-labelledby=\"name-{number}\">\n\
             <h2 id=\"name-{number}\">{event}</h2>\n\
             <svg class=\"chart\" role=\"img\" aria-labelledby=\"title-{number} text-{number}\" \
             viewBox=\"0 0 {width} {height}\" xmlns=\"http://www.w3.org/2000/svg\">\n\
             <title id=\"title-{number}\">{event}</title>\n\
             <desc id=\"text-{number}\">{description}</desc>\n{drawing}</svg>\n",
            width = crate::charts::SIZE.0,
            height = crate::charts::SIZE.1,
            drawing = inside(svg),
        )?;
        if !series.slots.is_empty() {
            self.write_counts(page, number, series)?;
        }
        page.push_str("</section>\n");
        Ok(())
    }

    fn write_counts(&self, page: &mut String, number: usize, series: &Series) -> std::fmt::Result {
        let step = match series.step {
            Step::Day => "day",
            Step::Week => "week from Monday",
            Step::Month => "month",
            Step::Year => "year",
        };
        let group_by = escape(self.group_by);
        write!(
            page,
            "<div class=\"counts\" role=\"region\" aria-labelledby=\"counts-{number}\" \
             tabindex=\"0\">\n<table>\n\
             <caption id=\"counts-{number}\">Events per {step} and <code>{group_by}</code>\
             </caption>\n<thead>\n<tr><th scope=\"col\">{step}</th>",
        )?;
        for Group { label, color_index, .. } in &series.groups {
            let (color, label) = (color(*color_index), escape(label));
            write!(
                page,
                "<th scope=\"col\" class=\"number\"><svg class=\"swatch\" viewBox=\"0 0 1 1\" \
                 aria-hidden=\"true\"><rect width=\"1\" height=\"1\" fill=\"{color}\"/></svg>\
                 {label}</th>"
            )?;
        }
        page.push_str("<th scope=\"col\" class=\"number\">all</th></tr>\n</thead>\n<tbody>\n");
        for (index, day) in series.slots.iter().enumerate() {
            let counts = series.groups.iter().map(|group| group.counts[index]);
            write_row(page, &slot(series.step, *day), counts)?;
        }
        page.push_str("</tbody>\n<tfoot>\n");
        write_row(page, "all", series.groups.iter().map(|group| sum(&group.counts)))?;
        page.push_str("</tfoot>\n</table>\n</div>\n");
        Ok(())
    }
}

fn write_overview(page: &mut String, charts: &[Chart<'_>]) -> std::fmt::Result {
    page.push_str(
        "<table class=\"overview\">\n<thead>\n<tr><th scope=\"col\">event</th>\
         <th scope=\"col\">first day</th><th scope=\"col\">last day</th>\
         <th scope=\"col\" class=\"number\">events</th></tr>\n</thead>\n<tbody>\n",
    );
    for (index, (series, _)) in charts.iter().enumerate() {
        let (number, event) = (index + 1, escape(&series.event));
        let day = |day: Option<Date>| day.map_or("–".to_owned(), |day| day.to_string());
        let (first, last) = (day(series.span.map(|it| it.0)), day(series.span.map(|it| it.1)));
        let total = number_of(series.total());
        writeln!(
            page,
            "<tr><th scope=\"row\"><a href=\"#event-{number}\">{event}</a></th>\
             <td>{first}</td><td>{last}</td><td class=\"number\">{total}</td></tr>"
        )?;
    }
    let total = charts.iter().map(|(series, _)| series.total()).fold(0, u64::saturating_add);
    write!(
        page,
        "</tbody>\n<tfoot>\n<tr><th scope=\"row\" colspan=\"3\">all</th>\
         <td class=\"number\">{}</td></tr>\n</tfoot>\n</table>\n",
        number_of(total)
    )
}

/// A row of counts, and their sum at its end.
fn write_row(
    page: &mut String,
    heading: &str,
    counts: impl Iterator<Item = u64>,
) -> std::fmt::Result {
    let counts: Vec<u64> = counts.collect();
    write!(page, "<tr><th scope=\"row\">{heading}</th>")?;
    for count in counts.iter().copied().chain([sum(&counts)]) {
        write!(page, "<td class=\"number\">{}</td>", number_of(count))?;
    }
    page.push_str("</tr>\n");
    Ok(())
}

fn sum(counts: &[u64]) -> u64 {
    counts.iter().copied().fold(0, u64::saturating_add)
}

fn number_of(count: u64) -> String {
    grouped(u128::from(count))
}

/// What a row of the table of counts is about.
fn slot(step: Step, first: Date) -> String {
    match step {
        Step::Day | Step::Week => first.to_string(),
        Step::Month => format!("{:04}-{:02}", first.year(), u8::from(first.month())),
        Step::Year => format!("{:04}", first.year()),
    }
}

/// The drawing of an SVG document, without its root element.
fn inside(svg: &str) -> &str {
    let inside = svg.split_once('>').map_or("", |(_, rest)| rest);
    inside.rsplit_once("</svg>").map_or(inside, |(drawing, _)| drawing).trim_start()
}

/// `text` as HTML shows it, in an element as in an attribute. What would turn the direction of
/// writing, or is no character at all, becomes `U+FFFD`.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars().map(drawable) {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
