//! Reads the options of a COPY, in any order.
//!
//! FORMAT and AS are noise before a format, AS is noise before an argument, a comma may stand
//! between options (Database Developer Guide, "COPY", syntax), and WITH before one.

use super::conflicts::refuse_conflicts;
use super::{COMPRESSIONS, CompUpdate, CopyOptions, ENCODINGS, FLAGS, Format, Mapping, Simplify};
use crate::copy::authorization::{AuthorizationParts, Secret};
use crate::copy::statement::CopySource;
use crate::copy::tokens::{CopySyntaxError, Cursor, Token, TokenKind, expected};

/// MAXERROR may not be larger ("Data load operations", MAXERROR).
const MAX_ERROR_MAX: u64 = 100_000;

/// "A number between 1000 and 2147483647" (there, COMPROWS).
const COMP_ROWS_MIN: u64 = 1000;
const COMP_ROWS_MAX: u64 = 2_147_483_647;

const FORMATS: [&str; 7] = ["CSV", "FIXEDWIDTH", "JSON", "AVRO", "PARQUET", "ORC", "SHAPEFILE"];

/// An option that was given, and where.
#[derive(Clone, Copy)]
pub(super) struct Given {
    pub(super) keyword: &'static str,
    pub(super) position: usize,
}

/// Reads everything up to `;`, the end, or what cannot begin an option.
pub(in crate::copy) fn parse_options(
    cursor: &mut Cursor<'_>,
    authorization: &mut AuthorizationParts,
) -> Result<CopyOptions, CopySyntaxError> {
    let mut options = CopyOptions::default();
    let mut given: Vec<Given> = Vec::new();
    let mut needs_option = false;
    loop {
        let token = cursor.peek().clone();
        if !matches!(token.kind, TokenKind::Word(_)) {
            if needs_option {
                return Err(expected("a COPY option", &token));
            }
            refuse_conflicts(&given, &options)?;
            return Ok(options);
        }
        cursor.advance()?;
        let token = skip_noise(cursor, token)?;
        let keyword = token.keyword();
        let known = match authorization.accept(&keyword, token.position, cursor)? {
            // The families are told apart there; the same part twice is seen here.
            true => AUTHORIZATIONS.iter().find(|known| **known == keyword).copied(),
            false => parse_option(&mut options, &token, cursor)?,
        };
        let Some(keyword) = known else {
            return Err(unknown(&token));
        };
        if given.iter().any(|earlier| earlier.keyword == keyword) {
            let message = format!("COPY option {keyword} is given twice");
            return Err(CopySyntaxError::new(message, token.position));
        }
        given.push(Given { keyword, position: token.position });
        needs_option = cursor.accept_symbol(',')?;
    }
}

const AUTHORIZATIONS: [&str; 5] =
    ["IAM_ROLE", "CREDENTIALS", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"];

/// WITH before an option, FORMAT and AS before a format; gives the keyword that follows. The guide
/// has WITH before CREDENTIALS only; statements of Redshift's users have it before others too.
fn skip_noise<'a>(cursor: &mut Cursor<'a>, token: Token<'a>) -> Result<Token<'a>, CopySyntaxError> {
    let is_format = |token: &Token<'_>| FORMATS.contains(&token.keyword().as_str());
    match token.keyword().as_str() {
        "WITH" if matches!(cursor.peek().kind, TokenKind::Word(_)) => match cursor.advance()? {
            twice if twice.keyword() == "WITH" => Ok(twice),
            option => skip_noise(cursor, option),
        },
        "FORMAT" => {
            cursor.accept("AS")?;
            match is_format(cursor.peek()) {
                true => cursor.advance(),
                false => Err(expected("a file format", cursor.peek())),
            }
        }
        "AS" if is_format(cursor.peek()) => cursor.advance(),
        _ => Ok(token),
    }
}

fn unknown(token: &Token<'_>) -> CopySyntaxError {
    let message = match token.keyword().as_str() {
        "JOB" => "COPY JOB is not emulated yet".to_string(),
        _ => format!("unknown COPY option {}", token.describe()),
    };
    CopySyntaxError::new(message, token.position)
}

/// Reads one option whose keyword is consumed; `None` if there is no such option.
fn parse_option(
    options: &mut CopyOptions,
    token: &Token<'_>,
    cursor: &mut Cursor<'_>,
) -> Result<Option<&'static str>, CopySyntaxError> {
    let keyword = token.keyword();
    if let Some((name, flag)) = FLAGS.iter().find(|(name, _)| *name == keyword) {
        options.flags.insert(*flag);
        return Ok(Some(name));
    }
    if let Some((name, compression)) = COMPRESSIONS.iter().find(|(name, _)| *name == keyword) {
        options.compression = Some(*compression);
        return Ok(Some(name));
    }
    if let Some(name) = FORMATS.iter().find(|name| **name == keyword) {
        options.format = parse_format(name, cursor)?;
        return Ok(Some(name));
    }
    parse_valued(options, &keyword, cursor)
}

