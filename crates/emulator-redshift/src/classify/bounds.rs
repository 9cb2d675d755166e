//! Bounds of the guide that no pattern of words tells: passwords ("CREATE USER", "ALTER USER") and
//! recursive queries ("WITH clause").

use crate::error::SqlError;
use crate::sql::statement::Statement;
use crate::sql::tokens::Kind;

/// Refuses a password that is too weak, and UNION without ALL in a recursive query.
pub(super) fn judge(statement: &Statement<'_>) -> Result<(), SqlError> {
    if statement.leads("create user") || statement.leads("alter user") {
        return passwords(statement);
    }
    recursion(statement)
}

fn passwords(statement: &Statement<'_>) -> Result<(), SqlError> {
    for at in 3..statement.tokens.len() {
        let is_password =
            statement.is_word(at - 1, "password") && statement.tokens[at].kind == Kind::Text;
        if !is_password {
            continue;
        }
        let text = statement.text(at);
        let Some(password) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''))
        else {
            continue;
        };
        if let Some(rule) = broken_rule(password) {
            // The password is in no message.
            let message = format!("invalid password: it must {rule}");
            return Err(SqlError::new("22023", message).at(statement, at));
        }
    }
    Ok(())
}

/// What a password in clear text must be and is not ("CREATE USER").
fn broken_rule(password: &str) -> Option<&'static str> {
    let is_hash = password
        .strip_prefix("md5")
        .is_some_and(|hash| hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if is_hash || password.starts_with("sha256|") {
        return None;
    }
    let has = |test: fn(&u8) -> bool| password.bytes().any(|byte| test(&byte));
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"'\"\\/@".contains(&byte);
    match () {
        () if !(8..=64).contains(&password.chars().count()) => Some("have 8 to 64 characters"),
        () if !has(u8::is_ascii_uppercase) => Some("contain an uppercase letter"),
        () if !has(u8::is_ascii_lowercase) => Some("contain a lowercase letter"),
        () if !has(u8::is_ascii_digit) => Some("contain a number"),
        () if !password.bytes().all(is_allowed) => {
            Some("consist of printable ASCII characters other than ', \", \\, /, @ and space")
        }
        () => None,
    }
}

/// A query of WITH RECURSIVE that reads itself is made by UNION ALL.
fn recursion(statement: &Statement<'_>) -> Result<(), SqlError> {
    let count = statement.tokens.len();
    let Some(with) = (0..count).find(|at| statement.matches(*at, "with recursive")) else {
        return Ok(());
    };
    let mut at = with + 2;
    while let Some(name) = statement.identifier(at) {
        at += 1;
        if statement.is_symbol(at, b'(') {
            at = statement.after_parenthesis(at);
        }
        if !statement.matches(at, "as (") {
            break;
        }
        let end = statement.after_parenthesis(at + 1);
        let body = at + 2..end;
        let reads_itself =
            body.clone().any(|at| statement.identifier(at).is_some_and(|used| used == name));
        let mut inside = body.start;
        while reads_itself && inside < end {
            if statement.is_word(inside, "union") && !statement.is_word(inside + 1, "all") {
                let message = "Redshift does not support UNION without ALL in a recursive query";
                return Err(SqlError::new("0A000", message)
                    .with_hint("use UNION ALL, and DISTINCT outside")
                    .at(statement, inside));
            }
            let open = statement.is_symbol(inside, b'(');
            inside = if open { statement.after_parenthesis(inside) } else { inside + 1 };
        }
        at = end + 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, expected: Option<&str>) {
        let error = judge(&Statement::new(sql)).err();
        assert_eq!(error.as_ref().map(|error| error.message.as_str()), expected, "{sql}");
    }

    #[test]
    fn passwords_have_the_guides_form() {
        for (password, rule) in [
            ("Short1a", "have 8 to 64 characters"),
            ("lowercase1", "contain an uppercase letter"),
            ("UPPERCASE1", "contain a lowercase letter"),
            ("NoDigits", "contain a number"),
        ] {
            let expected = format!("invalid password: it must {rule}");
            check(&format!("create user u password '{password}'"), Some(&expected));
            check(&format!("alter user u with password '{password}'"), Some(&expected));
        }
        let others = "invalid password: it must consist of printable ASCII characters other than \
                      ', \", \\, /, @ and space";
        check("create user u password 'Aa345678@'", Some(others));
        check("create user u password 'Aa345678'", None);
        check("create user u password 'md5153c434b4b77c89e6b94f12c5393af5b'", None);
        check("create user u password 'sha256|Mypassword1'", None);
        check("create user u password disable", None);
    }

    #[test]
    fn recursive_queries_are_made_by_union_all() {
        let refused = "Redshift does not support UNION without ALL in a recursive query";
        check(
            "with recursive a (n) as (select 1 union select n + 1 from a) select 1",
            Some(refused),
        );
        check("with recursive a as (select 1 union all select 2 from a) select 1", None);
        check("with recursive a as (select 1 union select 2) select 1 union select 2", None);
        check(
            "with recursive b as (select 1), a as (select 1 union select 2 from a) select 1",
            Some(refused),
        );
    }
}
