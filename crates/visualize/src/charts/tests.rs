//! Pictures of many shapes of series: two to be looked at, the others checked for what must hold.

use time::macros::date;
use time::{Date, Duration};

use super::*;
use crate::series::{self, DayCount};

const DEVICES: [&str; 2] = ["android", "ios"];

/// A series of `days` days from a Thursday on, with a count for each day and group.
fn series(event: &str, groups: &[&str], days: i64, count: impl Fn(i64, usize) -> u64) -> Series {
    let first: Date = date!(2018 - 12 - 27);
    let rows: Vec<DayCount> = (0..days)
        .flat_map(|day| (0..groups.len()).map(move |group| (day, group)))
        .map(|(day, group)| DayCount {
            event: event.to_owned(),
            day: first + Duration::days(day),
            group: Some(groups[group].to_owned()),
            count: count(day, group),
        })
        .collect();
    series::assemble(&rows, &[event.to_owned()]).remove(0)
}

fn draw(series: &Series) -> Picture {
    grouped_bars(series, "context_device_type")
}

/// A number that looks measured and is the same everywhere.
fn measured(day: i64, group: usize) -> u64 {
    let group = i64::try_from(group).unwrap();
    u64::try_from(40 + (day * 37 + group * 53) % 61 + day / 2).unwrap()
}

fn pixels(png: &[u8]) -> Vec<u8> {
    let mut reader = png::Decoder::new(png).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((frame.width, frame.height), SIZE);
    assert_eq!(frame.color_type, png::ColorType::Rgb);
    pixels
}

fn count_of(pixels: &[u8], color: [u8; 3]) -> usize {
    pixels.chunks_exact(3).filter(|pixel| *pixel == color).count()
}

/// The text of every `<text>` element of an SVG.
fn texts(svg: &str) -> Vec<&str> {
    svg.split("<text ")
        .skip(1)
        .map(|element| {
            let (_, rest) = element.split_once(">\n").unwrap();
            rest.split_once("\n</text>").unwrap().0
        })
        .collect()
}

#[test]
fn two_weeks_of_two_devices_over_new_year() {
    let picture = draw(&series("submission_success", &DEVICES, 14, measured));
    insta::assert_binary_snapshot!("two_weeks.svg", picture.svg.into_bytes());
}

#[test]
fn an_event_without_rows_is_a_picture_that_says_so() {
    let picture = draw(&series("submission_success", &DEVICES, 0, measured));
    assert!(1_000 < count_of(&pixels(&picture.png), [0x22, 0x22, 0x22]), "the title is there");
    insta::assert_binary_snapshot!("no_rows.svg", picture.svg.into_bytes());
}

#[test]
fn the_png_shows_the_same_bars_as_the_svg() {
    let picture = draw(&series("submission_success", &DEVICES, 2, |day, _| 10 - 5 * day as u64));
    let pixels = pixels(&picture.png);
    for (color, hex) in [([0x33, 0x22, 0x88], "#332288"), ([0xcc, 0x66, 0x77], "#CC6677")] {
        let rects = picture.svg.lines().filter(|line| line.contains(&format!("fill=\"{hex}\"")));
        let number = |line: &str, name: &str| -> usize {
            let (_, rest) = line.split_once(&format!(" {name}=\"")).unwrap();
            rest.split_once('"').unwrap().0.parse().unwrap()
        };
        let area: usize = rects.map(|line| number(line, "width") * number(line, "height")).sum();
        assert!(10_000 < area, "{hex} covers {area}");
        assert_eq!(count_of(&pixels, color), area, "{hex}");
    }
}

#[test]
fn every_shape_of_series_gives_a_picture_with_all_its_ink_inside() {
    let twelve: Vec<String> = (0..12).map(|index| format!("group {index}")).collect();
    let twelve: Vec<&str> = twelve.iter().map(String::as_str).collect();
    let endless = "name ".repeat(100);
    let ten: Vec<String> = (0..10).map(|index| format!("{index} {endless}")).collect();
    let ten: Vec<&str> = ten.iter().map(String::as_str).collect();
    for (name, series) in [
        ("one day", series("a", &DEVICES, 1, measured)),
        ("thirty days", series("a", &DEVICES, 30, measured)),
        ("four hundred days", series("a", &DEVICES, 400, measured)),
        ("forty years", series("a", &DEVICES, 15_000, measured)),
        ("twelve groups", series("a", &twelve, 30, measured)),
        ("all zero", series("a", &DEVICES, 3, |_, _| 0)),
        ("one against all", series("a", &DEVICES, 3, |_, group| [1, u64::MAX / 8][group])),
        ("endless names", series(&endless, &ten, 7, measured)),
        ("odd names", series("\u{202e}日本\u{0}", &["", " ", "\u{1b}[2J", "🦀"], 7, measured)),
    ] {
        let picture = draw(&series);
        let pixels = pixels(&picture.png);
        let (width, height) = (SIZE.0 as usize, SIZE.1 as usize);
        let blank = |x: usize, y: usize| pixels[3 * (y * width + x)..][..3] == [0xff; 3];
        let margin = 10;
        for x in 0..width {
            for y in (0..margin).chain(height - margin..height) {
                assert!(blank(x, y), "{name}: ink at {x}, {y}");
            }
        }
        for y in 0..height {
            for x in (0..margin).chain(width - margin..width) {
                assert!(blank(x, y), "{name}: ink at {x}, {y}");
            }
        }
        assert!(texts(&picture.svg).len() > 4, "{name}");
        assert_eq!(picture, draw(&series), "{name}: the same series, the same picture");
    }
}

#[test]
fn hostile_names_are_text_in_the_svg_and_nothing_else() {
    let hostile = "</text><script>alert('1')</script> & \"\u{0}\u{1b}\u{ffff}\n";
    let picture = grouped_bars(&series(hostile, &[hostile], 2, measured), hostile);
    let expected = "&lt;/text&gt;&lt;script&gt;alert(&apos;1&apos;)&lt;/script&gt; &amp; &quot;\
        \u{fffd}\u{fffd}\u{fffd} ";
    let texts = texts(&picture.svg);
    assert_eq!(texts[0], expected, "the title");
    assert!(texts[1].ends_with(expected), "the subtitle: {}", texts[1]);
    assert!(texts[2].starts_with("&lt;/text&gt;&lt;script&gt;"), "the legend: {}", texts[2]);
    assert!(!picture.svg.contains("<script"));
    assert!(picture.svg.chars().all(|character| character == '\n' || !character.is_control()));
}

#[test]
fn bars_carry_their_counts_where_there_is_room() {
    let wide = draw(&series("a", &DEVICES, 2, |day, group| 3_100 + day as u64 * 10 + group as u64));
    for label in ["3,100", "3,101", "3,110", "3,111"] {
        assert!(texts(&wide.svg).contains(&label), "{label}");
    }
    let narrow = draw(&series("a", &DEVICES, 60, |_, _| 3_100));
    assert!(!texts(&narrow.svg).contains(&"3,100"));
}