fn parse_format(name: &str, cursor: &mut Cursor<'_>) -> Result<Format, CopySyntaxError> {
    Ok(match name {
        "CSV" => Format::Csv,
        "PARQUET" => Format::Parquet,
        "ORC" => Format::Orc,
        "FIXEDWIDTH" => {
            cursor.accept("AS")?;
            Format::FixedWidth(cursor.string(name)?)
        }
        "JSON" => Format::Json(parse_mapping(name, cursor)?),
        "AVRO" => Format::Avro(parse_mapping(name, cursor)?),
        _ => Format::Shapefile(parse_simplify(cursor)?),
    })
}

/// The argument of JSON and AVRO; without one it is 'auto'.
fn parse_mapping(name: &str, cursor: &mut Cursor<'_>) -> Result<Mapping, CopySyntaxError> {
    let needed = cursor.accept("AS")?;
    let token = cursor.peek().clone();
    let TokenKind::Literal { value, .. } = &token.kind else {
        return match needed {
            true => Err(CopySyntaxError::new(format!("{name} needs a string"), token.position)),
            false => Ok(Mapping::Auto),
        };
    };
    cursor.advance()?;
    // "You can use these options [noshred, auto, jsonpaths] with the JSON or Avro formats" ("Using
    // COPY to load data into SUPER columns"). Unlike TIMEFORMAT's, the guide does not call these keywords case-sensitive. [?]
    match value.to_ascii_lowercase().as_str() {
        "auto" => Ok(Mapping::Auto),
        "auto ignorecase" => Ok(Mapping::AutoIgnoreCase),
        "noshred" => Ok(Mapping::NoShred),
        _ => CopySource::parse(value).map(Mapping::Paths).ok_or_else(|| {
            let message = format!(
                "{name} needs 'auto', 'auto ignorecase', 'noshred' or the s3:// path of a file"
            );
            CopySyntaxError::new(message, token.position)
        }),
    }
}

fn parse_simplify(cursor: &mut Cursor<'_>) -> Result<Option<Simplify>, CopySyntaxError> {
    if !cursor.accept("SIMPLIFY")? {
        return Ok(None);
    }
    let auto = cursor.accept("AUTO")?;
    let tolerance = match &cursor.peek().kind {
        TokenKind::Literal { value, .. } => Some(value.clone()),
        _ => None,
    };
    if tolerance.is_some() {
        cursor.advance()?;
    }
    Ok(Some(Simplify { auto, tolerance }))
}

fn parse_valued(
    options: &mut CopyOptions,
    keyword: &str,
    cursor: &mut Cursor<'_>,
) -> Result<Option<&'static str>, CopySyntaxError> {
    let name = match keyword {
        "DELIMITER" => {
            options.delimiter = Some(parse_delimiter(cursor)?);
            "DELIMITER"
        }
        "QUOTE" => {
            options.quote = Some(character("QUOTE", cursor)?);
            "QUOTE"
        }
        "NULL" => {
            options.null_as = Some(parse_null(cursor)?);
            "NULL"
        }
        "ACCEPTINVCHARS" => {
            let explicit = cursor.accept("AS")?;
            let literal = matches!(cursor.peek().kind, TokenKind::Literal { .. });
            options.accept_inv_chars = Some(match explicit || literal {
                true => character("ACCEPTINVCHARS", cursor)?,
                false => '?',
            });
            "ACCEPTINVCHARS"
        }
        "REGION" => text("REGION", &mut options.region, cursor)?,
        "DATEFORMAT" => text("DATEFORMAT", &mut options.date_format, cursor)?,
        "TIMEFORMAT" => text("TIMEFORMAT", &mut options.time_format, cursor)?,
        "MASTER_SYMMETRIC_KEY" => {
            let mut key = None;
            let name = text("MASTER_SYMMETRIC_KEY", &mut key, cursor)?;
            options.master_symmetric_key = key.map(Secret::new);
            name
        }
        "IGNOREHEADER" => {
            count("IGNOREHEADER", i64::MAX as u64, &mut options.ignore_header, cursor)?
        }
        "MAXERROR" => count("MAXERROR", MAX_ERROR_MAX, &mut options.max_error, cursor)?,
        "COMPROWS" => {
            let position = cursor.peek().position;
            let name = count("COMPROWS", COMP_ROWS_MAX, &mut options.comp_rows, cursor)?;
            if options.comp_rows.is_some_and(|rows| rows < COMP_ROWS_MIN) {
                let message = format!("COMPROWS must be from {COMP_ROWS_MIN} to {COMP_ROWS_MAX}");
                return Err(CopySyntaxError::new(message, position));
            }
            name
        }
        "READRATIO" => count("READRATIO", 200, &mut options.read_ratio, cursor)?,
        "COMPUPDATE" => {
            options.comp_update = Some(match cursor.accept("PRESET")? {
                true => CompUpdate::Preset,
                false if switch(cursor)? => CompUpdate::On,
                false => CompUpdate::Off,
            });
            "COMPUPDATE"
        }
        "STATUPDATE" => {
            options.stat_update = Some(switch(cursor)?);
            "STATUPDATE"
        }
        "ENCODING" => {
            cursor.accept("AS")?;
            let token = cursor.advance()?;
            let keyword = token.keyword();
            let known = ENCODINGS.iter().find(|(name, _)| *name == keyword);
            let (_, encoding) = known.ok_or_else(|| expected("an encoding", &token))?;
            options.encoding = Some(*encoding);
            "ENCODING"
        }
        _ => return Ok(None),
    };
    Ok(Some(name))
}

