//! What Postgres says and a client of Redshift is not to hear, or not so: that functions of ours
//! stand behind an error, that VACUUM passes over Postgres' own catalog, words of later versions.

use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};

use crate::catalog::is_own_function;
use crate::wire::Frame;

/// An ErrorResponse or NoticeResponse in Redshift's words and without the context that is ours;
/// `None` if it is so already. All of it is, while a COPY is executed.
pub(super) fn as_redshift_says(frame: &Frame, copying: bool) -> Option<Bytes> {
    let text = |code| String::from_utf8_lossy(frame.error_field(code).unwrap_or_default());
    let (context, message) = (text(b'W'), text(b'M'));
    let others = if copying { String::new() } else { others_context(&context) };
    let notice = frame.tag() == b'N';
    let reworded = if notice { skipping(&message) } else { reworded(&message) };
    // What Postgres says besides is of a clause that Redshift lacks.
    let sets_identity = text(b'C') == "428C9";
    if others == context && reworded == message {
        return None;
    }
    let mut body = BytesMut::new();
    let mut fields = frame.fields();
    while let Some([code]) = fields.array::<1>() {
        let Some(value) = fields.text() else { break };
        let value = match code {
            b'W' if others.is_empty() => continue,
            b'D' | b'H' if sets_identity => continue,
            // Of a statement inside a function.
            b'p' | b'q' if others != context => continue,
            b'W' => others.as_bytes(),
            b'M' => reworded.as_bytes(),
            b'S' | b'V' if notice && reworded != message => b"INFO",
            _ => value,
        };
        body.put_u8(code);
        body.put_slice(value);
        body.put_u8(0);
    }
    body.put_u8(0);
    let mut bytes = BytesMut::new();
    bytes.put_u8(frame.tag());
    bytes.put_u32(u32::try_from(4 + body.len()).ok()?);
    bytes.put_slice(&body);
    Some(bytes.freeze())
}

/// The message as Redshift has it: it does not tell tables from views where a privilege lacks
/// (amazon-redshift-utils #648), as PostgreSQL did not until version 11. The length of a VARBYTE is
/// checked by another type of Postgres.
fn reworded(message: &str) -> Cow<'_, str> {
    if let Some(rule) = message.strip_prefix("length for type varbit ") {
        return Cow::Owned(format!("length for type varbyte {rule}"));
    }
    let sets_identity = message.starts_with("cannot insert a non-DEFAULT value into column ")
        || (message.starts_with("column ") && message.ends_with(" can only be updated to DEFAULT"));
    if sets_identity {
        return Cow::Borrowed("cannot set an identity column to a value");
    }
    for refusal in ["permission denied for ", "must be owner of "] {
        let Some(object) = message.strip_prefix(refusal) else { continue };
        for kind in ["table ", "view ", "materialized view "] {
            if let Some(name) = object.strip_prefix(kind) {
                return Cow::Owned(format!("{refusal}relation {name}"));
            }
        }
    }
    Cow::Borrowed(message)
}

/// What IF EXISTS and IF NOT EXISTS say of what they pass over, as dbcrossbar #41 has it.
fn skipping(message: &str) -> Cow<'_, str> {
    let Some(fact) = message.strip_suffix(", skipping") else { return Cow::Borrowed(message) };
    let kinds = ["table", "view", "schema", "relation"];
    let Some(kind) = kinds.into_iter().find(|kind| fact.starts_with(&format!("{kind} \""))) else {
        return Cow::Borrowed(message);
    };
    let (first, rest) = kind.split_at(1);
    let fact = &fact[kind.len()..];
    Cow::Owned(format!("{}{rest}{fact} and will be skipped", first.to_uppercase()))
}

/// The lines that do not come from a function of ours. A line that names no function belongs to
/// the next that does.
fn others_context(context: &str) -> String {
    let mut kept = Vec::new();
    let mut pending = Vec::new();
    for line in context.lines() {
        pending.push(line);
        let Some(function) = function_of(line) else { continue };
        if function == "inline_code_block" || is_own_function(function) {
            pending.clear();
        }
        kept.append(&mut pending);
    }
    kept.append(&mut pending);
    kept.join("\n")
}

/// The function that a line of a context names.
fn function_of(line: &str) -> Option<&str> {
    if let Some(rest) = line.strip_prefix("PL/pgSQL function ") {
        return rest.split(['(', ' ']).next();
    }
    line.strip_prefix("SQL function \"")?.split('"').next()
}

/// The tables of `information_schema`, and those of `catalog`.
const INFORMATION: [&str; 4] =
    ["sql_features", "sql_implementation_info", "sql_parts", "sql_sizing"];
const OWN_TABLES: [&str; 2] = ["blueshift_tables", "blueshift_columns"];

