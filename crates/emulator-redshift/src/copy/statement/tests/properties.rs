//! The parser never panics, and reads back what it prints.

use proptest::prelude::*;

use super::*;
use crate::copy::options::{CompUpdate, Encoding, Simplify};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~\\\\'\"]{0,12}",
        "[a-z0-9/._-]{1,12}",
        prop::collection::vec(any::<char>(), 0..6).prop_map(String::from_iter),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_][a-z0-9_]{0,8}", text().prop_filter("a name", |name| !name.is_empty())]
}

fn source() -> impl Strategy<Value = CopySource> {
    ("[a-z0-9.-]{1,8}", text()).prop_map(|(bucket, key)| CopySource { bucket, key })
}

fn authorization() -> impl Strategy<Value = Authorization> {
    let secret = || Secret::new("***");
    prop_oneof![
        Just(Authorization::DefaultRole),
        prop::collection::vec("[a-z:/'\\\\]{1,9}", 1..3).prop_map(Authorization::Roles),
        Just(Authorization::Credentials(vec![
            (CredentialName::AccessKeyId, secret()),
            (CredentialName::SecretAccessKey, secret()),
        ])),
        "[a-z:/']{1,9}".prop_map(|role| Authorization::Credentials(vec![(
            CredentialName::IamRole,
            Secret::new(role)
        )])),
        any::<bool>().prop_map(move |token| Authorization::Keys {
            access_key_id: secret(),
            secret_access_key: secret(),
            session_token: token.then(secret),
        }),
    ]
}

fn format() -> impl Strategy<Value = Format> {
    let mapping = || {
        prop_oneof![
            Just(Mapping::Auto),
            Just(Mapping::AutoIgnoreCase),
            source().prop_map(Mapping::Paths)
        ]
    };
    prop_oneof![
        Just(Format::Text),
        Just(Format::Csv),
        text().prop_map(Format::FixedWidth),
        mapping().prop_map(Format::Json),
        Just(Format::Json(Mapping::NoShred)),
        Just(Format::Avro(Mapping::NoShred)),
        mapping().prop_map(Format::Avro),
        Just(Format::Parquet),
        Just(Format::Orc),
        prop::option::of((any::<bool>(), prop::option::of(text()))).prop_map(|simplify| {
            Format::Shapefile(simplify.map(|(auto, tolerance)| Simplify { auto, tolerance }))
        }),
    ]
}

fn flags() -> impl Strategy<Value = Vec<Flag>> {
    let all: Vec<Flag> = crate::copy::options::FLAGS.iter().map(|(_, flag)| *flag).collect();
    prop::sample::subsequence(all, 0..4)
}

prop_compose! {
    fn copy_options()(
        format in format(),
        compression in prop::option::of(prop::sample::select(vec![
            Compression::Gzip, Compression::Bzip2, Compression::Lzop, Compression::Zstd,
        ])),
        flags in flags(),
        texts in (prop::option::of(text()), prop::option::of(text()), prop::option::of(text()),
            prop::option::of(text())),
        characters in prop::option::of((b' '..=b'~').prop_map(char::from)),
        delimiter in prop::option::of("[|~,;'é\t\u{1}]{1,4}"),
        numbers in (prop::option::of(0..1000u64), prop::option::of(0..=100_000u64)),
        comp_update in prop::option::of(prop::sample::select(vec![
            CompUpdate::Preset, CompUpdate::On, CompUpdate::Off,
        ])),
        stat_update in prop::option::of(any::<bool>()),
        encoding in prop::option::of(prop::sample::select(vec![
            Encoding::Utf16Be, Encoding::Iso88591,
        ])),
    ) -> CopyOptions {
        let (region, null_as, date_format, time_format) = texts;
        let (ignore_header, max_error) = numbers;
        CopyOptions {
            format, compression, flags: flags.into_iter().collect(), region, null_as, date_format,
            time_format, delimiter, quote: characters, accept_inv_chars: characters,
            ignore_header, max_error, comp_update, stat_update, encoding,
            ..CopyOptions::default()
        }
    }
}

prop_compose! {
    fn statement()(
        names in (prop::option::of((prop::option::of(name()), name())), name()),
        columns in prop::option::of(prop::collection::vec(name(), 1..4)),
        source in source(),
        authorization in authorization(),
        mut options in copy_options(),
    ) -> CopyStatement {
        let (qualifiers, table) = names;
        let (database, schema) = match qualifiers {
            None => (None, None),
            Some((database, schema)) => (database, Some(schema)),
        };
        // Leave out what the parser refuses together, so that most statements parse.
        if options.format != Format::Csv {
            options.quote = None;
        }
        if matches!(options.format, Format::Json(_) | Format::Avro(_) | Format::FixedWidth(_)) {
            (options.delimiter, options.null_as) = (None, None);
        }
        if options.has(Flag::IgnoreAllErrors) {
            options.max_error = None;
        }
        CopyStatement { database, schema, table, columns, source, authorization, options }
    }
}

proptest! {
    #[test]
    fn a_printed_statement_parses_back(statement in statement()) {
        let printed = statement.to_string();
        match parse(&printed) {
            Ok(parsed) => {
                prop_assert_eq!(&parsed, &statement);
                prop_assert_eq!(parsed.to_string(), printed);
            }
            // Only conflicts may be refused.
            Err(error) => prop_assert!(
                error.message.contains("is not allowed with")
                    || error.message.contains("is only for")
                    || error.message.contains("is not supported for"),
                "{}: {}", printed, error
            ),
        }
    }

    #[test]
    fn any_text_parses_or_errs_within_itself(sql in any::<String>()) {
        is_copy(&sql);
        if let Err(error) = parse(&sql) {
            prop_assert!((1..=sql.chars().count() + 1).contains(&error.position));
        }
    }

    #[test]
    fn a_mutated_statement_parses_or_errs_within_itself(
        statement in statement(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<Option<char>>()), 1..6),
    ) {
        let mut characters: Vec<char> = statement.to_string().chars().collect();
        for (index, edit) in edits {
            if characters.is_empty() {
                break;
            }
            let index = index.index(characters.len());
            match edit {
                Some(character) => characters.insert(index, character),
                None => { characters.remove(index); }
            }
        }
        let sql: String = characters.iter().collect();
        match parse(&sql) {
            Ok(parsed) => {
                prop_assert_eq!(parse(&parsed.to_string()).map(|p| p.table), Ok(parsed.table));
            }
            Err(error) => prop_assert!((1..=characters.len() + 1).contains(&error.position)),
        }
    }
}