fn text(
    name: &'static str,
    target: &mut Option<String>,
    cursor: &mut Cursor<'_>,
) -> Result<&'static str, CopySyntaxError> {
    cursor.accept("AS")?;
    *target = Some(cursor.string(name)?);
    Ok(name)
}

fn count(
    name: &'static str,
    max: u64,
    target: &mut Option<u64>,
    cursor: &mut Cursor<'_>,
) -> Result<&'static str, CopySyntaxError> {
    cursor.accept("AS")?;
    *target = Some(cursor.number(name, max)?);
    Ok(name)
}

/// `[AS] 'c'`: one ASCII character.
fn character(name: &str, cursor: &mut Cursor<'_>) -> Result<char, CopySyntaxError> {
    cursor.accept("AS")?;
    let position = cursor.peek().position;
    let text = cursor.string(name)?;
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(one), None) if one.is_ascii() && one != '\0' => Ok(one),
        _ => {
            Err(CopySyntaxError::new(format!("{name} must be a single ASCII character"), position))
        }
    }
}

/// `[AS] 'text'`: one character or several ("Data format parameters", DELIMITER). Programs double
/// the backslash of `'\t'` and `'\ddd'`, which the guide gives a meaning of their own: read these as
/// it does, not as several characters.
fn parse_delimiter(cursor: &mut Cursor<'_>) -> Result<String, CopySyntaxError> {
    cursor.accept("AS")?;
    let position = cursor.peek().position;
    let text = cursor.string("DELIMITER")?;
    if text.is_empty() {
        return Err(CopySyntaxError::new("DELIMITER must have at least one character", position));
    }
    if text == "\\t" {
        return Ok("\t".to_owned());
    }
    let octal = |part: &str| {
        let digits = part.len() == 3 && part.bytes().all(|digit| (b'0'..b'8').contains(&digit));
        digits.then(|| u8::from_str_radix(part, 8).ok())?
    };
    let mut parts = text.split('\\');
    let bytes: Option<Vec<u8>> =
        if parts.next() == Some("") { parts.map(octal).collect() } else { None };
    let named = bytes.filter(|bytes| !bytes.is_empty()).map(String::from_utf8);
    Ok(named.and_then(Result::ok).unwrap_or(text))
}

/// `[AS] 'text'`. The guide writes `'\N'` for the default null string, although a literal's
/// backslash is live: read that one as it is written.
fn parse_null(cursor: &mut Cursor<'_>) -> Result<String, CopySyntaxError> {
    cursor.accept("AS")?;
    if let TokenKind::Literal { written: "\\N", .. } = cursor.peek().kind {
        cursor.advance()?;
        return Ok("\\N".to_string());
    }
    cursor.string("NULL")
}

/// `[ON | TRUE | OFF | FALSE]`; nothing means ON.
fn switch(cursor: &mut Cursor<'_>) -> Result<bool, CopySyntaxError> {
    for (keyword, value) in [("ON", true), ("TRUE", true), ("OFF", false), ("FALSE", false)] {
        if cursor.accept(keyword)? {
            return Ok(value);
        }
    }
    Ok(true)
}