/// Whether a notice only says that VACUUM or ANALYZE leaves out a relation of Postgres' catalog.
pub(super) fn is_about_catalog(frame: &Frame) -> bool {
    let message = frame.error_field(b'M').unwrap_or_default();
    let message = String::from_utf8_lossy(message);
    let skips = message.contains("skipping")
        && ["vacuum", "analyze"].iter().any(|word| message.contains(word));
    let relation = message.split('"').nth(1).unwrap_or_default();
    // Postgres 14 and 15 tell the two apart, but for the tables of information_schema.
    let is_users = message.contains("only table or database owner");
    skips
        && (INFORMATION.contains(&relation)
            || (!is_users && (relation.starts_with("pg_") || OWN_TABLES.contains(&relation))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SqlError;
    use pgwire::messages::Message;

    #[test]
    fn only_the_context_of_our_functions_goes() {
        let check = |context: &str, expected: &str| {
            assert_eq!(others_context(context), expected);
        };
        let ours = "PL/pgSQL function blueshift_varbyte(varbyte,integer,boolean) line 6 at RAISE";
        let users = "PL/pgSQL function load(integer) line 3 at SQL statement";
        check(ours, "");
        check(&format!("{ours}\nSQL function \"to_varbyte\" statement 1"), "");
        check(users, users);
        check(
            &format!("{ours}\nSQL statement \"insert\n into t\"\n{users}"),
            &format!("SQL statement \"insert\n into t\"\n{users}"),
        );
        check(
            "SQL statement \"LOCK t\"\nPL/pgSQL function inline_code_block line 1 at SQL statement",
            "",
        );
        check("COPY t, line 1", "COPY t, line 1");
    }

    #[test]
    fn a_privilege_that_lacks_is_one_of_a_relation() {
        for (message, expected) in [
            ("permission denied for table t", "permission denied for relation t"),
            ("permission denied for view v", "permission denied for relation v"),
            ("must be owner of materialized view v", "must be owner of relation v"),
            ("permission denied for schema s", "permission denied for schema s"),
            ("table t does not exist", "table t does not exist"),
        ] {
            assert_eq!(reworded(message), expected);
        }
        let mut bytes = BytesMut::new();
        let mut response = SqlError::new("42501", "permission denied for table t").response();
        response.fields.push((b'W', "COPY t".to_owned()));
        response.encode(&mut bytes).unwrap();
        let frame = Frame::take(&mut bytes).unwrap().unwrap();
        let told = as_redshift_says(&frame, false).unwrap();
        let told = Frame::take(&mut BytesMut::from(&told[..])).unwrap().unwrap();
        let copying = as_redshift_says(&frame, true).unwrap();
        let copying = Frame::take(&mut BytesMut::from(&copying[..])).unwrap().unwrap();
        assert_eq!(copying.error_field(b'W'), None);
        assert_eq!(told.error_field(b'M'), Some(&b"permission denied for relation t"[..]));
        assert_eq!(told.error_field(b'W'), Some(&b"COPY t"[..]));
        assert_eq!(told.error_field(b'C'), Some(&b"42501"[..]));
    }

    #[test]
    fn what_is_passed_over_is_said_as_information() {
        for (message, expected) in [
            (
                "table \"t\" does not exist, skipping",
                "Table \"t\" does not exist and will be skipped",
            ),
            (
                "relation \"t\" already exists, skipping",
                "Relation \"t\" already exists and will be skipped",
            ),
            ("function f() does not exist, skipping", "function f() does not exist, skipping"),
            ("something else", "something else"),
        ] {
            assert_eq!(skipping(message), expected);
        }
    }

    #[test]
    fn of_tables_left_out_users_hear_of_their_own() {
        let check = |message: &str, expected: bool| {
            let mut bytes = BytesMut::new();
            crate::error::info_notice(message).encode(&mut bytes).unwrap();
            let frame = Frame::take(&mut bytes).unwrap().unwrap();
            assert_eq!(is_about_catalog(&frame), expected, "{message}");
        };
        check("skipping \"pg_authid\" --- only superuser can vacuum it", true);
        check("skipping \"pg_type\" --- only superuser or database owner can vacuum it", true);
        check("skipping \"sql_parts\" --- only table or database owner can analyze it", true);
        check("skipping \"sql_mine\" --- only table or database owner can analyze it", false);
        check("skipping \"pg_mine\" --- only table or database owner can vacuum it", false);
        check("permission denied to vacuum \"blueshift_tables\", skipping it", true);
        check("permission denied to vacuum \"blueshift_mine\", skipping it", false);
        check("relation \"pg_type\" already exists, skipping", false);
    }

    #[test]
    fn everything_else_of_the_message_stays() {
        let mut bytes = BytesMut::new();
        let mut response = SqlError::new("22001", "too long").with_hint("cut it").response();
        response.fields.push((b'W', "SQL function \"to_varbyte\" statement 1".to_owned()));
        response.encode(&mut bytes).unwrap();
        let frame = Frame::take(&mut bytes).unwrap().unwrap();
        let told = as_redshift_says(&frame, false).unwrap();
        let told = Frame::take(&mut BytesMut::from(&told[..])).unwrap().unwrap();
        assert_eq!(told.error_field(b'W'), None);
        assert_eq!(told.error_field(b'M'), Some(&b"too long"[..]));
        assert_eq!(told.error_field(b'H'), Some(&b"cut it"[..]));
        assert_eq!(as_redshift_says(&told, false), None);
    }
}
